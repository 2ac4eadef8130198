"""What holds of every attention over a paged cache, whatever it computes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np

from conformance.kernels import expect, memory
from conformance.outcomes import Failed
from conformance.targets.kernels.contract import Array, KernelLibrary
from fixtures.kernels.cases import Call, Case
from fixtures.kernels.latents import LatentCall, LatentCase

AnyCase: TypeAlias = Case | LatentCase
AnyCall: TypeAlias = Call | LatentCall


def same_for(library: KernelLibrary, case: AnyCase, calls: Mapping[str, AnyCall]) -> None:
    """Calls give the same to the last bit. Raises Failed where they do not.

    Args:
        calls: by what was changed, as the end of a sentence; they are compared with the first.
    """
    first: Array | None = None
    for what, call in calls.items():
        found = expect.output(library, call, case)
        if first is not None:
            expect.same_bits(first, found, what)
        first = found if first is None else first


def stale_memory(library: KernelLibrary, case: AnyCase) -> None:
    """Whatever unused slots and blocks hold."""
    expect.offered(library, case)
    call = case.call()
    same_for(
        library,
        case,
        {f"{n} in unused slots": memory.filled(call, n) for n in memory.anything(call)},
    )


def passed_window(library: KernelLibrary, case: AnyCase) -> None:
    """Whatever lies before the windows of all queries."""
    expect.offered(library, case)
    call = case.call()
    others = {f"{n} before the window": memory.passed(call, n) for n in memory.anything(call)}
    same_for(library, case, {"": call, **others})


def blocks_anywhere(library: KernelLibrary, case: AnyCase) -> None:
    """Wherever in the pool the blocks lie."""
    expect.offered(library, case)
    call = case.call()
    first = expect.output(library, call, case)
    for seed in (1, 2):
        other = expect.output(library, memory.shuffled(call, seed), case)
        expect.same_bits(first, other, "the places of the blocks")


def shared_prefix(library: KernelLibrary, case: AnyCase) -> None:
    """Whether sequences share blocks or have copies: a prefix of two, all of another."""
    expect.offered(library, case)
    call = case.call()
    table = call.named["block_table"].copy()
    for row, blocks in ((1, 2), (2, 1), (3, table.shape[1])):
        for cache in call.caches:
            cache[table[row, :blocks]] = cache[table[0, :blocks]]
    apart = expect.output(library, call, case)
    for row, blocks in ((1, 2), (2, 1), (3, table.shape[1])):
        table[row, :blocks] = table[0, :blocks]
    call.named["block_table"] = table
    expect.same_bits(apart, expect.output(library, call, case), "a prefix that is shared")


def chunks(library: KernelLibrary, case: AnyCase) -> None:
    """A prefill of one sequence is as right in chunks of any size."""
    expect.offered(library, case)
    for size in (50, 16, 7, 1):
        for call in memory.chunks(case.call(), size):
            expect.right(expect.output(library, call, case), call, case)


def later_tokens(library: KernelLibrary, case: AnyCase) -> None:
    """Right for each token, whatever those after it in the same prefill hold."""
    expect.offered(library, case)
    for number in memory.anything(case.call()):
        call, rows = memory.later(case.call(), 4, number)
        found = expect.output(library, call, case)
        with np.errstate(invalid="ignore"):  # what sees an infinity comes to no number
            expect.right(found, call, f"{case} with {number} as its last 4 tokens", rows=rows)


def alone(library: KernelLibrary, case: AnyCase) -> None:
    """The same alone, among others and in any order."""
    expect.offered(library, case)
    call = case.call()
    whole = expect.output(library, call, case)
    every = range(len(case.seq_lens))
    for rows in ([*reversed(every)], *([row] for row in every)):
        part, tokens = memory.of_sequences(call, rows)
        found = expect.output(library, part, case)
        expect.same_bits(whole[tokens], found, "the other sequences of the call")


def repeats(library: KernelLibrary, case: AnyCase) -> None:
    """The same each time."""
    expect.offered(library, case)
    first = expect.output(library, case.call(), case)
    for _ in range(4):
        expect.same_bits(first, expect.output(library, case.call(), case), "nothing at all")


def writes_nothing(library: KernelLibrary, case: AnyCase) -> None:
    """Arguments and the memory around them stay as they are."""
    expect.offered(library, case)
    inner, bands = memory.guarded(case.call())
    before = {name: band.array.tobytes() for name, band in bands.items()}
    expect.output(library, inner, case)
    for name, band in bands.items():
        band.check(name)
        if band.array.tobytes() != before[name]:
            operation = "mla_attention" if isinstance(case, LatentCase) else "paged_attention"
            raise Failed(f"{operation} changed its argument {name}.")


def views(library: KernelLibrary, case: AnyCase) -> None:
    """Parts of larger arrays are read as any others."""
    expect.offered(library, case)
    call = case.call()
    whole = expect.output(library, call, case)
    parts = expect.output(library, memory.strided(call), case)
    expect.same_bits(whole, parts, "the strides of the arguments")
