"""Requirements on `paged_attention`: what it reads and writes, and what changes nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from conformance.kernels import cases, invariants
from conformance.requirements import MUST, SHOULD, requirement
from conformance.targets.kernels.contract import KernelLibrary
from fixtures.kernels import DTYPES
from fixtures.kernels.cases import Case

PAGED = "Kwon et al. 2023, PagedAttention, section 4.1"
PROFILE = ("kernels",)
LONG = replace(cases.MIXED, num_kv_heads=2)
dtypes = pytest.mark.parametrize("dtype", DTYPES)
caches = pytest.mark.parametrize("kind", cases.CACHES)


def of(kind: str, case: Case = LONG) -> Case:
    """The case with caches of a kind."""
    changed: dict[str, Any] = dict(cases.CACHES[kind])
    return replace(case, **changed)


@caches
@requirement("kernels/paged-attention/stale-memory", MUST, source=PAGED, profiles=PROFILE)
def test_stale_memory(library: KernelLibrary, kind: str) -> None:
    """The output MUST be the same to the last bit whatever unused slots and blocks hold.

    They hold other people's tokens. Multiplied by a weight of 0 they are nothing, until one of them
    is infinite or no number.
    """
    invariants.stale_memory(library, of(kind))


@caches
@requirement(
    "kernels/paged-attention/passed-window",
    MUST,
    source="vLLM: SlidingWindowManager.remove_skipped_blocks",
    profiles=PROFILE,
)
def test_passed_window(library: KernelLibrary, kind: str) -> None:
    """The output MUST be the same to the last bit whatever lies before the window of every query.

    Blocks that a window has passed are given to others, while the table still has a place for them.
    """
    case = Case("float32", (100, 37, 70), (1, 5, 20), num_kv_heads=2, sliding_window=20)
    invariants.passed_window(library, of(kind, case))


@caches
@requirement(
    "kernels/paged-attention/later-tokens",
    SHOULD,
    source="Vaswani et al. 2017, section 3.2.3: positions depend only on those before them",
    profiles=PROFILE,
)
def test_later_tokens(library: KernelLibrary, kind: str) -> None:
    """The output of a token SHOULD be right whatever those after it in the same prefill hold.

    A weight of 0 times infinity is no number: one token that overflows then spoils all those before
    it in its tile, in one way where the prompt was cut and in another where it was not. Kernels for
    CUDA do so too, hence SHOULD.
    """
    case = Case("float32", (50, 37, 4), (50, 9, 4), num_kv_heads=2)
    invariants.later_tokens(library, of(kind, case))


@caches
@requirement("kernels/paged-attention/blocks-anywhere", MUST, source=PAGED, profiles=PROFILE)
def test_blocks_anywhere(library: KernelLibrary, kind: str) -> None:
    """The output MUST be the same to the last bit wherever in the pool the blocks lie.

    Where they lie is chance: what depends on it cannot be repeated.
    """
    invariants.blocks_anywhere(library, of(kind))


@caches
@requirement("kernels/paged-attention/shared-prefix", MUST, source=PAGED, profiles=PROFILE)
def test_shared_prefix(library: KernelLibrary, kind: str) -> None:
    """Sequences that share the blocks of a prefix MUST each see it as if it were their own.

    A prefix that is cached once and read by all is what makes a long system prompt cheap. Here one
    shares two blocks of three, one a single block, and one has nothing of its own.
    """
    case = Case("float32", (40, 40, 33, 39), (1, 1, 1, 1), num_kv_heads=2)
    invariants.shared_prefix(library, of(kind, case))


@dtypes
@requirement("kernels/paged-attention/alone", SHOULD, source=PAGED, profiles=PROFILE)
def test_alone(library: KernelLibrary, dtype: str) -> None:
    """A sequence's output SHOULD be the same to the last bit alone, among others and in any order.

    With that a question has one answer, however busy the server is.
    """
    invariants.alone(library, replace(LONG, dtype=dtype))


@dtypes
@requirement("kernels/paged-attention/repeats", MUST, source=PAGED, profiles=PROFILE)
def test_repeats(library: KernelLibrary, dtype: str) -> None:
    """The same call MUST give the same to the last bit each time.

    What differs from call to call reads memory that nobody wrote, or races.
    """
    invariants.repeats(library, replace(LONG, dtype=dtype))


@caches
@requirement("kernels/paged-attention/writes-nothing", MUST, source=PAGED, profiles=PROFILE)
def test_writes_nothing(library: KernelLibrary, kind: str) -> None:
    """A call MUST leave its arguments, and the memory around them, as they are.

    A cache that attention writes to is wrong for whoever reads it next.
    """
    invariants.writes_nothing(library, of(kind, replace(LONG, sinks=True)))


@caches
@requirement("kernels/paged-attention/views", MUST, source="PyTorch: strides", profiles=PROFILE)
def test_views(library: KernelLibrary, kind: str) -> None:
    """Queries, caches and tables that are parts of larger arrays MUST be read as any others.

    Queries are often columns of one product with keys and values, a pool may hold both caches, and
    a table of blocks is cut from that of the longest sequence.
    """
    invariants.views(library, of(kind, Case("float32", (30, 9), (4, 1), num_kv_heads=2)))
