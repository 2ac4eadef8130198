"""Patterns along the positions of a sequence: each function gives a sentence, or None.

"Right" is as near to production as production is to itself.
"""

from __future__ import annotations

import numpy as np

from conformance.compare.rows import Floats, Mask, Rows, octaves

EVIDENCE = 8
"""Rows without which a group is not judged."""


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
    first = found.positions[near & found.wrong].min()
    if (near & (found.positions < first)).sum() > EVIDENCE:
        return None
    return (
        f"everything is right before position {size}, where the model's sliding window of as many "
        "tokens begins to leave some out, and wrong after it, as when the window is ignored, off "
        "by one, or on the wrong layers"
    )


def onset(found: Rows) -> str | None:
    """Right before a position, wrong from there on, at once."""
    begin = begins_at(found, np.ones(len(found.kl), dtype=bool))
    if begin is None or begin < EVIDENCE:
        return None
    near = max(4, begin // 4)
    before = (found.positions >= begin - near) & (found.positions < begin)
    after = (found.positions >= begin) & (found.positions < begin + near)
    early = (found.positions > 0) & (found.positions < begin // 2)
    if not (before.any() and early.any()):
        return None
    middle = [float(np.median(found.times[rows])) for rows in (early, before, after)]
    if middle[1] > 2.5 * max(middle[0], 1.0) or middle[2] < 10 * max(middle[1], 1.0):
        return None
    late = found.positions >= 2 * begin
    fades = late.sum() >= EVIDENCE and np.median(found.times[late]) < middle[2] / 3
    where = _boundary(found, begin)
    if fades:
        return (
            f"everything is right before {where}, and wrong from there on but less and "
            "less, as when a block of the cache is lost or positions jump there"
        )
    return (
        f"everything is right before {where} and wrong from there on, as when a sliding "
        "window, a chunk or a block of as many tokens is ignored, or put where there is none"
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
    if middle[2] < 10 * middle[0] or middle[3] < middle[2] / 2:
        return None
    # It grows all the way: what begins at a block or a window is no drift.
    if middle[1] < 1.5 * middle[0] or middle[2] < 1.5 * middle[1] or found.share_wrong(last) < 0.15:
        return None
    begin = parts_at(found, np.ones(len(found.kl), dtype=bool))
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
    if first.sum() < 3 or len(middles) < 4 or found.share_wrong(first) < 0.7 or min(middles) < 10:
        return None
    if np.median(found.kl) < 0.25 or np.median(found.times[first]) < np.median(found.times) / 5:
        return None
    return (
        "every position is wrong, the first included: it is in what each token goes through "
        "whatever came before it, as a norm, a scale, a cap, a bias, an activation or the weights"
    )


def begins_at(found: Rows, rows: Mask) -> int | None:
    """The position from which on these rows are wrong while all before are right; None if none."""
    begin = parts_at(found, rows)
    before, after = rows & (found.positions < begin), rows & (found.positions >= begin)
    if before.sum() < EVIDENCE or after.sum() < EVIDENCE or not found.fine(before):
        return None
    near = after & (found.positions < begin + max(8, begin // 2))
    return begin if found.share_wrong(near) >= 0.6 else None


def parts_at(found: Rows, rows: Mask) -> int:
    """The position that best parts right rows before from wrong ones after."""
    positions = np.unique(found.positions[rows])
    order = np.searchsorted(positions, found.positions[rows])
    wrong = np.bincount(order, weights=found.wrong[rows])
    right = np.bincount(order, weights=~found.wrong[rows])
    mistaken = np.concatenate([[0], np.cumsum(wrong)]) + np.concatenate(
        [np.cumsum(right[::-1])[::-1], [0]]
    )
    best = int(mistaken.argmin())
    return int(positions[best]) if best < len(positions) else int(positions[-1]) + 1


def _boundary(found: Rows, begin: int) -> str:
    """What lies there in words: a power of two or a multiple of 16 where one fits.

    The first rows beyond a boundary miss little and may still look right, and between positions
    that were compared it may lie anywhere.
    """
    last = int(found.positions[found.positions < begin].max())
    fit = range(begin, min(last, begin - 3) - 1, -1)
    for size in (1 << begin.bit_length() - 1, begin // 16 * 16):
        if size in fit:
            return f"position {size}"
    return f"position {begin}" if last == begin - 1 else f"about position {begin}"


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
