"""Runners of fixture models in float32, each loaded once."""

from __future__ import annotations

from functools import cache

import pytest

import fixtures.models

pytest.importorskip("mlx_lm", reason="the model runner needs mlx-lm, which is not installed")


@pytest.fixture(scope="session")
def runner_of():
    from reference.model_runner.runner import MlxModelRunner

    return cache(lambda name: MlxModelRunner(fixtures.models.path(name), "float32"))
