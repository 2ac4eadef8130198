"""A started backend that one request ends: named, started again, and the rest is still measured."""

from __future__ import annotations

import sys
from pathlib import Path

from command import Ended, certify

ROOT = Path(__file__).parents[2]

RECIPE = """
name = "frail"
summary = "The misbehaving server, as a backend of one's own"
homepage = "https://example.org"
proven = ""
platforms = ["linux", "darwin"]
model_format = "safetensors"
base_path = "/v1"

[install]
how = "venv"
requirements = ["maccord"]
distribution = "pip"

[start]
command = ["{{python}}", "-m", "tests.misbehaving", "--port", "{{port}}", {arguments}]
env = {{ PYTHONPATH = "{root}" }}
served_model = "canned"
health = "/v1/models"
ready_timeout_s = 20

[claims]
operations = ["chat.completions.create"]
source = "https://example.org"
"""


def run(folder: Path, *arguments: str) -> Ended:
    quoted = ", ".join(f'"{argument}"' for argument in arguments)
    recipe = folder / "frail.toml"
    recipe.write_text(RECIPE.format(arguments=quoted, root=ROOT))
    return certify(
        folder / "report", "--backend", recipe, "--backend-python", sys.executable, timeout_s=300
    )


def test_the_request_that_ends_a_backend_is_named_and_the_rest_is_measured(tmp_path: Path) -> None:
    ended = run(tmp_path, "--mode", "dies-on-lists")
    blamed = {
        result["id"]
        for result in ended.certificate["results"]
        if result["cause"] == "One client's request ends the service for all"
    }
    assert ended.code == 1, ended.out
    assert "api/completions/prompt-list" in blamed
    assert all(id.startswith("api/completions/") for id in blamed), blamed
    assert list(ended.outcomes().values()).count("PASS") > 100
    (note,) = ended.certificate["notes"]
    assert "started again" in note
