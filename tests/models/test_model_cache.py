"""A cached model is what it was built as, or it is built again."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import fixtures.models
from fixtures.models.cache import FixtureError, FixtureModel, ensure

ROOT = Path(__file__).parents[2]
CONTENTS = {"config.json": b"{}", "model.safetensors": b"weights" * 1000}


class Builder:
    def __init__(self, contents=CONTENTS):
        self.contents, self.runs = contents, 0

    def __call__(self, destination, progress):
        self.runs += 1
        progress("Building toy", "writing")
        for name, content in self.contents.items():
            (destination / name).write_bytes(content)


def toy(builder):
    pins = {name: hashlib.sha256(content).hexdigest() for name, content in CONTENTS.items()}
    return FixtureModel("toy", "llama", "A toy", pins, builder)


def quiet(stage, detail):
    pass


@pytest.fixture
def builder(tmp_path, monkeypatch):
    monkeypatch.setenv("MACCORD_CACHE", str(tmp_path))
    return Builder()


@pytest.fixture
def built(builder):
    folder = ensure(toy(builder), quiet)
    assert builder.runs == 1
    return folder


def test_is_built_once(tmp_path, builder, built, capsys):
    assert built == tmp_path / "models" / "toy" / "toy"
    assert {file.name: file.read_bytes() for file in built.iterdir()} == CONTENTS
    assert ensure(toy(builder), quiet, full=True) == built
    assert builder.runs == 1
    assert capsys.readouterr().err == ""


def overwrite_keeping_the_time(file):
    stat = file.stat()
    file.write_bytes(b"x" * stat.st_size)
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))


@pytest.mark.parametrize(
    ("damage", "full", "sentence"),
    [
        (lambda file: os.truncate(file, 10), False, "damaged (model.safetensors has 10 bytes"),
        (lambda file: file.write_bytes(b"x" * 7000), False, "damaged (model.safetensors has an"),
        (overwrite_keeping_the_time, True, "damaged (model.safetensors has another sha256"),
        (lambda file: file.unlink(), False, "incomplete (model.safetensors is missing)"),
        (lambda file: (file.parent / "x").touch(), False, "damaged (x does not belong to it)"),
        (lambda file: (file.parents[1] / "manifest.json").unlink(), False, "incomplete (manifest"),
        (lambda file: (file.parents[1] / "manifest.json").write_text("{"), False, "cannot be read"),
        (lambda file: (file.parents[1] / "manifest.json").write_text("[]"), False, "cannot be re"),
    ],
)
def test_a_damaged_model_is_built_again(builder, built, capsys, damage, full, sentence):
    damage(built / "model.safetensors")
    assert ensure(toy(builder), quiet, full=full) == built
    assert builder.runs == 2
    assert {file.name: file.read_bytes() for file in built.iterdir()} == CONTENTS
    said = capsys.readouterr().err
    assert sentence in said and said.startswith("The cached model toy ")
    assert said.count("\n") == 1


def test_a_manifest_cannot_vouch_for_another_build(builder, built, capsys):
    (built / "config.json").write_bytes(b"[]")
    manifest = built.parent / "manifest.json"
    data = json.loads(manifest.read_text())
    data["files"]["config.json"] = {
        "sha256": hashlib.sha256(b"[]").hexdigest(),
        "size": 2,
        "mtime_ns": (built / "config.json").stat().st_mtime_ns,
    }
    manifest.write_text(json.dumps(data))
    ensure(toy(builder), quiet)
    assert builder.runs == 2
    assert "is another build than this version of Maccord expects" in capsys.readouterr().err


def test_a_touched_file_is_hashed_once_and_kept(builder, built):
    os.utime(built / "config.json", ns=(1, 1))
    ensure(toy(builder), quiet)
    assert builder.runs == 1
    recorded = json.loads((built.parent / "manifest.json").read_text())["files"]
    assert recorded["config.json"]["mtime_ns"] == 1


@pytest.mark.parametrize(
    "contents",
    [{**CONTENTS, "config.json": b"[]"}, {"config.json": b"{}"}, {**CONTENTS, "extra": b""}],
)
def test_a_build_that_differs_is_refused(tmp_path, builder, contents):
    with pytest.raises(FixtureError, match=r"toy came out differently here: .* has sha256"):
        ensure(toy(Builder(contents)), quiet)
    assert [file.name for file in (tmp_path / "models").iterdir() if file.is_dir()] == []


def test_a_build_that_fails_keeps_what_was_there(builder, built):
    def fail(destination, progress):
        (destination / "config.json").write_bytes(b"half")
        raise FixtureError("no network")

    os.truncate(built / "config.json", 1)
    with pytest.raises(FixtureError, match="no network"):
        ensure(toy(fail), quiet)
    assert (built / "model.safetensors").read_bytes() == CONTENTS["model.safetensors"]
    assert [file.name for file in built.parent.parent.iterdir() if file.is_dir()] == ["toy"]


def test_two_processes_build_it_once(tmp_path):
    program = f"""
import hashlib, time
from fixtures.models.cache import FixtureModel, ensure
def build(destination, progress):
    with open({str(tmp_path / "runs")!r}, "a") as file: file.write("run\\n")
    time.sleep(0.3)
    (destination / "a").write_bytes(b"")
pins = {{"a": hashlib.sha256(b"").hexdigest()}}
print(ensure(FixtureModel("toy", "llama", "A toy", pins, build), lambda stage, detail: None))
"""
    env = {**os.environ, "MACCORD_CACHE": str(tmp_path), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", program]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, env=env, text=True) for _ in range(3)]
    outputs = {process.communicate(timeout=30)[0] for process in both}
    assert outputs == {f"{tmp_path / 'models' / 'toy' / 'toy'}\n"}
    assert (tmp_path / "runs").read_text() == "run\n"


def test_registry():
    described = fixtures.models.describe()
    assert fixtures.models.names() == [model.name for model in described]
    assert len({model.name for model in described}) == len(described)
    assert all(model.size and model.feature and model.files for model in described)
    with pytest.raises(FixtureError, match=r"No fixture model is called 'gpt'; known are SmolLM2"):
        fixtures.models.path("gpt")


def test_looking_a_model_up_imports_neither_torch_nor_transformers():
    program = "import sys, fixtures.models; print({'torch', 'transformers'} & {*sys.modules})"
    found = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert found.stdout == "set()\n"
