"""What a comparison says, to the letter, and how many positions each figure needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import pytest
from handmade import recorded

from conformance.compare.parity import (
    ENOUGH,
    FOR_A_PERCENTILE,
    Figure,
    Parity,
    Recordings,
    Stretch,
    compare,
)
from conformance.compare.production import Production
from fixtures.models.matrix.architectures import BY_NAME as ARCHITECTURES
from fixtures.snapshots import Recorded, Snapshot, bands, noise
from fixtures.snapshots.bands import Band

WIDE = Band(**dict.fromkeys(bands.FIGURES, 100.0), pairs=1)


@dataclass(frozen=True)
class Measured(Production):
    """Production with limits that are written down; it notes which it was asked for."""

    limits: Band = WIDE
    asked: list[tuple[int | None, bool]] = field(default_factory=list)

    def band(self, shown: int | None = None, *, generated: bool = False) -> Band:
        self.asked.append((shown, generated))
        return self.limits

    def by_position(self) -> dict[int, float]:
        return {0: 0.25, 4: 0.5}

    def faults(self) -> None:
        return None


def measured(prompts: Recordings, model: str = "invented", **limits: float) -> Measured:
    measure = {"pairs": []}
    limit = replace(WIDE, **limits)
    return Measured(model, "float32", Snapshot(prompts, {}), measure, limit)  # type: ignore[arg-type]


def each(row: Sequence[float], count: int, *, prompt: int = 1, k: int | None = None) -> Recorded:
    return recorded([row] * count, [0] * count, prompt=prompt, k=k)


RIGHT, WRONG = [2.0, 0.0, -1.0], [1.0, 1.5, -1.0]


def compared(count: int, wrong: Sequence[float] = WRONG, **limits: float) -> Parity:
    """The same wrong row at so many positions."""
    return compare(measured({"a": each(RIGHT, count)}, **limits), {"a": each(wrong, count)})


SAID = {
    "kl_mean": "the mean KL divergence is {} nats",
    "kl_p99": "the KL divergence is above {} nats at one position in a hundred",
    "kl_max": "the KL divergence reaches {} nats at position 0 of prompt a",
    "logprob_p99": "one log probability in a hundred is off by more than {} nats",
    "logprob_max": "a log probability is off by {} nats",
    "margin": "another token is preferred where production preferred its own by {} nats",
}


@pytest.mark.parametrize("name", SAID)
@pytest.mark.parametrize(
    ("times", "much"),
    [
        (2.0, "2 times what"),
        (12.345, "12.3 times what"),
        (999.4, "999 times what"),
        (1000.6, "1,001 times what"),
        (1234567.0, "1,234,567 times what"),
        (0.0, "more than"),
    ],
)
def test_the_strongest_evidence_is_said(name: str, times: float, much: str) -> None:
    value = compared(FOR_A_PERCENTILE).figure(name).value
    found = compared(FOR_A_PERCENTILE, **{name: value / times if times else 0.0})
    assert (found.verdict, found.diagnosis, found.cause) == ("outside", None, None)
    assert found.reason == (
        f"Compared at 200 positions, {SAID[name].format(f'{value:.2g}')}, {much} production allows."
    )


def test_a_thousand_times_is_a_whole_number() -> None:
    value = compared(20).figure("margin").value
    said = compared(20, margin=value / 1000).reason
    assert value / (value / 1000) == 1000 and ", 1,000 times what" in said


def test_the_strongest_is_the_one_that_is_most_times_its_limit() -> None:
    values = {figure.name: figure.value for figure in compared(20).figures}
    assert values["kl_max"] < values["margin"] == pytest.approx(2)
    said = compared(20, kl_max=values["kl_max"] / 3, margin=values["margin"] / 2).reason
    assert "KL divergence reaches" in said and " 3 times what" in said
    said = compared(20, kl_max=values["kl_max"] / 3, margin=values["margin"] / 4).reason
    assert "another token is preferred" in said and " 4 times what" in said
    said = compared(20, kl_max=values["kl_max"] / 3, margin=0.0).reason
    assert "another token is preferred" in said and "nats, more than production allows." in said


@pytest.mark.parametrize("count", [FOR_A_PERCENTILE, FOR_A_PERCENTILE - 1])
def test_means_and_percentiles_need_two_hundred_positions(count: int) -> None:
    whole = ["kl_mean", "kl_p99", "kl_max", "logprob_p99", "logprob_max", "margin"]
    few = ["kl_max", "logprob_max", "margin"]
    found = compared(count)
    assert [figure.name for figure in found.figures] == (whole if count == 200 else few)
    right, wrong = each(RIGHT, 1), each(WRONG, 1)
    kl = float(noise.kl(right, wrong)[0])
    off = float(noise.logprob_differences(right, wrong)[0].max())
    expected = {"margin": 2.0} | {name: kl if "kl" in name else off for name in whole[:5]}
    for figure in found.figures:
        assert figure.value == pytest.approx(expected[figure.name], rel=1e-3)
        assert figure.limit == 100.0


def test_a_figure_at_its_limit_is_inside() -> None:
    assert Figure("margin", 1.0, 1.0).inside and not Figure("margin", 1.01, 1.0).inside
    value = compared(20).figure("margin").value
    assert compared(20, margin=value).verdict == "inside"
    assert compared(20, margin=value * 0.999).verdict == "outside"


@pytest.mark.parametrize(
    ("count", "verdict", "reason"),
    [
        (ENOUGH, "inside", "At 16 positions the target is as near to production as production "
         "itself."),
        (15, "undecided", "Only 15 positions could be compared; 16 would decide."),
    ],
)  # fmt: skip
def test_sixteen_positions_decide(count: int, verdict: str, reason: str) -> None:
    found = compared(count)
    assert (found.verdict, found.reason, found.diagnosis, found.cause) == (
        verdict, reason, None, None
    )  # fmt: skip
    assert found.positions == count


def test_a_pattern_is_said_before_the_evidence() -> None:
    drawn = np.random.default_rng(0).normal(0, 2, (40, 8))
    tokens = [0] * 40
    known = measured({"a": recorded(drawn, tokens)}, kl_max=0.01, kl_p99=0.001)
    found = compare(known, {"a": recorded(drawn * 2, tokens)})
    assert found.diagnosis == (
        "Log probabilities are 2 times as steep as production's, as logits are that should be "
        "divided by 2, or capped, or that a temperature of 0.5 divided."
    )
    figure = found.figure("kl_max")
    place = int(noise.kl(known.snapshot.prompts["a"], recorded(drawn * 2, tokens)).argmax())
    assert found.reason == (
        found.diagnosis.removesuffix(".")
        + f" (the KL divergence reaches {figure.value:.2g} nats at position {place} of prompt a, "
        f"{figure.value / 0.01:.3g} times what production allows)."
    )


def test_a_pattern_is_not_said_of_what_is_inside() -> None:
    drawn = np.random.default_rng(0).normal(0, 2, (40, 8))
    known = measured({"a": recorded(drawn, [0] * 40)}, kl_p99=0.001)
    found = compare(known, {"a": recorded(drawn * 2, [0] * 40)})
    assert (found.verdict, found.diagnosis) == ("inside", None)


def test_the_window_of_a_model_is_known() -> None:
    """gemma3-local-global has one of 32 tokens; the model that was invented has none."""
    drawn = np.random.default_rng(0).normal(0, 2, (80, 8))
    wrong = drawn + np.where(np.arange(80) >= 32, 2.0, 0)[:, None] * np.random.default_rng(
        1
    ).normal(size=(80, 8))
    window = ARCHITECTURES["gemma3-local-global"].window
    assert window == 32
    for model, named in (("gemma3-local-global", True), ("invented", False)):
        known = measured({"a": recorded(drawn, [0] * 80)}, model, kl_max=0.01, kl_p99=0.001)
        found = compare(known, {"a": recorded(wrong, [0] * 80)})
        assert found.model == model
        assert ("model's sliding window" in str(found.diagnosis)) is named


def test_what_is_no_number_is_said_alone() -> None:
    right = each(RIGHT, 20)
    logits = right.top_logits.copy()
    logits[7:9, 1] = np.nan
    wrong = replace(right, top_logits=logits)
    found = compare(measured({"a": right, "b": right}, margin=0.0), {"b": wrong, "a": wrong})
    assert (found.verdict, found.broken, found.diagnosis) == ("outside", 4, None)
    assert found.reason == (
        "At 4 positions the target's log probabilities are no numbers, first at position 7 of "
        "prompt a."
    )
    assert found.positions == 36


def test_stretches_have_figures_and_limits() -> None:
    right = [[2.0, 0.0]] * 6
    wrong = [[2.0, 0.0], [2.0, 1.0], [2.0, 0.0], [2.0, 1.0], [2.0, 1.0], [2.0, 1.0]]
    left, other = recorded(right, [0] * 6), recorded(wrong, [0] * 6)
    kl = noise.kl(left, other)
    found = compare(measured({"a": left}), {"a": other})
    assert [(each.begin, each.count, each.limit) for each in found.by_position] == [
        (0, 1, 0.25), (1, 1, None), (2, 2, None), (4, 2, 0.5)
    ]  # fmt: skip
    of_two = found.by_position[2]
    assert isinstance(of_two, Stretch)
    assert (of_two.mean, of_two.p99, of_two.max) == pytest.approx(
        (kl[2:4].mean(), np.percentile(kl[2:4], 99), kl[3]), rel=1e-3
    )


def test_all_of_it_is_plain_data() -> None:
    found = compared(3)
    assert found.to_json() == asdict(found)
    assert set(found.to_json()) == {
        "model", "verdict", "reason", "diagnosis", "figures", "positions", "shown", "agreement",
        "rank", "by_position", "divergences", "broken", "cause",
    }  # fmt: skip
    assert found.figure("margin") == found.figures[-1]
    with pytest.raises(KeyError):
        found.figure("kl_mean")


def test_agreement_and_rank_are_those_of_the_rows() -> None:
    one, other = RIGHT, WRONG
    left = recorded([one] * 4, [0] * 4)
    found = compare(measured({"a": left}), {"a": recorded([one, other, one, one], [0] * 4)})
    assert (found.agreement, found.rank) == (pytest.approx(3 / 4), pytest.approx(11 / 12))


@pytest.mark.parametrize(
    ("shown", "asked", "told"), [((2, 1), 2, 1), ((None, 1), 3, 1), ((2, 2), 2, 2)]
)
def test_the_band_is_that_of_what_is_shown(shown: Any, asked: int, told: int) -> None:
    known = measured({name: each(RIGHT, 8) for name in "abc"})
    nothing = noise.at(each(RIGHT, 8), np.zeros(0, dtype=np.int32))
    seen = {name: each(RIGHT, 8, k=k) for name, k in zip("ab", shown, strict=True)}
    strange = {"strange": each([*RIGHT, -9.0], 8), "c": nothing}
    found = compare(known, seen | strange)
    assert (found.shown, found.positions) == (told, 16)
    # Of all that was recorded once; of what is shown for the rows, and for the verdict.
    assert sorted(each or 0 for each, _ in known.asked) == [0, asked, asked]
    empty = measured({"a": each(RIGHT, 8)})
    assert compare(empty, {}).shown == 0 and {each for each, _ in empty.asked} == {None, 0}


@pytest.mark.parametrize(
    ("first", "generated"),
    [((3, 3), True), ((2, 2), True), ((1, 3), False), ((3, 1), False), ((0, 0), False)],
)
def test_generated_tokens_alone_have_a_band(first: Any, generated: bool) -> None:
    """Prompts of 3 tokens: the distribution of the first generated one is at position 2."""
    whole = each(RIGHT, 8, prompt=3)
    nothing = noise.at(whole, np.zeros(0, dtype=np.int32))
    seen = {
        name: noise.at(whole, np.arange(begin, 8)) for name, begin in zip("ab", first, strict=True)
    }
    known = measured(dict.fromkeys("abc", whole))
    compare(known, seen | {"c": nothing})
    assert (known.asked.count((3, True)) == 1) is generated
    empty = measured({"a": whole})
    compare(empty, {"a": nothing})
    assert not any(only for _, only in empty.asked)
