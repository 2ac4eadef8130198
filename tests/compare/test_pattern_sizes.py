"""From what size on a pattern along the positions is told: where each begins and where it ends.

A shape has one size that grows from nothing. What a pattern says of it is written down wherever it
changes: at the largest size that still has the words, and of the first that has others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest

from conformance.compare import positions
from conformance.compare.rows import Floats, Rows

PROMPTS, LENGTH, USUAL, LIMIT, WINDOW = 4, 128, 1e-4, 1e-3, 40
APPROVED = Path(__file__).with_name("pattern_sizes.txt")

N = np.arange(LENGTH)
SIZES = np.concatenate([np.arange(0, 20), np.geomspace(20, 20_000, 80)])
"""Differences in times of the usual one."""
PLACES = np.arange(1, 126)

Shape = Callable[[float], Floats]
"""Times of the usual difference at each position `[LENGTH]`, from the size."""


def step(begin: int, end: int = LENGTH, before: float = 1.0) -> Shape:
    return lambda size: np.where((begin <= N) & (end > N), size, before)


SHAPES: Mapping[str, tuple[Shape, Floats]] = {
    "everywhere": (step(0), SIZES),
    "all but the first": (step(1), SIZES),
    "from the window on": (step(WINDOW), SIZES),
    "from a block on": (step(64), SIZES),
    "a block alone": (step(64, 80), SIZES),
    "a block that fades": (lambda size: np.where(N < 32, 1.0, 1 + size * 0.9 ** (N - 32)), SIZES),
    "after noise": (step(48, before=8.0), SIZES),
    "growing": (lambda size: 1 + size * N / LENGTH, SIZES),
    "growing fast": (lambda size: 1 + size * (N / LENGTH) ** 3, SIZES),
    "fading": (lambda size: size / (1 + N) ** 1.5, SIZES),
    "fading to the usual": (lambda size: 1 + size / (1 + N) ** 2, SIZES),
    "large at first": (lambda size: np.where(N < 4, 10 * size, size), SIZES),
    "from there on": (lambda begin: step(int(begin))(1000.0), PLACES),
    "up to there": (lambda end: step(0, int(end))(1000.0), PLACES),
    "every so many": (lambda every: np.where(N % int(every) == 0, 500.0, 1.0), PLACES),
    "little by little": (lambda width: 1 + 1000 * np.clip((N - 16) / width, 0, 1), PLACES),
}
"""Each with the sizes, or the places, that it is drawn in."""

PATTERNS = (
    positions.window,
    positions.onset,
    positions.fading,
    positions.drift,
    positions.attention,
    positions.everywhere,
)


def rows(times: Floats, every: int = 1, window: int | None = WINDOW) -> Rows:
    """Prompts that differ alike but for a little, at every so manyth position."""
    each = np.arange(LENGTH)[::every]
    where = np.tile(each, PROMPTS)
    spread = np.repeat(np.linspace(0.9, 1.1, PROMPTS), len(each))
    found = np.full(len(where), USUAL)
    return Rows(
        production={},
        target={},
        names=np.repeat([f"p{n}" for n in range(PROMPTS)], len(each)),
        positions=where.astype(np.int32),
        kl=times[where] * USUAL * spread,
        usual=found,
        limit=np.full(len(where), LIMIT),
        window=window,
    )


def told(name: str) -> Iterator[str]:
    """What each pattern says of a shape, a line wherever it begins to say something else."""
    shape, sizes = SHAPES[name]
    for every in (1, 3):
        seen = [rows(shape(float(size)), every) for size in sizes]
        for pattern in PATTERNS:
            last: str | None = None
            for size, found in zip(sizes, seen, strict=True):
                said = pattern(found)
                if said != last:
                    at = f"{name}, 1 in {every}, from {size:.5g}"
                    yield f"{at}: {pattern.__name__}: {said or 'nothing'}\n"
                    last = said


@pytest.mark.parametrize("name", SHAPES)
def test_a_pattern_is_told_from_the_size_on_that_was_approved(name: str) -> None:
    approved = APPROVED.read_text(encoding="utf-8").splitlines(keepends=True)
    assert list(told(name)) == [line for line in approved if line.startswith(f"{name}, 1 in ")], (
        "If that is meant: python tests/compare/test_pattern_sizes.py, and read the diff"
    )


@pytest.mark.parametrize("pattern", PATTERNS)
def test_nothing_is_told_of_nothing(pattern: Callable[[Rows], str | None]) -> None:
    assert pattern(rows(np.ones(LENGTH))) is None
    assert pattern(rows(np.full(LENGTH, 3.0), 40, None)) is None


if __name__ == "__main__":
    APPROVED.write_text("".join(line for name in SHAPES for line in told(name)), encoding="utf-8")
