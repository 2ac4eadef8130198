"""What counts as naming the area of a fault: its words, or the one that it is said to be like."""

from __future__ import annotations

import pytest

from conformance.compare.causes import AREAS
from conformance.evidence import Result
from conformance.outcomes import Level, Outcome
from conformance.selftest.numerics import FRAGMENTS, MUTANTS, named_by
from fixtures.mutants import Area

FIGURES = (
    "Compared at 381 positions, the KL divergence reaches 3 nats, 9 times what production allows."
)
DRIFT = (
    "Position 8 onward drifts, as a wrong rotary base makes it (9 times what production allows)."
)


def like(area: Area) -> str:
    return (
        f"It departs as with a fault of {AREAS[area]}: nearest is “the cache or a rotary window”, "
        "similarity 0.93 at 120 positions, the next other area 0.41."
    )


def named(mutant: str, message: str) -> bool:
    result = Result(
        "numerics/distribution/kl", Level.MUST, "", "", "", ["numerics"], Outcome.FAIL, message
    )
    return named_by(MUTANTS[mutant], result)


def test_every_area_has_its_words():
    assert set(AREAS) == set(FRAGMENTS) == set(Area.__args__)
    assert len(set(AREAS.values())) == len(AREAS)


@pytest.mark.parametrize("before", [FIGURES, DRIFT])
def test_the_area_that_it_is_like_names_it(before):
    assert named("rope-sections-unset", f"{before} {like('rope')}")


@pytest.mark.parametrize("before", [FIGURES, DRIFT])
def test_another_area_names_nothing_whatever_stands_beside_it(before):
    assert not named("rope-sections-unset", f"{before} {like('cache')}")


def test_words_of_the_area_name_it_where_it_is_like_nothing_known():
    assert named("rope-sections-unset", DRIFT)
    assert not named("rope-sections-unset", FIGURES)


def test_a_mutant_that_needs_company_is_named_where_requests_have_company():
    assert named("rows-share-logits", "Among other requests a prompt is answered otherwise. ...")
