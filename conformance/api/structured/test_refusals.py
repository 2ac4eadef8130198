"""Constraints that cannot be kept: refused before the model is asked."""

from __future__ import annotations

import pytest

from conformance.api import invalid
from conformance.api.ask import Ask
from conformance.api.structured import wrong
from conformance.requirements import MUST, SHOULD, requirement

FORMAT = "OpenAI chat.completions.create: response_format"
API = ("api",)
CHAT = "chat.completions.create"


@requirement(
    "api/structured/wrong-format",
    MUST,
    source=f"{FORMAT}; vLLM validates it",
    profiles=API,
    refuses=f"{CHAT}: response_format",
)
@pytest.mark.parametrize("case", wrong.FORMATS)
def test_wrong_format(ask: Ask, case: str) -> None:
    """A `response_format` that is none of the defined ones MUST be refused with 400 or 422.

    Text where JSON was asked for is found out when it is parsed, far from the mistake.
    """
    wrong.FORMATS[case].is_refused(ask, cause="Wrong formats are accepted")


@requirement(
    "api/structured/wrong-schema",
    MUST,
    source=f"{FORMAT} json_schema; vLLM compiles it before it answers",
    profiles=API,
    refuses=f"{CHAT}: response_format",
)
@pytest.mark.parametrize("case", wrong.SCHEMAS)
def test_wrong_schema(ask: Ask, case: str) -> None:
    """A schema that is no JSON Schema MUST be refused with 400 or 422.

    What cannot be compiled is not enforced; a 500 for it, or a hang, hits everybody else's answers.
    """
    wrong.SCHEMAS[case].is_refused(ask, cause="Wrong schemas are accepted")


@requirement(
    "api/structured/impossible-schema",
    SHOULD,
    source="vLLM refuses schemas that allow nothing",
    profiles=API,
    refuses=f"{CHAT}: response_format",
)
@pytest.mark.parametrize("case", wrong.IMPOSSIBLE)
def test_impossible_schema(ask: Ask, case: str) -> None:
    """A schema that allows nothing SHOULD be refused with 400 or 422.

    No token may follow: engines that begin anyway loop to the end of their budget, or answer what
    the schema forbids.
    """
    wrong.IMPOSSIBLE[case].is_refused(ask, cause="Impossible schemas are accepted")


@requirement(
    "api/structured/wrong-constraint",
    SHOULD,
    source="vLLM: structured_outputs, one valid kind of it",
    profiles=API,
    refuses=f"{CHAT}: structured_outputs",
)
@pytest.mark.parametrize("case", wrong.STRUCTURED)
def test_wrong_constraint(ask: Ask, case: str) -> None:
    """A `structured_outputs` that is invalid, or one constraint too many, SHOULD be refused with
    400 or 422.

    Of two constraints a server would have to drop one, and of a broken one all.
    """
    wrong.STRUCTURED[case].is_refused(ask, cause="Wrong constraints are accepted")


@requirement(
    "api/structured/completion-wrong-constraint",
    SHOULD,
    source="vLLM: response_format and structured_outputs on completions",
    profiles=API,
    refuses=invalid.fields(wrong.LEGACY),
)
@pytest.mark.parametrize("case", wrong.LEGACY)
def test_completion_wrong_constraint(ask: Ask, case: str) -> None:
    """A constraint that is wrong SHOULD be refused with 400 or 422 on legacy completions too.

    A route that passes over what it does not know answers with free text.
    """
    wrong.LEGACY[case].is_refused(ask, cause="Wrong constraints are accepted")
