"""PyTorch's and MLX's kernels: how near the bounds are to what they lose, and calls of no queries.

That they are right is in `test_kernel_requirements`.
"""

from __future__ import annotations

import itertools
from dataclasses import replace

import library_own
import pytest

from conformance.compare.kernels import nearness
from conformance.kernels import expect
from conformance.kernels.cases import of_features, of_latents, of_partitions
from conformance.targets.kernels import Checked
from fixtures.kernels.cases import Case
from fixtures.kernels.expected import of_case

TOO_WIDE = 8
"""A bound that is this many times the largest error seen lets wrong answers pass."""

EXACT = ("one-token", "window-of-one-token", "near-overflow", "beyond-half", "no-tokens")
"""Where one key has all of the weight, kernels lose nothing; bounds of 16 bits ask for that."""
SATURATED = "beyond-half-capped"
"""Most logits are the cap itself, which tanh returns exactly: docs/kernel-errors.md."""

EVERY = itertools.chain(of_features(), of_partitions(), of_latents())
CASES = {
    name: case
    for name, case in EVERY
    if name.removesuffix(f"-{case.dtype}") not in (*EXACT, SATURATED)
}


def ratio(library, case):
    return nearness(expect.output(library, case.call()), *of_case(case)).ratio


@pytest.mark.parametrize("name", CASES)
def test_a_bound_is_near_to_the_largest_error(library, name):
    assert 1 / TOO_WIDE < ratio(library, CASES[name]) <= 1


def test_a_window_on_a_long_context(library):
    case = Case("bfloat16", (1, 8192, 1), (1, 1, 1), num_heads=8, num_kv_heads=1, head_size=128)
    windowed = replace(case, sliding_window=512, sinks=True)
    assert 1 / TOO_WIDE < ratio(library, windowed) <= 1


def test_no_queries_at_all(library):
    call = Case("float16", (20, 0), (0, 0)).call()
    output = library.paged_attention(call.query, call.key_cache, call.value_cache, **call.named)
    assert output.shape == (0, 4, 64)


@pytest.mark.parametrize("magnitude", [1.0, 10.0])
@pytest.mark.parametrize("kind", ["fp8", "int8"])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_what_8_bits_are_worth_may_be_rounded_to_the_dtype_of_the_query(dtype, kind, magnitude):
    """As vLLM's kernels do on CUDA."""
    case = replace(dict(of_features())[f"{kind}-{dtype}"], magnitude=magnitude)
    assert 1 / TOO_WIDE < ratio(Checked(library_own.WorthRounded()), case) <= 1
