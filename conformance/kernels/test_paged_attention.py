"""Requirements on `paged_attention`."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings

from conformance.kernels import cases, expect, memory
from conformance.outcomes import Absent, Failed
from conformance.requirements import MUST, SHOULD, requirement
from conformance.targets.kernels.contract import KernelLibrary
from fixtures.goldens import kernels as goldens
from fixtures.goldens.kernels.calls import CASES
from fixtures.kernels import DTYPES
from fixtures.kernels.cases import Case
from fixtures.kernels.generated import cases as any_case

ORACLE = "reference/oracle: Kwon et al. 2023, section 4.1; bounds: Higham and Mary 2019"
PAGED = "Kwon et al. 2023, PagedAttention, section 4.1"
PROFILE = ("kernels",)
LONG = replace(cases.MIXED, num_kv_heads=2)
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
    ran = []

    @settings(
        derandomize=True,
        max_examples=60,
        deadline=None,
        database=None,
        report_multiple_bugs=False,
    )
    @given(any_case(dtypes=(dtype,), head_sizes=(64, 80, 128)))
    def holds(case: Case) -> None:
        try:
            expect.offered(library, case)
        except Absent:
            return
        ran.append(case)
        expect.near(library, case)

    holds()
    if not ran:
        raise Absent(f"{library.name} says that it has no kernel for any of these cases.")


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


@dtypes
@requirement("kernels/paged-attention/stale-memory", MUST, source=PAGED, profiles=PROFILE)
def test_stale_memory(library: KernelLibrary, dtype: str) -> None:
    """The output MUST be the same to the last bit whatever unused slots and blocks hold.

    They hold other people's tokens. Multiplied by a weight of 0 they are nothing, until one of them
    is infinite or no number.
    """
    case = replace(LONG, dtype=dtype)
    expect.offered(library, case)
    call = case.call()
    first = expect.output(library, memory.filled(call, 0.0), case)
    for number in (1.0, -1e4, np.inf, -np.inf, np.nan):
        other = expect.output(library, memory.filled(call, number), case)
        expect.same_bits(first, other, f"{number} in unused slots")


@dtypes
@requirement(
    "kernels/paged-attention/passed-window",
    MUST,
    source="vLLM: SlidingWindowManager.remove_skipped_blocks",
    profiles=PROFILE,
)
def test_passed_window(library: KernelLibrary, dtype: str) -> None:
    """The output MUST be the same to the last bit whatever lies before the window of every query.

    Blocks that a window has passed are given to others, while the table still has a place for them.
    """
    case = Case(dtype, (100, 37, 70), (1, 5, 20), num_kv_heads=2, sliding_window=20)
    expect.offered(library, case)
    call = case.call()
    first = expect.output(library, call, case)
    for number in (1e4, -np.inf, np.nan):
        other = expect.output(library, memory.passed(call, number), case)
        expect.same_bits(first, other, f"{number} before the window")


@dtypes
@requirement("kernels/paged-attention/blocks-anywhere", MUST, source=PAGED, profiles=PROFILE)
def test_blocks_anywhere(library: KernelLibrary, dtype: str) -> None:
    """The output MUST be the same to the last bit wherever in the pool the blocks lie.

    Where they lie is chance: what depends on it cannot be repeated.
    """
    case = replace(LONG, dtype=dtype)
    expect.offered(library, case)
    call = case.call()
    first = expect.output(library, call, case)
    for seed in (1, 2):
        other = expect.output(library, memory.shuffled(call, seed), case)
        expect.same_bits(first, other, "the places of the blocks")


@dtypes
@requirement("kernels/paged-attention/shared-prefix", MUST, source=PAGED, profiles=PROFILE)
def test_shared_prefix(library: KernelLibrary, dtype: str) -> None:
    """Sequences that share the blocks of a prefix MUST each see it as if it were their own.

    A prefix that is cached once and read by all is what makes a long system prompt cheap.
    """
    case = Case(dtype, (40, 40), (1, 1), num_kv_heads=2)
    expect.offered(library, case)
    call = case.call()
    table = call.named["block_table"].copy()
    for cache in (call.key_cache, call.value_cache):
        cache[table[1, :2]] = cache[table[0, :2]]
    apart = expect.output(library, call, case)
    table[1, :2] = table[0, :2]
    shared = replace(call, named=call.named | {"block_table": table})
    expect.same_bits(apart, expect.output(library, shared, case), "a prefix that is shared")


@dtypes
@requirement("kernels/paged-attention/chunks", MUST, source=ORACLE, profiles=PROFILE)
def test_chunks(library: KernelLibrary, dtype: str) -> None:
    """A prefill in chunks of any size MUST be as right as one in one piece.

    Schedulers cut prompts so that others need not wait; the cut is nobody's business.
    """
    case = Case(dtype, (50,), (50,), num_kv_heads=2, sliding_window=24)
    expect.offered(library, case)
    for size in (50, 16, 7, 1):
        for call in memory.chunks(case.call(), size):
            expect.right(expect.output(library, call, case), call, case)


@dtypes
@requirement("kernels/paged-attention/alone", SHOULD, source=PAGED, profiles=PROFILE)
def test_alone(library: KernelLibrary, dtype: str) -> None:
    """A sequence's output SHOULD be the same to the last bit alone, among others and in any order.

    With that a question has one answer, however busy the server is.
    """
    case = replace(LONG, dtype=dtype)
    expect.offered(library, case)
    call = case.call()
    whole = expect.output(library, call, case)
    every = range(len(case.seq_lens))
    for rows in ([*reversed(every)], *([row] for row in every)):
        part, tokens = memory.of_sequences(call, rows)
        found = expect.output(library, part, case)
        expect.same_bits(whole[tokens], found, "the other sequences of the call")


@dtypes
@requirement("kernels/paged-attention/repeats", MUST, source=PAGED, profiles=PROFILE)
def test_repeats(library: KernelLibrary, dtype: str) -> None:
    """The same call MUST give the same to the last bit each time.

    What differs from call to call reads memory that nobody wrote, or races.
    """
    case = replace(LONG, dtype=dtype)
    expect.offered(library, case)
    first = expect.output(library, case.call(), case)
    for _ in range(4):
        expect.same_bits(first, expect.output(library, case.call(), case), "nothing at all")


@dtypes
@requirement("kernels/paged-attention/writes-nothing", MUST, source=PAGED, profiles=PROFILE)
def test_writes_nothing(library: KernelLibrary, dtype: str) -> None:
    """A call MUST leave its arguments, and the memory around them, as they are.

    A cache that attention writes to is wrong for whoever reads it next.
    """
    case = replace(LONG, dtype=dtype, sinks=True)
    expect.offered(library, case)
    call = case.call()
    arrays = {
        "query": call.query,
        "key_cache": call.key_cache,
        "value_cache": call.value_cache,
        **{name: given for name, given in call.named.items() if isinstance(given, np.ndarray)},
    }
    guarded = {name: memory.Guarded(array) for name, array in arrays.items()}
    named = {name: guarded[name].array for name in call.named if name in guarded}
    inner = replace(
        call,
        query=guarded["query"].array,
        key_cache=guarded["key_cache"].array,
        value_cache=guarded["value_cache"].array,
        named=call.named | named,
    )
    expect.output(library, inner, case)
    for name, array in arrays.items():
        guarded[name].check(name)
        if guarded[name].array.tobytes() != array.tobytes():
            raise Failed(f"paged_attention changed its argument {name}.")


@dtypes
@requirement("kernels/paged-attention/views", MUST, source="PyTorch: strides", profiles=PROFILE)
def test_views(library: KernelLibrary, dtype: str) -> None:
    """Queries and caches that are parts of larger arrays MUST be read as any others.

    Queries are often columns of one product with keys and values, and a pool may hold both caches.
    """
    case = Case(dtype, (30, 9), (4, 1), num_kv_heads=2)
    expect.offered(library, case)
    call = case.call()
    fused = np.concatenate([call.query] * 3, axis=1)
    pool = np.concatenate([call.key_cache, call.value_cache], axis=-1)
    parts = replace(
        call,
        query=fused[:, case.num_heads : 2 * case.num_heads],
        key_cache=pool[..., : case.head_size],
        value_cache=pool[..., case.head_size :],
    )
    whole = expect.output(library, call, case)
    expect.same_bits(whole, expect.output(library, parts, case), "the strides of the arguments")


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
