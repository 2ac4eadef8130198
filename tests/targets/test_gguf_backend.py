"""A backend that reads GGUF is given a fixture model as GGUF, and its tests the tokenizer."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from types import SimpleNamespace

import pytest

from conformance import certify
from conformance.options import Options
from conformance.run import RunFolder
from conformance.targets.errors import TargetError
from conformance.targets.progress import quiet
from conformance.targets.server import ServerTarget


@pytest.fixture
def target(tmp_path, monkeypatch):
    """Gives the target of `--backend llama.cpp` for a model, and what the backend was started with.

    No server is started.
    """
    monkeypatch.setenv("MACCORD_CACHE", str(tmp_path / "cache"))
    given = {}

    @contextmanager
    def started(recipe, **options):
        given.update(options)
        server = ServerTarget("llama.cpp", "http://127.0.0.1:1/v1", options["model_name"])
        yield SimpleNamespace(target=server, restart=lambda: None)

    monkeypatch.setattr(certify, "started", started)

    def begin(model):
        folder = RunFolder(tmp_path / "run")
        folder.reset()
        with ExitStack() as stack:
            options = Options(backend="llama.cpp", model=model)
            return certify._target(options, folder, stack, quiet), given

    return begin


def test_a_fixture_model_is_exported(target, tmp_path):
    found, given = target("scripted")
    assert given["model_dir"] == tmp_path / "cache" / "gguf" / "scripted.gguf"
    assert given["model_dir"].read_bytes()[:4] == b"GGUF"
    assert found.model == "scripted"
    assert found.tokenizer_dir == str(tmp_path / "cache" / "models" / "scripted" / "scripted")


def test_a_file_of_ones_own_is_served_as_it_is(target, tmp_path):
    own = tmp_path / "own.gguf"
    own.write_bytes(b"GGUF")
    found, given = target(str(own))
    assert (given["model_dir"], found.tokenizer_dir) == (own, None)


def test_a_model_without_a_form_as_gguf_is_refused(target):
    with pytest.raises(TargetError, match="smollm3-nope cannot be exported as GGUF"):
        target("smollm3-nope")
