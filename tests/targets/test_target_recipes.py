"""Recipes are read strictly: a typing error must not start another server."""

from __future__ import annotations

import pytest

from conformance.targets import recipes
from conformance.targets.recipes import RecipeError, all_recipes, load

GOOD = """
name = "own"
summary = "A server that a team wrote"
homepage = "https://example.org"
platforms = ["linux", "darwin"]
model_format = "safetensors"
[install]
how = "venv"
requirements = ["own==1.0"]
distribution = "own"
[start]
command = ["{python}", "-m", "own", "{model}", "--port", "{port}"]
env = { OWN = "{scratch}" }
served_model = "{name}"
health = "/health"
ready_timeout_s = 60
[claims]
operations = ["chat.completions.create"]
source = "https://example.org/api"
"""


def write(tmp_path, text):
    path = tmp_path / "own.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_every_shipped_recipe_loads():
    found = {recipe.name: recipe for recipe in all_recipes()}
    assert sorted(found) == [
        "docker-model-runner",
        "llama.cpp",
        "mlx-lm",
        "reference",
        "vllm-cpu",
        "vllm-cuda",
        "vllm-metal",
        "vllm-mlx",
    ]
    assert found["docker-model-runner"].base_path == "/engines/v1"
    assert found["vllm-cpu"].install.remove == ("torchvision", "torchaudio", "torchcodec")


@pytest.mark.parametrize("recipe", all_recipes(), ids=lambda recipe: recipe.name)
def test_a_recipe_that_was_never_run_says_so(recipe):
    comments = recipe.path.read_text(encoding="utf-8").split("name =")[0]
    said = "Not run here" in comments
    assert said == (recipe.proven == "")


def test_a_file_of_one_s_own(tmp_path):
    recipe = load(write(tmp_path, GOOD))
    assert (recipe.name, recipe.proven, recipe.base_path, recipe.url) == ("own", "", "/v1", None)
    assert recipe.start and recipe.start.ready_timeout_s == 60.0
    assert recipe.start.env == {"OWN": "{scratch}"}
    assert recipe.start.gives_up == ""


def test_what_a_server_says_when_it_gives_up(tmp_path):
    text = GOOD.replace("ready_timeout_s = 60", 'ready_timeout_s = 60\ngives_up = "cannot load"')
    recipe = load(write(tmp_path, text))
    assert recipe.start and recipe.start.gives_up == "cannot load"


PARSERS = """
[start.models.thinker]
arguments = ["--parser", "{name}"]
"""


def test_arguments_of_one_model_are_added_for_that_model_alone(tmp_path):
    start = load(write(tmp_path, GOOD + PARSERS)).start
    assert start and start.command_for("thinker") == (*start.command, "--parser", "{name}")
    assert start.command_for("another") == start.command


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("arguments =", "argument =", "start.models.thinker.arguments is missing"),
        ('["--parser", "{name}"]', "[]", "start.models.thinker.arguments must be a list with at"),
        ("arguments =", "x = 1\narguments =", "start.models.thinker.x is no field"),
        ("{name}", "{nam}", "start.models.thinker.arguments must be no other placeholders"),
        ("[start.models.thinker]\narguments", "[start.models]\nthinker", "must be a table of ta"),
    ],
)
def test_broken_arguments_of_one_model_are_named(tmp_path, old, new, message):
    path = write(tmp_path, GOOD + PARSERS.replace(old, new))
    with pytest.raises(RecipeError, match=r"^.*own\.toml: start\.models") as caught:
        load(path)
    assert message in str(caught.value)


@pytest.mark.parametrize("name", ["reference", "vllm-cpu", "vllm-cuda"])
def test_production_parses_what_the_scripted_model_says(name):
    start = load(name).start
    assert start and {"--tool-call-parser", "--reasoning-parser"} < set(start.arguments["scripted"])
    assert "--tool-call-parser" not in start.command_for("SmolLM2-135M-Instruct")


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(RecipeError, match=r"No backend is called 'mlx'; .*mlx-lm, reference"):
        load("mlx")


def test_a_file_that_does_not_exist(tmp_path):
    with pytest.raises(RecipeError, match=r"none\.toml: cannot be read \(No such file"):
        load(str(tmp_path / "none.toml"))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('name = "own"', "", "name is missing"),
        ('name = "own"', "name = 3", "name must be a string that is not empty"),
        ('summary = "A server', 'sumary = "x"\nsummary = "A', "sumary is no field"),
        ('how = "venv"', 'how = "pip"', "install.how must be one of venv, command-on-path, ext"),
        ('distribution = "own"', 'how2 = "x"\ndistribution = "own"', "install.how2 is no field"),
        ('["own==1.0"]', '"own==1.0"', "install.requirements must be a list of strings"),
        ('["own==1.0"]', "[]", "install.requirements must be a list with at least one string"),
        ("[install]", '[installation]\nx = "y"\n[install]', "installation is no field"),
        ('"darwin"]', '"windows"]', "platforms must be a list of linux, darwin, not 'windows'"),
        ('"{model}", ', '"{modle}", ', "start.command must be no other placeholders than"),
        (', "--port", "{port}"', "", "start.command must be {port} somewhere in it"),
        ("= 60", "= true", "start.ready_timeout_s must be a number greater than 0"),
        ("= 60", "= 0", "start.ready_timeout_s must be a number greater than 0"),
        ("= 60", '= "60"', "start.ready_timeout_s must be a number greater than 0"),
        ('"/health"', '"health"', "start.health must be a string of the form"),
        ('{ OWN = "{scratch}" }', "{ OWN = 1 }", "start.env must be a table of strings"),
        ('source = "https://example.org/api"', "", "claims.source is missing"),
        ("[claims]", "[claims", "is not valid TOML"),
    ],
)
def test_a_broken_recipe_names_file_field_and_remedy(tmp_path, old, new, message):
    assert old in GOOD
    path = write(tmp_path, GOOD.replace(old, new, 1))
    with pytest.raises(RecipeError) as caught:
        load(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert message in str(caught.value)


def test_an_external_recipe_has_a_url_and_no_start(tmp_path):
    text = GOOD.replace('how = "venv"', 'how = "external"\nhint = "Run it."')
    text = text.replace('requirements = ["own==1.0"]\ndistribution = "own"\n', "")
    with pytest.raises(RecipeError, match="url is missing"):
        load(write(tmp_path, text))
    text = 'url = "http://localhost:1"\n' + text
    with pytest.raises(RecipeError, match="start is no field of a recipe of this kind"):
        load(write(tmp_path, text))
    text = text[: text.index("[start]")] + text[text.index("[claims]") :]
    assert load(write(tmp_path, text)).start is None


def test_the_file_of_a_known_backend_is_called_as_the_backend_is(tmp_path, monkeypatch):
    monkeypatch.setattr(recipes, "FOLDER", tmp_path)
    write(tmp_path, GOOD.replace('name = "own"', 'name = "other"'))
    with pytest.raises(RecipeError, match=r'name must be "own"'):
        load("own")
