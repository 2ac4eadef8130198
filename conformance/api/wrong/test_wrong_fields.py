"""Each field of each operation, wrong in each way that its types allow."""

from __future__ import annotations

import pytest

from conformance.api.wrong import judging
from conformance.api.wrong.conftest import Served
from conformance.api.wrong.operations import Case, cases
from conformance.requirements import MUST, SHOULD, requirement

SOURCE = (
    "OpenAI's typed request and vLLM's; vLLM's own answers to such values (fixtures/openai/wrong)"
)
REFUSES = "{case.operation}: {case.field}"


@pytest.mark.parametrize("case", [each for each in cases() if each.is_common], ids=str)
@requirement("api/wrong/field", MUST, source=SOURCE, profiles=("api",), refuses=REFUSES)
def test_field(served: Served, case: Case) -> None:
    """A field that most requests have, with a wrong value, MUST be refused where production refuses
    it, else answered or refused, and never with a fault of the server's; the next right request is
    answered as before.

    A mistake that the Mac forgives is found when production refuses it. A server that a mistake
    brings down takes everybody else's answers with it.
    """
    judging.judge(*served(case.operation), case)


@pytest.mark.parametrize("case", [each for each in cases() if not each.is_common], ids=str)
@requirement("api/wrong/rarer-field", SHOULD, source=SOURCE, profiles=("api",), refuses=REFUSES)
def test_rarer_field(served: Served, case: Case) -> None:
    """A rarer field, or one of an operation that not every server has, with a wrong value SHOULD be
    refused where production refuses it, else answered or refused, and never with a fault of the
    server's; the next right request is answered as before.

    The parameter has no effect, and nobody notices before production refuses it.
    """
    judging.judge(*served(case.operation), case)
