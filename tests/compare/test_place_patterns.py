"""Where each pattern of places begins to be told, and where it ends: both sides.

A row's difference is in times of production's own; above 4 it is wrong.
"""

from __future__ import annotations

from typing import Any

import pytest
from handmade_rows import prompts_of, rows_of

from conformance.compare import places

R, W = 1.0, 9.0


# One step -------------------------------------------------------------------------------------


def stepped(step: int, wrong: int, prompts: int, *elsewhere: int) -> Any:
    """Prompts of 5 tokens, so many of which are wrong at a step; the first at others, too."""
    times = {}
    for number in range(prompts):
        rows = [R] * 12
        if number < wrong:
            rows[4 + step] = W
        for position in elsewhere if not number else ():
            rows[position] = W
        times[f"p{number}"] = rows
    return prompts_of(dict.fromkeys(times, 5), **times)


@pytest.mark.parametrize(("step", "which"), [(0, "the last of the prompt"), (1, "the first that")])
def test_only_one_step_is_wrong(step: int, which: str) -> None:
    said = str(places.only_first_decoded(stepped(step, 3, 4)))
    assert said.startswith(f"only one position of each prompt is wrong, {which}")
    assert said.endswith(", as when a cache begins badly")
    assert places.only_first_decoded(stepped(step, 3, 3)) == said
    assert places.only_first_decoded(stepped(step, 3, 3, 9)) == said
    for prompts, wrong, *elsewhere in ((2, 2), (3, 2), (5, 3), (3, 3, 8, 9)):
        assert places.only_first_decoded(stepped(step, wrong, prompts, *elsewhere)) is None
    assert places.only_first_decoded(stepped(2, 3, 3)) is None
    assert places.only_first_decoded(stepped(-1, 3, 3)) is None


def test_steps_in_words() -> None:
    assert "wrong, the first that is decoded, as" in str(
        places.only_first_decoded(stepped(1, 3, 3))
    )


# Decoded or read ------------------------------------------------------------------------------

LENGTHS = {"decoded": 1, "read": 100}
CACHE = "as when the cache is written, read or placed otherwise by one of the two"


def decoded(**times: Any) -> str | None:
    return places.only_decoded(prompts_of(LENGTHS, **times))


def test_only_what_is_decoded_is_wrong_or_only_what_is_read() -> None:
    assert decoded(decoded=[R] + [W] * 16, read=[R] * 17) == (
        "only positions decoded after a prompt are wrong, and prompts are right at the same "
        f"positions, {CACHE}"
    )
    assert decoded(decoded=[R] * 17, read=[W] * 17) == (
        "only positions in the prompts are wrong, and what is decoded is right at the same "
        f"positions, {CACHE}"
    )
    # The last token of a prompt is read: one wrong row there is one among 18.
    assert decoded(decoded=[W] + [W] * 16, read=[R] * 17) is not None
    assert decoded(decoded=[W] + [W] * 16, read=[R] * 16 + [W]) is None
    assert decoded(decoded=[R] * 17, read=[R] * 17) is None


def at(begin: int, end: int, times: float) -> dict[int, float]:
    return dict.fromkeys(range(begin, end), times)


@pytest.mark.parametrize(
    ("wrong", "right", "is_told"),
    [
        (at(1, 9, W), at(1, 9, R), True),
        (at(1, 8, W), at(1, 9, R), False),  # 7 that are wrong
        (at(1, 9, W), at(1, 8, R), False),  # 7 that are right
        (at(8, 21, W), at(0, 16, R), True),
        (at(8, 21, W), at(0, 15, R), False),  # 7 that are wrong where others were seen at all
        (at(8, 21, W), at(8, 16, R), True),
        (at(8, 21, W), at(9, 17, R), True),
        (at(9, 21, W), at(0, 8, R) | at(14, 21, R), False),  # 7 that are right beside them
        (at(9, 21, W), at(0, 8, R) | at(13, 21, R), True),
        (at(9, 17, W), at(0, 8, R) | at(10, 30, R), False),
        (at(9, 17, W), at(0, 8, R) | at(9, 30, R), True),
        (at(1, 12, R) | at(12, 14, W), at(1, 14, R), False),  # 2 of 13: not off as a group
        # Beside them is from the first to the last that is wrong.
        (at(1, 9, R) | at(9, 25, W), at(0, 9, R) | at(17, 25, R), True),
        (at(1, 9, R) | at(9, 25, W), at(0, 9, R) | at(17, 24, R), False),
        (at(1, 17, W) | at(17, 25, R), at(9, 25, R), True),
        (at(1, 17, W) | at(17, 25, R), at(10, 25, R), False),
        (at(1, 9, W) | at(9, 20, 4.0), at(1, 20, 0.5), True),
        (at(1, 8, W) | at(8, 20, 4.0), at(1, 20, 0.5), False),
        (at(1, 17, 10.0), at(1, 17, 2.0), True),
        (at(1, 17, 9.9), at(1, 17, 2.0), False),  # not five times as much as beside them
        (at(1, 17, W), at(1, 15, R) | at(15, 17, W), False),  # others are not right
        (at(1, 9, W) | at(9, 17, 4.9), at(1, 17, R), True),
        # Where nothing is right beside them, they may be wrong by less or more.
        (at(1, 17, 10.0) | at(17, 40, 1e3), at(1, 17, 2.0), True),
        (at(1, 17, 9.9) | at(17, 40, 1e3), at(1, 17, 2.0), False),
        (at(12, 32, 14.0), at(0, 12, 0.1) | at(12, 32, 3.0), False),
        (at(12, 32, 15.0), at(0, 12, 0.1) | at(12, 32, 3.0), True),
        (at(12, 32, 14.0), at(32, 60, 0.1) | at(12, 32, 3.0), False),
    ],
)
def test_rows_are_wrong_where_others_are_right(wrong: Any, right: Any, is_told: bool) -> None:
    assert (decoded(decoded=wrong, read=right) is not None) is is_told


# Some prompts ---------------------------------------------------------------------------------

OTHERS = (
    "and others are right at the same positions, as when a cache holds what another request left "
    "there"
)


@pytest.mark.parametrize(
    ("wrong", "right", "said"),
    [
        (1, 2, f"only prompt w0 is wrong, {OTHERS}"),
        (1, 1, None),
        (2, 4, f"only prompts w0, w1 are wrong, {OTHERS}"),
        (2, 3, None),
        (0, 6, None),
    ],
)
def test_a_third_of_the_prompts(wrong: int, right: int, said: str | None) -> None:
    times = {f"w{number}": [W] * 20 for number in range(wrong)}
    times |= {f"r{number}": [R] * 20 for number in range(right)}
    assert places.only_some_prompts(prompts_of(**times)) == said


@pytest.mark.parametrize("begin", [16, 15])
def test_a_prompt_that_is_wrong_from_somewhere_on(begin: int) -> None:
    found = prompts_of(w=[R] * begin + [W] * 24, a=[R] * 40, b=[R] * 40)
    said = "only prompt w is wrong, and only from position 16 on"
    expected = said if begin == 16 else f"only prompt w is wrong, {OTHERS}"
    assert places.only_some_prompts(found) == expected


def test_a_prompt_that_is_off_counts_and_one_that_is_noisy_does_not() -> None:
    """One wrong row in four: less than four times the usual in the middle."""
    noisy = [R, R, R, W] * 5
    assert places.only_some_prompts(prompts_of(w=noisy, a=[R] * 20, b=[R] * 20)) is None
    assert places.only_some_prompts(prompts_of(w=[W] * 20, a=noisy, b=[R] * 20)) is None


# Blocks ---------------------------------------------------------------------------------------


def blocks(size: int, slot: int, count: int, *elsewhere: int, length: int = 256) -> Any:
    """Wrong at one slot of so many blocks, the last ones."""
    slots = range(slot, length, size)[-count:]
    return rows_of(
        (range(length), [W if n in slots or n in elsewhere else R for n in range(length)])
    )


@pytest.mark.parametrize("size", [8, 16, 32, 64])
@pytest.mark.parametrize("place", ["first", "number 3", "last"])
def test_one_position_in_a_block(size: int, place: str) -> None:
    slot = {"first": 0, "number 3": 2, "last": size - 1}[place]
    count = len(range(slot, 256, size)) - (slot < size // 2)
    assert places.every_block(blocks(size, slot, count)) == (
        f"only one position in {size} is wrong, the {place} of each block of as many, as when the "
        "blocks of a cache meet badly"
    )


def test_a_block_of_128() -> None:
    said = str(places.every_block(blocks(128, 127, 4, length=512)))
    assert said.startswith("only one position in 128 is wrong, the last of")


@pytest.mark.parametrize(
    ("found", "is_told"),
    [
        (blocks(64, 63, 3, length=192), True),
        (blocks(64, 63, 2, length=128), False),  # two positions say nothing
        (blocks(64, 63, 3, length=320), True),  # 3 of 5
        (blocks(64, 63, 3, length=384), False),  # 3 of 6
        (blocks(16, 0, 15), True),  # the very first position begins no block that others filled
        (blocks(64, 0, 3, length=256), True),
        (blocks(64, 0, 3, length=384), True),  # 3 of 5
        (blocks(64, 32, 3, length=224), True),
        (blocks(64, 25, 3, length=384), True),  # 3 of 5: the first is not half a block away
        (blocks(64, 32, 3, length=384), False),
        (blocks(64, 63, 5, *range(0, 11), length=320), True),
        (blocks(64, 63, 5, *range(0, 13), length=320), False),  # others are wrong, too
    ],
)
def test_blocks(found: Any, is_told: bool) -> None:
    assert (places.every_block(found) is not None) is is_told


# From another position on in each prompt ------------------------------------------------------


def part(right: int, wrong: int, more: int = 0) -> list[float]:
    return [R] * right + [W] * wrong + [R] * more


HIT = (
    "each prompt is right up to a position of its own and wrong after it ({}), as when the length "
    "of a cached prefix is not carried over"
)


@pytest.mark.parametrize(
    ("times", "said"),
    [
        ({"a": part(8, 40), "b": part(24, 30)}, "from 8 in a, from 24 in b"),
        ({"a": part(8, 40), "b": part(23, 30)}, None),  # not three times as far
        ({"a": part(8, 40)}, None),
        ({"a": part(8, 40), "b": part(24, 7)}, None),
        (
            {"a": part(8, 50), "b": part(24, 30), "c": part(20, 30), "d": part(40, 20)},
            "from 8 in a, from 24 in b, from 20 in c",
        ),
        # A prompt that is all right, or all wrong, is none of those.
        ({"a": part(8, 40), "b": part(24, 30), "c": part(60, 0)}, "from 8 in a, from 24 in b"),
        ({"a": part(8, 40), "b": part(24, 30), "c": part(0, 60)}, "from 8 in a, from 24 in b"),
    ],
)
def test_part_way(times: Any, said: str | None) -> None:
    assert places.part_way(prompts_of(**times)) == (HIT.format(said) if said else None)


def test_part_way_is_told_where_another_prompt_is_right_at_the_same_positions() -> None:
    """Rows of the longer prefix lie beside wrong rows of the shorter: 8 of them at least."""
    short = {position: W if position >= 8 else R for position in range(64)}
    for first, is_told in ((16, True), (17, False)):
        long = at(first, 24, R) | at(24, 64, W)
        found = prompts_of(a=short, b=at(0, 8, R) | long if is_told else long)
        assert (places.part_way(found) is not None) is is_told
