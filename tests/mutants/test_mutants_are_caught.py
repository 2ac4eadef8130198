"""Faults of the numerics are caught: in process all of them, and real bugs also as a server."""

from __future__ import annotations

import pytest

from fixtures.models.matrix.architectures import BY_NAME as MATRIX
from fixtures.mutants.numerics import BY_NAME, NUMERICS
from tests.mutants import killing
from tests.mutants.killing import CONTINUED, ROUTES

TOLERATED = {
    "kv-cache-float16": "float16 has more bits for a number than bfloat16, and none is too large",
    "batch-in-float16": "production itself may run in float16",
    "norm-epsilon-1e-5": "a hundredth of what bfloat16 rounds away, where activations are near 1",
    "logits-in-bfloat16": "production's own logits are computed in bfloat16",
    "gelu-exact": "the two differ by less than bfloat16 rounds away",
}
"""Changes that production's band does not tell from production, and why they are no fault."""

AT_THE_LIMIT = {"weights-8-bit": "as far from float32 as rounding to bfloat16 takes a model"}
"""Changes that come to a limit and not surely beyond it; docs/quantised.md is about these."""

CAUGHT = [
    mutant
    for mutant in NUMERICS
    if mutant.name not in TOLERATED | AT_THE_LIMIT
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

SEEN_BY = {("batch",): "batching", ("prefix-reused",): "prefix-cache"}
"""Where a requirement of its own looks for what shows in company or with a cache only."""


@pytest.mark.parametrize("mutant", CAUGHT, ids=[mutant.name for mutant in CAUGHT])
def test_caught_in_process(mutant):
    model, way = mutant.models[0], mutant.ways[0]
    prompts = None if way == "one-pass" else killing.few(model, mutant)
    found = killing.at_runner(killing.known(model, prompts), mutant.load(), way)
    assert found.verdict == "outside"


@pytest.mark.parametrize(
    "mutant",
    [mutant for mutant in CAUGHT if "one-pass" not in mutant.ways],
    ids=lambda mutant: mutant.name,
)
def test_not_seen_in_one_pass(mutant):
    """What only decoding, batches or caches show is not there without them."""
    model = mutant.models[0]
    found = killing.at_runner(killing.known(model), mutant.load(), "one-pass")
    assert found.verdict == "inside"


@pytest.mark.parametrize("name", TOLERATED)
def test_no_fault_by_production_s_own_band(name):
    mutant = BY_NAME[name]
    model, way = mutant.models[0], mutant.ways[0]
    found = killing.at_runner(killing.known(model), mutant.load(), way)
    assert found.verdict == "inside"


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("name", REAL_BUGS)
def test_caught_at_a_server(name, route):
    """By requirements that name the area, also by five alternatives of generated tokens alone."""
    mutant = BY_NAME[name]
    model = mutant.models[0]
    beside = killing.known(model, killing.few(model, mutant), CONTINUED)
    failed = killing.fails(beside, mutant.load(), route)
    areas = {id.partition("/")[0] for id in failed}
    assert SEEN_BY.get(mutant.ways, "distribution") in areas


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("model", ["llama-gqa", "gemma2-softcap", "gpt-oss-sinks"])
def test_a_sound_server_is_inside(model, dtype):
    beside = killing.known(model, killing.few(model, None), CONTINUED)
    loaded = killing.load(model, dtype=dtype)
    for route in ROUTES:
        evidence = killing.at_server(beside, loaded, route)
        assert list(evidence.routes) == [ROUTES[route][1]] and not evidence.troubles
        assert evidence.parity().verdict == "inside"
