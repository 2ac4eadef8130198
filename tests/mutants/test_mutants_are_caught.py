"""Faults of the numerics are caught: in process all of them, and real bugs also as a server."""

from __future__ import annotations

import pytest

from conformance.selftest import numerics, routes
from conformance.selftest.routes import CONTINUED, ROUTES
from fixtures.models.matrix.architectures import BY_NAME as MATRIX
from fixtures.mutants.numerics import BY_NAME
from fixtures.mutants.numerics.tolerated import TOLERATED
from tests.mutants import killing

CAUGHT = [
    mutant
    for mutant in numerics.MUTANTS.values()
    if mutant.models[0] in MATRIX  # others take long
]

REAL_BUGS = (
    "gemma2-softcap: score soft cap",
    "gemma2-softcap: alternating window",
    "mistral-window: sliding window",
    "gpt-oss-sinks: attention sinks",
    "gpt-oss-sinks: sinks counted once",
    "granite-multipliers: attention multiplier",
    "mask-lost",
    "kv-stride-of-another-layer",
    "rope-offset-shared",
    "rope-offset-not-carried",
    "rope-halved",
    "gguf-rows-permuted",
    "kv-cache-fp8-e5m2",
    "rows-share-logits",
    "rope-sections-unset",
    "logits-half",
    "batch-in-fp8",
)
"""One mutant for each kind of bug that a Mac backend really had."""


@pytest.mark.parametrize("mutant", CAUGHT, ids=[mutant.name for mutant in CAUGHT])
def test_caught_in_process(mutant):
    model, way = mutant.models[0], mutant.ways[0]
    prompts = None if way == "one-pass" else routes.few(model, mutant)
    found = killing.at_runner(routes.known(model, prompts), mutant.load(), way)
    assert found.verdict == "outside"


@pytest.mark.parametrize(
    "mutant",
    [mutant for mutant in CAUGHT if "one-pass" not in mutant.ways],
    ids=lambda mutant: mutant.name,
)
def test_not_seen_in_one_pass(mutant):
    """What only decoding, batches or caches show is not there without them."""
    model = mutant.models[0]
    found = killing.at_runner(routes.known(model), mutant.load(), "one-pass")
    assert found.verdict == "inside"


@pytest.mark.parametrize("name", TOLERATED)
def test_no_fault_by_production_s_own_band(name):
    mutant = BY_NAME[name]
    model, way = mutant.models[0], mutant.ways[0]
    found = killing.at_runner(routes.known(model), mutant.load(), way)
    assert found.verdict == "inside"


@pytest.mark.parametrize("name", REAL_BUGS)
def test_caught_at_a_server(name):
    """Also by five alternatives of generated tokens alone. That its area is named too, is what
    `maccord selftest --depth numerics` looks for."""
    found = numerics.caught(name)
    assert found.shows(found) and found.shows(found.weakest), found
    assert not found.errors and not found.weakest.errors


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("model", ["llama-gqa", "gemma2-softcap", "gpt-oss-sinks"])
def test_a_sound_server_is_inside(model, dtype):
    beside = routes.known(model, routes.few(model, None), CONTINUED)
    loaded = routes.load(model, dtype=dtype)
    for route in ROUTES:
        evidence = routes.at_server(beside, loaded, route)
        assert list(evidence.routes) == [ROUTES[route][1]] and not evidence.troubles
        assert evidence.parity().verdict == "inside"
