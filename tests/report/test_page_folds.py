"""Areas with very many requirements on the page: folded where there is nothing to see."""

from __future__ import annotations

import pytest

from conformance.outcomes import Level, Outcome
from conformance.report.page import FOLD_ABOVE, render
from tests.report.samples import certificate, result


def page(count: int, departing: int = 0) -> str:
    """A page with an area of this many cases of one requirement, all but some of them PASS."""
    outcomes = [Outcome.FAIL] * departing + [Outcome.PASS] * (count - departing)
    cases = [
        result(f"api/unserved/x[{n}]", Level.MUST, outcome, "It fails", title="It MUST refuse.")
        for n, outcome in enumerate(outcomes)
    ]
    return render(certificate(cases))


@pytest.mark.parametrize(
    ("count", "departing", "folded"),
    [(FOLD_ABOVE, 0, False), (FOLD_ABOVE + 1, 0, True), (FOLD_ABOVE + 1, 1, False)],
)
def test_many_that_all_pass_are_folded(count: int, departing: int, folded: bool) -> None:
    made = page(count, departing)
    assert (f"Show all {count}" in made) is folded
    assert made.count('<tr role="row" class="row">') == count


def test_the_sentence_of_many_cases_is_said_once() -> None:
    assert page(9).count('<span class="title">') == 1
