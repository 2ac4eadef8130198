"""Limits of weights of few bits, and what is said of them, with measurements that were made up."""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from conformance.compare import quantised
from conformance.compare.parity import Figure
from conformance.compare.quantised import Limits, expected, judge, looks_like, overturned, summary
from conformance.outcomes import SuiteError
from fixtures.snapshots import noise
from fixtures.snapshots.quantised import Measured, Measurement
from fixtures.snapshots.quantised.statistics import Figures, figures
from tests.snapshots.handmade import recorded

REACH = {"kl_mean": 1.5, "kl_p999": 2.0, "kl_max": 3.0, "other_top1": 1.25}

FIGURES = Figures(
    positions=40, kl_mean=0.1, kl_sd=0.2, kl_median=0.05, kl_p99=0.5, kl_p999=0.7, kl_max=0.8,
    logprob_p99=0.4, logprob_max=0.6, same_top1=0.92, margin=0.3,
)  # fmt: skip


def measurement(
    scheme: str, bits: int, shown: int | None, prompt: float, continuation: float, **named: float
) -> Measurement:
    parts = {"a/prompt": prompt, "a/continuation": continuation}
    about = replace(FIGURES, **named)  # type: ignore[arg-type]
    return Measurement(scheme, bits, True, "float32", shown, about, parts)


MEASURED = Measured(
    "invented",
    (
        measurement("one", 4, None, 0.1, 0.2),
        measurement("two", 4, None, 0.02, 0.3, kl_mean=0.09, kl_sd=0.09, kl_p999=0.9, margin=0.5),
        measurement("three", 4, None, 0.01, 0.01, same_top1=0.84, kl_max=1.5),
        measurement("few", 4, 5, 0.01, 0.02),
        measurement("more", 4, 20, 0.05, 0.06),
        measurement("fine", 8, None, 0.001, 0.001, kl_mean=0.0, same_top1=0.99, margin=0.1),
        measurement("rough", 2, None, 0.1, 0.1, same_top1=0.1),
    ),
    {"a/prompt": 30, "a/continuation": 10},
    {},
)


@pytest.fixture(autouse=True)
def invented(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """Measurements of one model, and a reach; notes what the reach was asked for."""
    asked: list[tuple[Any, ...]] = []
    monkeypatch.setattr(quantised, "_measured", {"invented": MEASURED}.__getitem__)
    monkeypatch.setattr(quantised, "_reach", lambda *about: asked.append(about) or REACH)
    return asked


def least_same(other: float, positions: int) -> float:
    return 1 - other - 3 * math.sqrt(other * (1 - other) / positions)


def rounded(value: float) -> Any:
    return pytest.approx(value, rel=1e-3)


def test_the_limits_of_all_positions(invented: Any) -> None:
    """Errors of a mean: each position of a part has one in proportion to the part's mean."""
    error = math.sqrt(30 * (2 * 0.1) ** 2 + 10 * (2 * 0.2) ** 2) / 40
    assert expected("invented", 4) == Limits(
        4, None, True,
        kl_mean=rounded(0.125 * 1.5 + 3 * error),
        kl_p999=rounded(0.9 * 2),
        same_top1=rounded(max(0.0, least_same(0.16 * 1.25, 40))),
        scheme="one",
    )  # fmt: skip
    assert set(invented) == {(4, None)}


def test_the_limits_of_some_positions() -> None:
    """Of a continuation another scheme costs most; the largest value is all that is left."""
    error = math.sqrt(8 * (1 * 0.3) ** 2) / 8
    found = expected("invented", 4, None, {"a/continuation": 8})
    assert found == Limits(
        4, None, False,
        kl_mean=rounded(0.3 * 1.5 + 3 * error),
        kl_p999=rounded(1.5 * 3),
        same_top1=rounded(max(0.0, least_same(0.2, 8))),
        scheme="two",
    )  # fmt: skip
    assert expected("invented", 4, None, {"a/prompt": 29, "a/continuation": 10}).whole is False
    assert expected("invented", 4, None, {"a/prompt": 30, "a/continuation": 10}).whole is True


def test_a_share_is_no_less_than_none() -> None:
    """Nine in ten favourites are others: with the reach, all of them."""
    measured = expected("invented", 2)
    assert measured.same_top1 == 0
    assert expected("invented", 8).same_top1 == rounded(
        1 - 0.0125 - 3 * math.sqrt(0.0125 * 0.9875 / 40)
    )


def test_a_scheme_that_costs_nothing_has_no_error() -> None:
    assert expected("invented", 8).kl_mean == rounded(0.001 * 1.5)


@pytest.mark.parametrize(
    ("shown", "scheme"),
    [(1, "few"), (5, "few"), (6, "more"), (20, "more"), (21, "one"), (None, "one"), (0, "one")],
)
def test_limits_are_of_as_many_tokens_as_are_shown(
    shown: int | None, scheme: str, invented: Any
) -> None:
    found = expected("invented", 4, shown)
    assert found.scheme == scheme
    assert found.shown == {"few": 5, "more": 20, "one": None}[scheme]
    assert set(invented) == {(4, found.shown)}


def test_what_was_not_measured_is_said() -> None:
    for call in (lambda: expected("invented", 3), lambda: overturned("invented", 3)):
        with pytest.raises(SuiteError) as raised:
            call()
        assert str(raised.value) == "What weights of 3 bits cost invented was not measured."
    with pytest.raises(SuiteError, match="of 8 bits"):
        expected("invented", 8, 5)


def test_the_largest_margin_of_any_scheme() -> None:
    assert (overturned("invented", 4), overturned("invented", 8)) == (0.5, 0.1)


# Judgements -----------------------------------------------------------------------------------

RIGHT, WRONG = [2.0, 0.0, -1.0], [1.0, 1.5, -1.0]


def seen(*rows: list[float], k: int | None = None) -> Any:
    """A prompt of 30 tokens, and what was generated after it."""
    return {"a": recorded(list(rows), [0] * len(rows), prompt=31, k=k)}


PRODUCTION: Any = SimpleNamespace(
    model="invented", snapshot=SimpleNamespace(prompts=seen(*[RIGHT] * 40))
)


def near(count: int = 40, wrong: int = 0, by: float = 0.5) -> Any:
    """Half of the rows slightly off; the first few have another favourite, too."""
    rows = [[2.0 + by * (n % 2), 0.0, -1.0] for n in range(count)]
    rows[:wrong] = [WRONG] * wrong
    return seen(*rows)


def test_a_target_that_is_near_is_inside() -> None:
    found = judge(PRODUCTION, near(), 4)
    limits = expected("invented", 4, 3)
    assert (found.model, found.bits, found.verdict) == ("invented", 4, "inside")
    assert (found.limits, found.figures) == (limits, figures(PRODUCTION.snapshot.prompts, near()))
    assert found.reason == (
        "At 40 positions the target is no further from production than weights of 4 bits are: a "
        f"mean KL divergence of {found.figures.kl_mean:.2g} nats, at most {limits.kl_mean:.2g} "
        "with such weights."
    )
    assert found.compared() == (
        Figure("kl_mean", found.figures.kl_mean, limits.kl_mean),
        Figure("kl_p999", found.figures.kl_p999, limits.kl_p999),
        Figure("other_top1", 0.0, 1 - limits.same_top1),
    )


@pytest.mark.parametrize(("count", "verdict"), [(16, "inside"), (15, "undecided")])
def test_sixteen_positions_decide(count: int, verdict: str) -> None:
    found = judge(PRODUCTION, near(count), 4)
    assert (found.verdict, found.limits.whole) == (verdict, False)
    assert [figure.name for figure in found.compared()] == ["kl_mean", "kl_p999"]
    if verdict == "undecided":
        assert found.reason == "Only 15 positions could be compared; 16 would decide."


def test_limits_are_of_the_positions_and_tokens_that_were_seen() -> None:
    found = judge(PRODUCTION, near(35), 4)
    counts = {"a/prompt": 30, "a/continuation": 5}
    assert found.limits == expected("invented", 4, 3, counts)
    assert found.limits.shown == 5
    two = {name: noise.truncated(each, 2) for name, each in near(35).items()}
    mixed = {"a": two["a"]}
    assert judge(PRODUCTION, mixed, 4).limits == expected("invented", 4, 2, counts)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("kl_mean", "the mean KL divergence is {} nats"),
        ("kl_p999", "the KL divergence is above {} nats at one position in a thousand"),
        ("other_top1", "{} of the favourites are others"),
    ],
)
@pytest.mark.parametrize("share", [0.5, 0.0])
def test_what_is_furthest_beyond_its_limit_is_said(
    monkeypatch: pytest.MonkeyPatch, name: str, said: str, share: float
) -> None:
    target = near(wrong=10)
    found = figures(PRODUCTION.snapshot.prompts, target)
    value = {
        "kl_mean": found.kl_mean, "kl_p999": found.kl_p999, "other_top1": 1 - found.same_top1
    }[name]  # fmt: skip
    wide = {"kl_mean": 9.0, "kl_p999": 9.0, "same_top1": 0.0}
    narrow = {"same_top1": 1 - share * value} if name == "other_top1" else {name: share * value}
    limits = Limits(4, 5, True, **{**wide, **narrow}, scheme="one")
    monkeypatch.setattr(quantised, "expected", lambda *_: limits)
    judged = judge(PRODUCTION, target, 4)
    form = "{:.1%}" if name == "other_top1" else "{:.2g}"
    assert judged.verdict == "outside"
    assert judged.reason == (
        f"Compared at 40 positions, {said.format(form.format(value))}, and at most "
        f"{form.format(share * value)} with weights of 4 bits when nothing else is wrong."
    )
    # Next to what is twice its limit, or above none, another that is a bit above is not said.
    other = "kl_p999" if name == "kl_mean" else "kl_mean"
    beside = {other: getattr(found, other) / 1.1}
    limits = Limits(4, 5, True, **{**wide, **narrow, **beside}, scheme="one")
    assert judge(PRODUCTION, target, 4).reason == judged.reason


def test_what_is_no_number_is_outside() -> None:
    target = near()
    logits = target["a"].top_logits.copy()
    logits[3:5] = np.nan
    found = judge(PRODUCTION, {"a": replace(target["a"], top_logits=logits)}, 4)
    assert (found.verdict, found.figures.positions) == ("outside", 38)
    assert found.reason == "At 2 positions what came is no distribution of numbers."


def test_nothing_that_was_seen_is_an_error() -> None:
    with pytest.raises(ValueError, match="no position in common"):
        judge(PRODUCTION, {}, 4)


# What it looks like ---------------------------------------------------------------------------


@pytest.fixture
def parity(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    found = SimpleNamespace(verdict="outside", broken=0)

    def compare(production: Any, seen: Any) -> SimpleNamespace:
        assert production is PRODUCTION and seen["a"].positions.shape == (40,)
        return found

    monkeypatch.setattr(quantised.parity, "compare", compare)
    return found


@pytest.mark.parametrize(
    ("verdict", "broken", "inside", "looks"),
    [
        ("inside", 0, (), "unquantised"),
        ("undecided", 0, (8, 4), None),
        ("outside", 1, (8, 4), None),
        ("outside", 0, (8, 4), 8),
        ("outside", 0, (4,), 4),
        ("outside", 0, (), None),
    ],
)
def test_what_a_target_looks_like(
    monkeypatch: pytest.MonkeyPatch, parity: Any, verdict: str, broken: int, inside: Any, looks: Any
) -> None:
    parity.verdict, parity.broken = verdict, broken
    monkeypatch.setattr(
        quantised, "judge",
        lambda *about: SimpleNamespace(verdict="inside" if about[2] in inside else "outside"),
    )  # fmt: skip
    assert looks_like(PRODUCTION, near()) == looks


@pytest.mark.parametrize(
    ("verdict", "target", "bits", "looks", "of"),
    [
        ("inside", near(), None, "unquantised", 8),
        ("outside", near(), 4, 4, 4),
        ("outside", near(by=0.001), 8, 8, 8),
        ("outside", near(wrong=30), None, "neither", 4),
    ],
)
def test_a_certificate_says_it_all(
    parity: Any, monkeypatch: pytest.MonkeyPatch, verdict: str, target: Any, bits: Any, looks: Any,
    of: int,
) -> None:  # fmt: skip
    parity.verdict = verdict
    # Measured as all of the three tokens are shown.
    whole = [replace(each, shown=5) for each in MEASURED.measurements if each.shown is None]
    made = replace(MEASURED, measurements=tuple(whole))
    monkeypatch.setattr(quantised, "_measured", {"invented": made}.__getitem__)
    judged = judge(PRODUCTION, target, of)
    found, limits = judged.figures, judged.limits
    assert summary(PRODUCTION, target) == {
        "bits": bits,
        "looks_like": looks,
        "kl_mean": found.kl_mean,
        "kl_mean_error": rounded(found.kl_sd / math.sqrt(39)),
        "kl_median": found.kl_median,
        "kl_p999": found.kl_p999,
        "kl_max": found.kl_max,
        "same_top1": found.same_top1,
        "same_top1_error": rounded(math.sqrt(found.same_top1 * (1 - found.same_top1) / 39)),
        "limits_are_of_bits": of,
        "kl_mean_limit": limits.kl_mean,
        "kl_p999_limit": limits.kl_p999,
        "same_top1_limit": limits.same_top1,
        "reason": judged.reason,
    }
