"""Requirements on `mla_attention`: attention over latents."""

from __future__ import annotations

import pytest

from conformance.kernels import cases, expect, generated, invariants
from conformance.requirements import MUST, SHOULD, requirement
from conformance.targets.kernels.contract import Feature, KernelLibrary, capabilities_of
from fixtures.goldens import kernels as goldens
from fixtures.goldens.kernels.calls import LATENTS
from fixtures.kernels import DTYPES
from fixtures.kernels.generated import latent_cases
from fixtures.kernels.latents import LatentCase

SOURCE = "DeepSeek-V2 2024, section 2.1 and appendix C; bounds: Higham and Mary 2019"
PAGED = "Kwon et al. 2023, PagedAttention, section 4.1"
PROFILE = ("kernels",)
dtypes = pytest.mark.parametrize("dtype", DTYPES)


def decode(dtype: str, *seq_lens: int) -> LatentCase:
    """One query token of each sequence."""
    return LatentCase(dtype, seq_lens, (1,) * len(seq_lens))


@pytest.mark.parametrize("case", [pytest.param(c, id=name) for name, c in cases.of_latents()])
@requirement("kernels/mla-attention/features", MUST, source=SOURCE, profiles=PROFILE)
def test_latents(library: KernelLibrary, case: LatentCase) -> None:
    """Each number of the output MUST be as near to its definition as float32 sums can be.

    All heads read one row per token, whose end is the key's alone: a kernel that takes it for a
    part of the value, or leaves it out of the logits, is wrong in every number.
    """
    expect.offered(library, case)
    expect.near(library, case)


@pytest.mark.parametrize("case", [pytest.param(c, id=name) for name, c in cases.of_latent_shapes()])
@requirement("kernels/mla-attention/shapes", MUST, source=SOURCE, profiles=PROFILE)
def test_latent_shapes(library: KernelLibrary, case: LatentCase) -> None:
    """Each number of the output MUST be right at every size, and where a block or a part ends.

    Three heads are no multiple of what a threadgroup likes to take.
    """
    expect.offered(library, case)
    expect.near(library, case)


@dtypes
@requirement("kernels/mla-attention/any-shape", MUST, source=SOURCE, profiles=PROFILE)
def test_any_latents(library: KernelLibrary, dtype: str) -> None:
    """Each number of the output MUST be right for any mixture of sequences.

    What is wrong is shrunk to the smallest call that still is.
    """
    prefill = Feature.PREFILL in capabilities_of(library).features
    found = latent_cases(dtypes=(dtype,), prefill=prefill)
    generated.every(library, found, 30, lambda case: expect.near(library, case), expect.offered)


@pytest.mark.parametrize("name", LATENTS)
@requirement(
    "kernels/mla-attention/goldens",
    MUST,
    source="PyTorch's scaled_dot_product_attention in float64, fixtures/goldens/kernels",
    profiles=PROFILE,
)
def test_latent_goldens(library: KernelLibrary, name: str) -> None:
    """Each number of the output MUST be as near to what PyTorch computes in float64.

    The definition is written here; this is somebody else's.
    """
    golden = goldens.load()[name]
    case = LATENTS[name]
    expect.offered(library, case)
    expect.right(expect.output(library, golden.call, case), golden.call, case, golden.output)


@dtypes
@requirement("kernels/mla-attention/stale-memory", MUST, source=PAGED, profiles=PROFILE)
def test_stale_latents(library: KernelLibrary, dtype: str) -> None:
    """The output MUST be the same to the last bit whatever unused slots and blocks hold.

    They hold other people's tokens.
    """
    invariants.stale_memory(library, decode(dtype, 1, 33, 64, 100))


@dtypes
@requirement("kernels/mla-attention/blocks-anywhere", MUST, source=PAGED, profiles=PROFILE)
def test_latents_anywhere(library: KernelLibrary, dtype: str) -> None:
    """The output MUST be the same to the last bit wherever in the pool the blocks lie.

    Where they lie is chance: what depends on it cannot be repeated.
    """
    invariants.blocks_anywhere(library, decode(dtype, 1, 33, 64, 100))


@dtypes
@requirement("kernels/mla-attention/shared-prefix", MUST, source=PAGED, profiles=PROFILE)
def test_shared_latents(library: KernelLibrary, dtype: str) -> None:
    """Sequences that share the blocks of a prefix MUST each see it as if it were their own.

    A prefix that is cached once and read by all is what makes a long system prompt cheap.
    """
    invariants.shared_prefix(library, decode(dtype, 40, 40, 33, 39))


@dtypes
@requirement("kernels/mla-attention/alone", SHOULD, source=PAGED, profiles=PROFILE)
def test_latents_alone(library: KernelLibrary, dtype: str) -> None:
    """A sequence's output SHOULD be the same to the last bit alone, among others and in any order.

    With that a question has one answer, however busy the server is.
    """
    invariants.alone(library, decode(dtype, 1, 33, 64, 100))


@dtypes
@requirement("kernels/mla-attention/repeats", MUST, source=PAGED, profiles=PROFILE)
def test_repeated_latents(library: KernelLibrary, dtype: str) -> None:
    """The same call MUST give the same to the last bit each time.

    What differs from call to call reads memory that nobody wrote, or races.
    """
    invariants.repeats(library, decode(dtype, 1, 33, 100))


@dtypes
@requirement("kernels/mla-attention/writes-nothing", MUST, source=PAGED, profiles=PROFILE)
def test_latents_stay(library: KernelLibrary, dtype: str) -> None:
    """A call MUST leave its arguments, and the memory around them, as they are.

    A cache that attention writes to is wrong for whoever reads it next.
    """
    invariants.writes_nothing(library, decode(dtype, 1, 33, 100))


@dtypes
@requirement("kernels/mla-attention/views", MUST, source="PyTorch: strides", profiles=PROFILE)
def test_views_of_latents(library: KernelLibrary, dtype: str) -> None:
    """Queries, cache and tables that are parts of larger arrays MUST be read as any others.

    A table of blocks is cut from that of the longest sequence.
    """
    invariants.views(library, decode(dtype, 30, 9))


@dtypes
@requirement("kernels/mla-attention/later-tokens", SHOULD, source=SOURCE, profiles=PROFILE)
def test_later_latents(library: KernelLibrary, dtype: str) -> None:
    """The output of a token SHOULD be right whatever those after it in the same prefill hold.

    A weight of 0 times infinity is no number.
    """
    invariants.later_tokens(library, LatentCase(dtype, (40, 37), (40, 9)))
