"""Patterns in which rows differ: each function gives a sentence, or None.

"Right" is as near to production as production is to itself. Where a place is named, other rows at
the same positions are right, so that the place and not the position makes the difference.
"""

from __future__ import annotations

import numpy as np

from conformance.compare.positions import EVIDENCE, begins_at
from conformance.compare.rows import Mask, Rows


def only_first_decoded(found: Rows) -> str | None:
    """Wrong at one step around the prompt's end, and nowhere else."""
    for step, which in ((0, "the last of the prompt"), (1, "the first that is decoded")):
        here = found.past_prompt == step
        if here.sum() >= 3 and found.share_wrong(here) >= 0.75 and found.fine(~here):
            return (
                f"only one position of each prompt is wrong, {which}, as when a cache begins badly"
            )
    return None


def only_decoded(found: Rows) -> str | None:
    """Wrong where tokens are decoded one by one, right where prompts are read, or the reverse."""
    decoded = found.past_prompt > 0
    for here, there, which in (
        (decoded, ~decoded, "decoded after a prompt"),
        (~decoded, decoded, "in the prompts"),
    ):
        if _only(found, here, there):
            other = "prompts are" if which.startswith("decoded") else "what is decoded is"
            return (
                f"only positions {which} are wrong, and {other} right at the same positions, as "
                "when the cache is written, read or placed otherwise by one of the two"
            )
    return None


def only_some_prompts(found: Rows) -> str | None:
    """Wrong in a few prompts, right in all others."""
    names = list(dict.fromkeys(found.names))
    wrong = [name for name in names if found.off(found.names == name)]
    here = np.isin(found.names, wrong)
    if len(wrong) > len(names) / 3 or not _only(found, here, ~here):
        return None
    prompts = f"prompt {wrong[0]} is" if len(wrong) == 1 else f"prompts {', '.join(wrong)} are"
    begin = begins_at(found, here)
    if begin is not None and begin >= 16:
        # Others may be indifferent to what happens there, as a prompt of one token repeated is.
        return f"only {prompts} wrong, and only from position {begin} on"
    return (
        f"only {prompts} wrong, and others are right at the same positions, as when a cache holds "
        "what another request left there"
    )


def every_block(found: Rows) -> str | None:
    """Wrong once in every block of a paged cache."""
    for size in (8, 16, 32, 64, 128):
        slots = found.positions % size
        for slot in np.unique(slots[found.wrong]):
            here = (slots == slot) & (found.positions >= size // 2)
            distinct = len(np.unique(found.positions[here & found.wrong]))
            if distinct >= 3 and found.share_wrong(here) >= 0.6 and found.fine(~here):
                place = {0: "first", size - 1: "last"}.get(int(slot), f"number {slot + 1}")
                return (
                    f"only one position in {size} is wrong, the {place} of each block of as many, "
                    "as when the blocks of a cache meet badly"
                )
    return None


def part_way(found: Rows) -> str | None:
    """Wrong from another position on in each prompt."""
    begins = {}
    for name in dict.fromkeys(found.names):
        begin = begins_at(found, found.names == name)
        if begin is not None:
            begins[str(name)] = begin
    if len(begins) < 2 or max(begins.values()) < 3 * min(begins.values()):
        return None
    told = np.isin(found.names, list(begins))
    after = found.positions >= np.array([begins.get(name, 0) for name in found.names])
    if not _only(found, told & after, told & ~after):
        return None
    some = ", ".join(f"from {begin} in {name}" for name, begin in list(begins.items())[:3])
    return (
        f"each prompt is right up to a position of its own and wrong after it ({some}), as when "
        "the length of a cached prefix is not carried over"
    )


def _only(found: Rows, here: Mask, there: Mask) -> bool:
    """Whether one group is wrong and the other right at positions that both visit."""
    if min(here.sum(), there.sum()) < EVIDENCE or not found.off(here) or not found.fine(there):
        return False
    begin = found.positions[here & found.wrong].min()
    last = found.positions[here & found.wrong].max()
    beside = there & (found.positions >= begin) & (found.positions <= last)
    met = here & (found.positions <= found.positions[there].max())
    if beside.sum() < EVIDENCE or (met & found.wrong).sum() < EVIDENCE:
        return False
    return bool(np.median(found.times[met]) >= 5 * np.median(found.times[beside]))
