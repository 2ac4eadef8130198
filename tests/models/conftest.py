"""A cache of matrix checkpoints for the session, built in this process to save time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fixtures.models.cache import ensure
from fixtures.models.matrix import MATRIX, checkpoint
from fixtures.models.matrix.architectures import BY_NAME


@pytest.fixture(scope="session")
def matrix_cache(tmp_path_factory):
    return tmp_path_factory.mktemp("matrix")


@pytest.fixture
def matrix(matrix_cache, monkeypatch):
    """Gives the folder of a checkpoint by name, held against its pinned sha256."""
    monkeypatch.setenv("MACCORD_CACHE", str(matrix_cache))

    def build(name):
        model = next(model for model in MATRIX if model.name == name)

        def write(destination, progress):
            checkpoint.write(BY_NAME[name], destination)

        return ensure(replace(model, build=write), lambda stage, detail: None)

    return build
