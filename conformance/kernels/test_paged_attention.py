"""Requirements on `paged_attention`: its numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from conformance.kernels import cases, expect, generated, invariants
from conformance.requirements import MUST, SHOULD, requirement
from conformance.targets.kernels.contract import KernelLibrary, capabilities_of
from fixtures.goldens import kernels as goldens
from fixtures.goldens.kernels.calls import CASES
from fixtures.kernels import DTYPES
from fixtures.kernels.cases import Case
from fixtures.kernels.generated import cases as any_case

ORACLE = "reference/oracle: Kwon et al. 2023, section 4.1; bounds: Higham and Mary 2019"
PROFILE = ("kernels",)
SUBNORMAL = {"float16": 2.0**-16, "bfloat16": 2.0**-130, "float32": 2.0**-130}
"""What numbers of a few units are multiplied by, to be subnormal in their dtype."""

dtypes = pytest.mark.parametrize("dtype", DTYPES)


@pytest.mark.parametrize("case", [pytest.param(c, id=name) for name, c in cases.of_features()])
@requirement("kernels/paged-attention/features", MUST, source=ORACLE, profiles=PROFILE)
def test_features(library: KernelLibrary, case: Case) -> None:
    """Each number of the output MUST be as near to its definition as float32 sums can be.

    What a window that is one too long or a sink that counts twice changes is far above that, and
    far below what a person notices in a text.
    """
    expect.offered(library, case)
    expect.near(library, case)


@pytest.mark.parametrize("case", [pytest.param(c, id=name) for name, c in cases.of_shapes()])
@requirement("kernels/paged-attention/shapes", MUST, source=ORACLE, profiles=PROFILE)
def test_shapes(library: KernelLibrary, case: Case) -> None:
    """Each number of the output MUST be right at every head size, block size and end of a block.

    A head size that is no multiple of a vector, and a context that ends with its block, are where
    kernels read one too many.
    """
    expect.offered(library, case)
    expect.near(library, case)


@dtypes
@requirement("kernels/paged-attention/any-shape", MUST, source=ORACLE, profiles=PROFILE)
def test_any_shape(library: KernelLibrary, dtype: str) -> None:
    """Each number of the output MUST be right for any mixture of sequences and features.

    Nobody lists the mixtures that a day of serving makes. What is wrong is shrunk to the smallest
    call that still is.
    """
    said = capabilities_of(library).features
    kinds = ("auto", *(kind for kind in ("fp8", "int8") if f"{kind}-kv-cache" in said))
    found = any_case(dtypes=(dtype,), head_sizes=(64, 80, 128), kv_cache_dtypes=kinds)
    generated.every(library, found, 60, lambda case: expect.near(library, case), expect.offered)


@pytest.mark.parametrize("name", CASES)
@requirement(
    "kernels/paged-attention/goldens",
    MUST,
    source="PyTorch's scaled_dot_product_attention in float64, fixtures/goldens/kernels",
    profiles=PROFILE,
)
def test_goldens(library: KernelLibrary, name: str) -> None:
    """Each number of the output MUST be as near to what PyTorch computes in float64.

    The definition is written here; this is somebody else's.
    """
    golden = goldens.load()[name]
    case = CASES[name]
    expect.offered(library, case)
    expect.right(expect.output(library, golden.call, case), golden.call, case, golden.output)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@requirement("kernels/paged-attention/one-key", MUST, source=ORACLE, profiles=PROFILE)
def test_one_key(library: KernelLibrary, dtype: str) -> None:
    """A query that sees one key alone MUST return its value bit for bit.

    The weight is 1, and what is off in float32 vanishes where 16 bits are rounded to. It is the
    first token of every sequence.
    """
    case = Case(dtype, (40, 1), (9, 1), num_kv_heads=2, sliding_window=1)
    expect.offered(library, case)
    call = case.call()
    block_table = call.named["block_table"]
    own = [(block_table[0, j // 16], j % 16) for j in range(31, 40)] + [(block_table[1, 0], 0)]
    values = np.array([call.value_cache[at] for at in own])  # [num_tokens, num_kv_heads, head_size]
    groups = case.num_heads // case.num_kv_heads
    found = expect.output(library, call, case)
    expect.same_bits(np.repeat(values, groups, axis=1), found, "a softmax of one key")


@pytest.mark.parametrize("case", [pytest.param(c, id=name) for name, c in cases.of_partitions()])
@requirement(
    "kernels/paged-attention/partitions",
    MUST,
    source="Dao et al. 2023, Flash-Decoding; vLLM: paged_attention_v2, PARTITION_SIZE",
    profiles=PROFILE,
)
def test_partitions(library: KernelLibrary, case: Case) -> None:
    """Each number of the output MUST be right where a context ends at the edge of a part.

    Long contexts are cut into parts whose results are merged. A part of one token, one that is
    full, one of which a window sees nothing, and a sink that each part counts are where it breaks.
    """
    expect.offered(library, case)
    expect.near(library, case)


@pytest.mark.parametrize("case", [pytest.param(c, id=c.dtype) for _, c in cases.of_huge_logits()])
@requirement("kernels/paged-attention/huge-logits", SHOULD, source=ORACLE, profiles=PROFILE)
def test_huge_logits(library: KernelLibrary, case: Case) -> None:
    """Each number of the output SHOULD be right for logits as large as float32 holds.

    The largest logit is subtracted, so that no exponential overflows. Kernels that multiply and
    subtract in one step, which is common, are off by a rounding of the largest: for logits of 1e38
    that is a number whose exponential is infinite. No sound model has such logits, hence SHOULD.
    """
    expect.offered(library, case)
    expect.near(library, case)


@pytest.mark.parametrize("which", ["query", "key_cache", "value_cache"])
@dtypes
@requirement(
    "kernels/paged-attention/subnormal",
    MUST,
    source="IEEE 754-2019, section 2.1; Metal Shading Language specification 3.2, section 8.1",
    profiles=PROFILE,
)
def test_subnormal(library: KernelLibrary, dtype: str, which: str) -> None:
    """Numbers that are subnormal MUST count as they are or, in float32 and bfloat16, as 0.

    Metal flushes subnormal numbers of float32 and keeps those of float16. Converted by hand, bit
    by bit, they come out as normal ones.
    """
    case = Case(dtype, (1, 33, 60), (1, 5, 1), num_kv_heads=2)
    expect.offered(library, case)
    call = case.call()
    small = (getattr(call, which).astype(np.float64) * SUBNORMAL[dtype]).astype(call.query.dtype)
    call = replace(call, **{which: small})
    expect.right(expect.output(library, call, case), call, f"{case}, {which} * {SUBNORMAL[dtype]}")


@dtypes
@requirement("kernels/paged-attention/chunks", MUST, source=ORACLE, profiles=PROFILE)
def test_chunks(library: KernelLibrary, dtype: str) -> None:
    """A prefill in chunks of any size MUST be as right as one in one piece.

    Schedulers cut prompts so that others need not wait; the cut is nobody's business.
    """
    case = Case(dtype, (50,), (50,), num_kv_heads=2, sliding_window=24)
    invariants.chunks(library, case)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@requirement(
    "kernels/paged-attention/rounds-to-nearest",
    MUST,
    source="IEEE 754-2019, section 4.3.1; binomial test",
    profiles=PROFILE,
)
def test_rounds_to_nearest(library: KernelLibrary, dtype: str) -> None:
    """The output MUST be rounded to nearest: as many numbers are too large as too small.

    Bits that are cut off cost no more than rounding may at any one number, but they pull all of
    them to 0, layer after layer.
    """
    case = Case(dtype, (100,), (40,))
    expect.offered(library, case)
    expect.unbiased(expect.output(library, call := case.call(), case), call)
