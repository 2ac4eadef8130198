"""What a call of a kernel comes to: nothing where it is as it should be, a judgement where not."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from conformance.compare.kernels import nearness
from conformance.outcomes import Absent, Failed
from conformance.targets.kernels.contract import (
    Array,
    Feature,
    KernelError,
    KernelLibrary,
    LatentLibrary,
)
from conformance.targets.kernels.contract import capabilities_of as said_by
from fixtures.kernels import ArgumentError
from fixtures.kernels.cases import Call, Case
from fixtures.kernels.expected import expected, of_case
from fixtures.kernels.latents import LatentCall, LatentCase
from fixtures.kernels.writes import Write

_Found = TypeVar("_Found")


def offered(library: KernelLibrary, case: Case | LatentCase) -> None:
    """The library has kernels for a case.

    Raises:
        Absent: it says that it has none.
    """
    reason = said_by(library).lacks(
        dtype=case.dtype,
        head_size=None if isinstance(case, LatentCase) else case.head_size,
        latent_size=(case.latent_size, case.rope_size) if isinstance(case, LatentCase) else None,
        block_size=case.block_size,
        features=case.features,
    )
    _absent_for(library, reason)


def stores(library: KernelLibrary, write: Write) -> None:
    """The library has caches for a case of `reshape_and_cache`.

    Raises:
        Absent: it says that it has not.
    """
    quantised = write.kv_cache_dtype != "auto"
    reason = said_by(library).lacks(
        dtype=write.dtype,
        head_size=write.head_size,
        block_size=write.block_size,
        features=(f"{write.kv_cache_dtype}-kv-cache",) if quantised else (),
    )
    _absent_for(library, reason)


def _absent_for(library: KernelLibrary, reason: str | None) -> None:
    """Raises Absent if there is a reason."""
    if reason:
        raise Absent(f"{library.name} says of itself: {reason}.", cause=f"It says: {reason}")


def copies(library: KernelLibrary) -> None:
    """The library has `copy_blocks`.

    Raises:
        Absent: it says that it has not.
    """
    if Feature.COPY_BLOCKS not in said_by(library).features:
        raise Absent(f"{library.name} says of itself: no {Feature.COPY_BLOCKS}.")


def unbroken(operation: Callable[[], _Found], paste: object = None) -> _Found:
    """What an operation returns.

    Args:
        paste: what makes the same call again.

    Raises:
        Failed: the library raised, or returned what is no result.
    """
    try:
        return operation()
    except ArgumentError:
        raise  # the suite's own mistake
    except KernelError as error:
        raise Failed(str(error), actual=paste, cause="No result") from error
    except Exception as error:  # It raises what it likes.
        message = f"The library raised {type(error).__name__}: {error}"
        raise Failed(message, actual=paste, cause="The library breaks") from error


def output(library: KernelLibrary, call: Call | LatentCall, paste: object = None) -> Array:
    """The output of a call. Raises Failed where there is none."""
    if isinstance(call, LatentCall):
        latents = cast(LatentLibrary, library)
        return unbroken(
            lambda: latents.mla_attention(call.query, call.latent_cache, **call.named), paste
        )
    given = call.query, call.key_cache, call.value_cache
    return unbroken(lambda: library.paged_attention(*given, **call.named), paste)


def near(library: KernelLibrary, case: Case | LatentCase) -> None:
    """The output of a case is within the bound of each of its numbers.

    Raises:
        Failed: one is not; with the case, to be pasted.
    """
    _within(output(library, case.call(), case), *of_case(case), case)


def right(
    found: Array,
    call: Call | LatentCall,
    paste: object = None,
    golden: NDArray[np.float64] | None = None,
    rows: Array | None = None,
) -> None:
    """An output is within the bound of each of its numbers. Raises Failed where it is not.

    Args:
        golden: what it should be; by default what the oracle makes of the call.
        rows: those that are compared; by default all.
    """
    true, bound = expected(call)
    true = true if golden is None else golden
    if rows is not None:
        found, true, bound = found[rows], true[rows], bound[rows]
    _within(found, true, bound, paste)


def _within(
    found: Array, true: NDArray[np.float64], bound: NDArray[np.float64], paste: object
) -> None:
    if not found.size:
        return
    distance = nearness(found, true, bound)
    if not distance.inside:
        raise Failed(
            f"{distance}.",
            expected=f"{distance.expected:.9g} ± {distance.bound:.2g}",
            actual=f"{distance.actual:.9g} from {paste}",
            cause="Further from the definition than rounding excuses",
        )


def unbiased(found: Array, call: Call | LatentCall) -> None:
    """As many numbers are further from 0 than they should be as nearer.

    Rounding to nearest is a fair coin for each number; the share of n coins has a standard
    deviation of 1 / (2 sqrt(n)), of which 6 are granted (once in 500 million).

    Raises:
        Failed: they are not.
    """
    true, _ = expected(call)
    larger = float((np.abs(found.astype(np.float64)) > np.abs(true)).mean())
    granted = 6 / (2 * math.sqrt(true.size))
    if abs(larger - 0.5) > granted:
        raise Failed(
            f"{larger:.1%} of the output's numbers are further from 0 than they should be.",
            expected=f"50% ± {granted:.1%}",
            actual=f"{larger:.1%} of {true.size}",
            cause="It does not round to nearest",
        )


def same_bits(found: Array, other: Array, what: str) -> None:
    """Two results are the same to the last bit.

    Args:
        what: what was changed between the two, as the end of a sentence.

    Raises:
        Failed: they are not.
    """
    if found.tobytes() == other.tobytes():
        return
    differ = np.argwhere(~((found == other) | (np.isnan(found) & np.isnan(other))))
    place = tuple(map(int, differ[0])) if len(differ) else None
    raise Failed(
        f"{len(differ)} of {found.size} numbers change with {what}.",
        expected=None if place is None else f"output{list(place)} = {float(found[place]):.9g}",
        actual=None if place is None else f"output{list(place)} = {float(other[place]):.9g}",
        cause=f"It changes with {what}",
    )
