"""Patterns in where positions differ: each function gives a sentence, or None.

"Right" is as near to production as production is to itself. Where a place is named, other rows at
the same positions are right, so that the place and not the position makes the difference.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from conformance.compare.rows import Floats, Mask, Rows, octaves

EVIDENCE = 8
"""Rows without which a group is not judged."""


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
    if not wrong or len(names) < 3 or len(wrong) > len(names) / 3 or not _only(found, here, ~here):
        return None
    prompts = f"prompt {wrong[0]} is" if len(wrong) == 1 else f"prompts {', '.join(wrong)} are"
    begin = _begin(found, here)
    if begin is not None and begin >= 16:
        # Others may be indifferent to what happens there, as a prompt of one token repeated is.
        return f"only {prompts} wrong, and only from position {begin} on"
    return (
        f"only {prompts} wrong, and others are right at the same positions, as when a cache holds "
        "what another request left there"
    )


def blocks(found: Rows) -> str | None:
    """Wrong once in every block of a paged cache."""
    for size in (8, 16, 32, 64, 128):
        slots = found.positions % size
        for slot in np.unique(slots[found.wrong]):
            here = (slots == slot) & (found.positions >= size // 2)
            distinct = len(np.unique(found.positions[here & found.wrong]))
            if distinct >= 3 and found.share_wrong(here) >= 0.6 and found.fine(~here):
                place = {0: "first", size - 1: "last"}.get(int(slot), f"{slot + 1}th")
                return (
                    f"only every {size}th position is wrong, the {place} of each {size}, as when "
                    f"the blocks of a cache meet badly"
                )
    return None


def part_way(found: Rows) -> str | None:
    """Wrong from another position on in each prompt."""
    begins = {}
    for name in dict.fromkeys(found.names):
        begin = _begin(found, found.names == name)
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


def window(found: Rows) -> str | None:
    """Right as long as the model's sliding window holds everything, wrong from there on."""
    size = found.window
    if not size:
        return None
    before, after = found.positions < size, found.positions >= size
    near = after & (found.positions < size + size // 2)
    if min(before.sum(), near.sum()) < EVIDENCE or not found.fine(before) or not found.off(after):
        return None
    if found.share_wrong(near) < 0.2:
        return None
    return (
        f"everything is right before position {size}, where the model's sliding window of as many "
        "tokens begins to leave some out, and wrong after it, as when the window is ignored, off "
        "by one, or on the wrong layers"
    )


def onset(found: Rows) -> str | None:
    """Right before a position, wrong from there on, at once."""
    begin = _begin(found, np.ones(len(found.kl), dtype=bool))
    if begin is None or begin < EVIDENCE:
        return None
    near = max(4, begin // 4)
    before = (found.positions >= begin - near) & (found.positions < begin)
    after = (found.positions >= begin) & (found.positions < begin + near)
    early = (found.positions > 0) & (found.positions < begin // 2)
    if not (before.any() and after.any() and early.any()):
        return None
    middle = [float(np.median(found.times[rows])) for rows in (early, before, after)]
    if middle[1] > 2.5 * max(middle[0], 1.0) or middle[2] < 10 * max(middle[1], 1.0):
        return None
    late = found.positions >= 2 * begin
    fades = late.sum() >= EVIDENCE and np.median(found.times[late]) < middle[2] / 3
    # The first rows beyond a boundary miss little, and may still look right.
    boundary = begin // 16 * 16
    begin = boundary if boundary and begin - boundary <= 3 else begin
    if fades:
        return (
            f"everything is right before position {begin}, and wrong from there on but less and "
            "less, as when a block of the cache is lost or positions jump there"
        )
    return (
        f"everything is right before position {begin} and wrong from there on, as when a sliding "
        f"window, a chunk or a block of {begin} tokens is ignored, or put where there is none"
    )


def fading(found: Rows) -> str | None:
    """Worst just after the first position, and right far from it."""
    middles = _middles(found)
    if len(middles) < 6 or middles[1] < 100:
        return None
    if max(middles[-2:]) > middles[1] / 30 or np.any(np.diff(np.log(middles[1:])) > 0.7):
        return None
    return (
        "the difference is largest at the first positions and fades, as when the first token is "
        "lost, doubled, or not seen by those after it"
    )


def drift(found: Rows) -> str | None:
    """Right at the first position, and worse with every octave from there."""
    if not _first_is_right(found):
        return None
    early = (found.positions >= 1) & (found.positions < 4)
    soon = (found.positions >= 4) & (found.positions < 8)
    later = (found.positions >= 8) & (found.positions < 32)
    last = found.positions >= 32
    if min(rows.sum() for rows in (early, soon, later, last)) < EVIDENCE // 2:
        return None
    # What is below the usual is noise of another size, and no growth from it is one.
    times = np.maximum(found.times, 1.0)
    middle = [float(np.median(times[rows])) for rows in (early, soon, later, last)]
    if middle[2] < max(5, 10 * middle[0]) or middle[3] < max(5, middle[2] / 2):
        return None
    # It grows all the way: what begins at a block or a window is no drift.
    if middle[1] < 1.5 * middle[0] or middle[2] < 1.5 * middle[1] or found.share_wrong(last) < 0.15:
        return None
    begin = _split(found, np.ones(len(found.kl), dtype=bool))
    return (
        f"position {begin} onward drifts: the difference grows with position, as a wrong rotary "
        "base or scaling makes it, or seldom a missing soft cap on the scores of attention"
    )


def attention(found: Rows) -> str | None:
    """Right where a token sees itself alone, wrong wherever it sees others."""
    middles = _middles(found)
    if len(middles) < 4 or not _first_is_right(found) or min(middles[2:]) < 5:
        return None
    return (
        "the first position is right and all after it are wrong: a token alone is computed well, "
        "so it is in how tokens attend to each other, as a wrong scale, mask, norm or position"
    )


def everywhere(found: Rows) -> str | None:
    """Wrong wherever one looks, the first position included."""
    first = found.positions == 0
    middles = _middles(found)
    if first.sum() < 3 or len(middles) < 4 or found.share_wrong(first) < 0.8 or min(middles) < 10:
        return None
    if np.median(found.kl) < 0.5 or np.median(found.times[first]) < np.median(found.times) / 5:
        return None
    return (
        "every position is wrong, the first included: it is in what each token goes through "
        "whatever came before it, as a norm, a scale, a cap, a bias, an activation or the weights"
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


def _begin(found: Rows, rows: Mask) -> int | None:
    """The position from which on these rows are wrong while all before are right; None if none."""
    begin = _split(found, rows)
    before, after = rows & (found.positions < begin), rows & (found.positions >= begin)
    if before.sum() < EVIDENCE or after.sum() < EVIDENCE or not found.fine(before):
        return None
    near = after & (found.positions < begin + max(8, begin // 2))
    return begin if found.share_wrong(near) >= 0.6 else None


def _split(found: Rows, rows: Mask) -> int:
    """The position that best parts right rows before from wrong ones after."""
    positions = np.unique(found.positions[rows])
    order = np.searchsorted(positions, found.positions[rows])
    wrong = np.bincount(order, weights=found.wrong[rows], minlength=len(positions))
    right = np.bincount(order, weights=~found.wrong[rows], minlength=len(positions))
    mistaken = np.concatenate([[0], np.cumsum(wrong)]) + np.concatenate(
        [np.cumsum(right[::-1])[::-1], [0]]
    )
    best = int(mistaken.argmin())
    return int(positions[best]) if best < len(positions) else int(positions[-1]) + 1


def _first_is_right(found: Rows) -> bool:
    first = found.positions == 0
    return bool(first.sum() >= 3 and found.fine(first))


def _middles(found: Rows) -> Floats:
    """Per octave of positions with enough rows, the middle of the difference in usual ones."""
    groups = octaves(found.positions)
    return np.array(
        [
            np.median(found.times[groups == group])
            for group in np.unique(groups)
            if (groups == group).sum() >= 3
        ]
    )


PATTERNS: tuple[Callable[[Rows], str | None], ...] = (
    only_first_decoded,
    only_decoded,
    blocks,
    window,
    onset,
    only_some_prompts,
    part_way,
    fading,
    drift,
    attention,
)
