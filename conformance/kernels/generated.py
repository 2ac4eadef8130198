"""Requirements on calls that nobody listed: generated, and shrunk where one is wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from hypothesis import given, settings
from hypothesis.strategies import SearchStrategy

from conformance.outcomes import Absent
from conformance.targets.kernels.contract import KernelLibrary

_Case = TypeVar("_Case")


def every(
    library: KernelLibrary,
    cases: SearchStrategy[_Case],
    examples: int,
    holds: Callable[[_Case], None],
    offered: Callable[[KernelLibrary, _Case], None],
) -> None:
    """`holds` of each case that the library has kernels for; the same cases in every run.

    Args:
        examples: how many are generated at most.
        holds: raises what is wrong, of which the smallest case is told.
        offered: raises Absent where the library has no kernels for a case.

    Raises:
        Absent: the library has no kernel for any of them.
    """
    ran = False

    @settings(
        derandomize=True,
        max_examples=examples,
        deadline=None,
        database=None,
        report_multiple_bugs=False,
    )
    @given(cases)
    def each(case: _Case) -> None:
        nonlocal ran
        try:
            offered(library, case)
        except Absent:
            return
        ran = True
        holds(case)

    each()
    if not ran:
        raise Absent(f"{library.name} says that it has no kernel for any of these cases.")
