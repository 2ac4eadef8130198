"""`maccord model list` says what the fixture models are for and which engines read them."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from typer.testing import CliRunner

import fixtures.models
from conformance.cli import app
from fixtures.models.matrix import MATRIX
from fixtures.models.tasks.words import OTHERS, TEXT


def listed(*arguments):
    result = CliRunner().invoke(app, ["model", "list", *arguments])
    assert result.exit_code == 0
    return result.stdout


def test_json_names_everything():
    described = json.loads(listed("--json"))
    names = [*fixtures.models.names(), *(model.name for model in fixtures.models.tasks())]
    assert [entry["name"] for entry in described] == names
    assert {entry["task"] for entry in described} == {TEXT, *OTHERS}
    for entry in described:
        assert entry["size"] > 1_000_000
        assert len(entry["sha256"]) == 64
        assert {"family", "summary", "feature", "engines", "files"} <= entry.keys()


def test_the_table_says_which_engines_differ():
    # A process of its own: a narrower terminal folds the cells.
    table = subprocess.run(
        [sys.executable, "-m", "conformance", "model", "list"],
        env={**os.environ, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    (line,) = [line for line in table.splitlines() if line.startswith("mistral-window")]
    assert "sliding window, window bound" in line
    assert "transformers, mlx-lm (differs), vllm, llama.cpp (differs)" in line


def test_every_engine_was_tried_on_every_checkpoint():
    tried = fixtures.models.engines()
    for model in MATRIX:
        assert tried[model.name].keys() == {"transformers", "mlx-lm", "vllm", "llama.cpp"}
        for result in tried[model.name].values():
            assert result["status"] in {"same", "differs", "fails"}
            assert result["version"] and result["date"]
            assert ("error" in result) == (result["status"] == "fails")


def test_the_sha256_of_a_model_covers_each_file():
    model = MATRIX[0]
    from dataclasses import replace

    changed = dict(model.files) | {"config.json": "0" * 64}
    assert replace(model, files=changed).sha256 != model.sha256
    assert replace(model, files=dict(reversed(model.files.items()))).sha256 == model.sha256
