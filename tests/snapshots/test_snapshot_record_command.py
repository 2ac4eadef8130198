"""`maccord record` says in one sentence what is in its way."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from conformance.cli import app
from fixtures.snapshots import SnapshotError, prompts
from fixtures.snapshots.prompts import PromptSet

WITHOUT_VLLM = importlib.util.find_spec("vllm") is None
LIGHT = """
import sys
for name in ("platformdirs", "filelock", "transformers", "rich", "typer"):
    sys.modules[name] = None
import fixtures.snapshots.record, fixtures.snapshots.make, fixtures.snapshots.capture
"""


def said(*arguments: str | Path) -> str:
    """What the command said as it refused: one line, after those of its progress."""
    ended = CliRunner().invoke(app, ["record", *map(str, arguments)])
    assert ended.exit_code == 2, ended.output
    *progress, sentence = ended.output.strip().splitlines()
    assert all(line.startswith("Recording ") for line in progress), ended.output
    return sentence


@pytest.mark.skipif(not WITHOUT_VLLM, reason="vLLM is installed here")
def test_without_vllm(tmp_path: Path) -> None:
    assert "--python" in said("--model", "llama-gqa", "--out", tmp_path / "out")


@pytest.mark.skipif(not WITHOUT_VLLM, reason="vLLM is installed here")
def test_an_interpreter_without_vllm(tmp_path: Path) -> None:
    text = said("--model", "llama-gqa", "--out", tmp_path / "out", "--python", sys.executable)
    assert "has no vLLM" in text


def test_no_interpreter_at_all(tmp_path: Path) -> None:
    text = said("--model", "llama-gqa", "--out", tmp_path / "out", "--python", tmp_path / "none")
    assert "is not a Python interpreter" in text


def test_an_unknown_engine(tmp_path: Path) -> None:
    text = said("--model", "llama-gqa", "--out", tmp_path / "out", "--engine", "abacus")
    assert "choose from vllm" in text


@pytest.fixture
def with_vllm(tmp_path: Path) -> Path:
    """An interpreter that says it has vLLM, and cannot do more."""
    fake = tmp_path / "python"
    fake.write_text(
        f'#!/bin/sh\n[ "$1" = -I ] && exit 0\nexec "{sys.executable}" "$@"\n', encoding="utf-8"
    )
    fake.chmod(0o755)
    return fake


def test_an_unknown_model(tmp_path: Path, with_vllm: Path) -> None:
    text = said("--model", "none-such", "--out", tmp_path / "out", "--python", with_vllm)
    assert "neither a folder nor a fixture model" in text


def test_a_folder_that_is_no_checkpoint(tmp_path: Path, with_vllm: Path) -> None:
    text = said("--model", tmp_path, "--out", tmp_path / "out", "--python", with_vllm)
    assert "has no config.json" in text


def test_a_folder_with_other_things_is_not_overwritten(tmp_path: Path, with_vllm: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    text = said("--model", "scripted", "--out", tmp_path, "--python", with_vllm)
    assert "no part of a snapshot" in text


def test_the_recorder_needs_nothing_that_vllm_does_not_bring() -> None:
    ended = subprocess.run([sys.executable, "-c", LIGHT], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr


def test_prompts_survive_their_file(tmp_path: Path) -> None:
    given = PromptSet("m", {"p": prompts.Prompt([1, 2], 3)}, [0], {"float32": ["p"]})
    given.write(tmp_path / "prompts.json")
    assert PromptSet.read(tmp_path / "prompts.json") == given


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"prompts": {"p": 1}}'])
def test_a_file_that_holds_no_prompts_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "prompts.json").write_text(text, encoding="utf-8")
    with pytest.raises(SnapshotError, match="no file of prompts"):
        PromptSet.read(tmp_path / "prompts.json")


def test_a_missing_file_of_prompts_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SnapshotError, match="There is no file of prompts"):
        PromptSet.read(tmp_path / "prompts.json")
