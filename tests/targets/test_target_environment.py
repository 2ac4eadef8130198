"""Managed environments and started servers, with a toy backend in a wheel made on the spot."""

from __future__ import annotations

import hashlib
import json
import shutil
import socket
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from conformance.targets import environment
from conformance.targets.environment import backend_version, installed_versions, prepare
from conformance.targets.errors import TargetError
from conformance.targets.progress import quiet
from conformance.targets.recipes import load
from conformance.targets.server import ServerTarget, running, started, weights_sha256

ROOT = Path(__file__).parents[2]

SERVER = """
import http.server, json, os, sys
model, name, port = sys.argv[1:]
print("serving", model, os.environ.get("PYTHONPATH"), flush=True)
class Api(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({"data": [{"id": name, "max_model_len": int(os.environ["LIMIT"])}]})
        self.send_response(200 if self.path in ("/health", "/api/models") else 404)
        self.end_headers()
        self.wfile.write(body.encode())
    def log_message(self, *args):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(port)), Api).serve_forever()
"""

RECIPE = """
name = "toy"
summary = "A toy"
homepage = "https://example.org"
platforms = ["linux", "darwin"]
model_format = "safetensors"
base_path = "/api"
[install]
how = "venv"
requirements = ["toy-backend==1.2", "toy-nuisance==3"]
remove = ["toy-nuisance"]
distribution = "toy-backend"
hint = "Ask the toy's maker."
[start]
command = ["{python}", "-m", "toy_backend", "{model}", "{name}", "{port}"]
env = { LIMIT = "77" }
served_model = "{name}"
health = "/health"
ready_timeout_s = 30
[claims]
operations = ["models.list"]
source = "https://example.org/api"
"""


def make_wheel(folder, module, version, code):
    distribution = module.replace("_", "-")
    info = f"{module}-{version}.dist-info"
    with zipfile.ZipFile(folder / f"{module}-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{module}.py", code)
        wheel.writestr(
            f"{info}/METADATA",
            f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n",
        )
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", f"{module}.py,,\n")


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """Writes a recipe, with replacements, and gives it loaded; pip sees only the toy's wheels."""
    make_wheel(tmp_path, "toy_backend", "1.2", SERVER)
    make_wheel(tmp_path, "toy_nuisance", "3", "")
    monkeypatch.setenv("MACCORD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    # What a person's shell may carry must not reach the backend's own environment.
    monkeypatch.setenv("PYTHONPATH", str(ROOT))

    def write(**replacements):
        text = RECIPE
        for old, new in replacements.values():
            assert old in text
            text = text.replace(old, new)
        path = tmp_path / "toy.toml"
        path.write_text(text, encoding="utf-8")
        return load(str(path))

    return write


@pytest.fixture
def model_dir(tmp_path):
    folder = tmp_path / "weights"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"weights")
    (folder / "tokenizer.json").write_text("{}")
    return folder


def test_an_environment_is_made_once_and_again_when_half_made(toy, monkeypatch):
    recipe = toy()
    stages = []
    python = prepare(recipe, python=None, progress=lambda *said: stages.append(said))
    versions = installed_versions(python)
    assert versions["toy-backend"] == backend_version(recipe, python) == "1.2"
    assert "toy-nuisance" not in versions and "pytest" not in versions
    assert {stage for stage, _ in stages} == {"Installing toy"}

    stages.clear()
    assert prepare(recipe, python=None, progress=lambda *said: stages.append(said)) == python
    assert stages == []

    (python.parents[1] / "maccord-environment.json").unlink()
    (python.parents[1] / "junk").touch()
    assert prepare(recipe, python=None, progress=quiet) == python
    assert not (python.parents[1] / "junk").exists()

    other = toy(requirements=('"toy-nuisance==3"', '"toy-nuisance>=3"'))
    monkeypatch.setattr(environment, "_run", lambda *arguments: pytest.fail("is made anew"))
    with pytest.raises(pytest.fail.Exception):
        prepare(other, python=None, progress=quiet)
    assert python.exists()


def test_an_environment_over_another_sees_what_that_has(toy, tmp_path):
    below = tmp_path / "below.toml"
    below.write_text(RECIPE.replace('name = "toy"', 'name = "below"'), encoding="utf-8")
    make_wheel(tmp_path, "toy_nuisance", "4", "")
    recipe = toy(
        requirements=('"toy-nuisance==3"]', '"toy-nuisance==4"]\nover = "below.toml"'),
        remove=('remove = ["toy-nuisance"]', ""),
    )
    stages = []
    python = prepare(recipe, python=None, progress=lambda *said: stages.append(said))
    assert [stage for stage in dict(stages)] == ["Installing below", "Installing toy"]
    versions = installed_versions(python)
    assert versions["toy-backend"] == "1.2" and versions["toy-nuisance"] == "4"
    assert not list(python.parents[1].rglob("toy_backend*")), "the one below has it already"

    homes = (tmp_path / "cache" / "backends").glob("below-*")
    shutil.rmtree(next(home for home in homes if home.is_dir()))
    assert prepare(recipe, python=None, progress=quiet) == python
    assert installed_versions(python) == versions


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('requirements = ["toy', 'python = "3.99"\nrequirements = ["toy'), "of this Python"),
        (("remove", 'over = "toy.toml"\nremove'), "lies over another itself"),
    ],
)
def test_an_environment_that_cannot_lie_over_another(toy, tmp_path, change, said):
    (tmp_path / "below.toml").write_text(RECIPE.replace(*change), encoding="utf-8")
    recipe = toy(remove=("remove", 'over = "below.toml"\nremove'))
    with pytest.raises(TargetError, match=said):
        prepare(recipe, python=None, progress=quiet)


def test_a_failing_installation_says_what_pip_said(toy, tmp_path):
    recipe = toy(requirements=("toy-backend==1.2", "toy-backend==9"))
    with pytest.raises(TargetError) as caught:
        prepare(recipe, python=None, progress=quiet)
    first, *rest = str(caught.value).splitlines()
    assert first == "toy could not be installed (exit code 1). Ask the toy's maker."
    assert "No matching distribution found for toy-backend==9" in "\n".join(rest)
    assert list((tmp_path / "cache").rglob("maccord-environment.json")) == []


def test_two_processes_do_not_collide(toy, tmp_path):
    toy()
    program = """
import sys
from conformance.targets.environment import prepare
from conformance.targets.recipes import load
print(prepare(load(sys.argv[1]), python=None, progress=lambda stage, detail: None))
"""
    both = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path / "toy.toml")],
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    outputs = {process.communicate(timeout=60)[0] for process in both}
    assert [process.returncode for process in both] == [0, 0]
    assert len(outputs) == 1
    assert installed_versions(Path(outputs.pop().strip()))["toy-backend"] == "1.2"


def test_another_platform_is_refused(toy):
    other = "darwin" if sys.platform == "linux" else "linux"
    recipe = toy(platforms=('["linux", "darwin"]', f'["{other}"]'))
    with pytest.raises(TargetError, match=rf"toy runs on {other} only; this is {sys.platform}"):
        prepare(recipe, python=None, progress=quiet)
    assert prepare(recipe, python=Path(sys.executable), progress=quiet) == Path(sys.executable)


def test_an_interpreter_that_is_none(toy, tmp_path):
    with pytest.raises(TargetError, match="is not a Python interpreter"):
        prepare(toy(), python=tmp_path / "missing", progress=quiet)
    with pytest.raises(TargetError, match=r"toy-backend is not installed in"):
        backend_version(toy(), Path(sys.executable))


def test_a_command_that_is_not_on_the_path(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(TargetError, match=r"`llama-server` is not on the PATH\. Install llama"):
        prepare(load("llama.cpp"), python=None, progress=quiet)
    script = tmp_path / "llama-server"
    said = "ggml_metal: 2 devices\nversion: 7012 (abc)\nbuilt with GNU 12.2.0 for Linux x86_64"
    script.write_text(f"#!/bin/sh\necho '{said}' >&2\n")
    script.chmod(0o755)
    python = prepare(load("llama.cpp"), python=None, progress=quiet)
    assert backend_version(load("llama.cpp"), python) == "version: 7012 (abc)"


def test_a_server_from_recipe_to_end(toy, model_dir, tmp_path):
    run_dir = tmp_path / "run"
    with started(toy(), model_dir=model_dir, model_name="tiny", run_dir=run_dir) as server:
        target = server.target
        log = Path(target.log_path).read_text()
        assert log == f"serving {model_dir} None\n"
        port = int(target.base_url.removeprefix("http://127.0.0.1:").removesuffix("/api"))
        with pytest.raises(OSError):
            socket.create_server(("127.0.0.1", port)).close()
        server.restart()
        assert Path(target.log_path).read_text() == 2 * log
        assert running(target.base_url).model == "tiny"
    socket.create_server(("127.0.0.1", port), reuse_port=False).close()
    assert (target.name, target.backend, target.backend_version) == ("toy", "toy", "1.2")
    assert (target.model, target.max_model_len) == ("tiny", 77)
    assert target.tokenizer_dir == str(model_dir)
    assert target.weights_sha256 == hashlib.sha256(b"weights").hexdigest()
    assert target.command[1:] == ("-m", "toy_backend", str(model_dir), "tiny", str(port))
    assert target.claims["operations"] == ["models.list"]


def test_a_server_that_lists_another_model_is_ended(toy, model_dir, tmp_path):
    recipe = toy(served=('served_model = "{name}"', 'served_model = "{model}"'))
    with (
        pytest.raises(TargetError, match=r"does not serve '.*weights'; it serves tiny"),
        started(recipe, model_dir=model_dir, model_name="tiny", run_dir=tmp_path),
    ):
        pass


def test_a_fixed_port_that_is_taken(toy, model_dir, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with (
            pytest.raises(TargetError, match=f"Port {port} of"),
            started(toy(), model_dir=model_dir, model_name="t", run_dir=tmp_path, port=port),
        ):
            pass


def test_an_external_backend_is_not_started(tmp_path):
    external = load("docker-model-runner")
    with (
        pytest.raises(ValueError, match="started by a person"),
        started(external, model_dir=tmp_path, model_name="x", run_dir=tmp_path),
    ):
        pass


def test_weights_of_another_format(tmp_path, model_dir):
    gguf = load("llama.cpp")
    with (
        pytest.raises(TargetError, match=r"llama\.cpp needs one GGUF file"),
        started(
            gguf,
            model_dir=model_dir,
            model_name="x",
            run_dir=tmp_path,
            python=Path(sys.executable),
        ),
    ):
        pass


def test_the_hash_of_weights_in_several_files(tmp_path):
    assert weights_sha256(tmp_path) is None
    (tmp_path / "b.safetensors").write_bytes(b"b")
    (tmp_path / "a.safetensors").write_bytes(b"a")
    sums = "".join(
        f"{hashlib.sha256(name.encode()).hexdigest()}  {name}.safetensors\n" for name in "ab"
    )
    assert weights_sha256(tmp_path) == hashlib.sha256(sums.encode()).hexdigest()
    assert weights_sha256(tmp_path / "a.safetensors") == hashlib.sha256(b"a").hexdigest()


def test_a_target_survives_json():
    target = ServerTarget("t", "http://x/v1", "m", command=("a", "b"), claims={"operations": []})
    assert ServerTarget.from_json(json.loads(json.dumps(target.to_json()))) == target
