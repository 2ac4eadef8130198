"""`text.format` and vLLM's `structured_outputs`: an answer under a constraint.

The tables are those of chat's structured output.
"""

from __future__ import annotations

from typing import Any

import pytest

from conformance.api.answers import Answer
from conformance.api.responses import changes
from conformance.api.responses.asking import Responses
from conformance.api.responses.reading import Said
from conformance.api.structured.asking import Question, ended
from conformance.api.structured.constraints import KINDS
from conformance.api.structured.schemas import ORDER, SCHEMAS, WEATHER
from conformance.compare import constraints
from conformance.requirements import MUST, SHOULD, requirement

SOURCE = "OpenAI responses.create: text.format"
API = ("api",)
FIELD = "text.format"

CASES = (
    "enum", "nested", "ref", "pattern", "integer-bounds", "number-bounds", "array-of-objects",
    "any-of", "nullable", "unicode", "escapes", "empty",
)  # fmt: skip


def json_schema(schema: constraints.Schema, **more: Any) -> dict[str, Any]:
    """The `text` of a request for this schema."""
    return {"format": {"type": "json_schema", "name": "answer", "schema": schema, **more}}


def answer(
    responses: Responses, question: Question, *, stream: bool = False, **parameters: Any
) -> str:
    """The text of an answer under a constraint that the model came to the end of."""
    asked = {**question.defaults}
    asked["max_output_tokens"] = asked.pop("max_tokens")

    def once(more: dict[str, Any]) -> Answer:
        sent = {**asked, **more, **parameters}
        if stream:
            return _plain(responses.stream(question.chat, **sent).said())
        return _plain(responses.say(question.chat, **sent))

    return ended(once).text


@requirement(
    "api/responses/json-schema", MUST, source=f"{SOURCE} json_schema", profiles=API, honours="text"
)
@pytest.mark.parametrize("case", CASES)
def test_json_schema(responses: Responses, question: Question, case: str) -> None:
    """Asked for a `json_schema`, the server MUST answer with JSON that this schema allows.

    Extraction pipelines write the answer to a database without a second look.
    """
    text = answer(responses, question, text=json_schema(SCHEMAS[case], strict=True))
    constraints.conforms(text, SCHEMAS[case], field=FIELD)


@requirement(
    "api/responses/json-object", MUST, source=f"{SOURCE} json_object", profiles=API, honours="text"
)
def test_json_object(responses: Responses, question: Question) -> None:
    """Asked for a `json_object`, the server MUST answer with one JSON object and nothing else.

    Programs parse the answer as it is.
    """
    text = answer(responses, question, text={"format": {"type": "json_object"}})
    constraints.conforms(text, constraints.ANY_OBJECT, field=FIELD)


@requirement(
    "api/responses/json-order",
    SHOULD,
    source=f"{SOURCE} json_schema: properties come in the schema's order",
    profiles=API,
    honours="text",
)
def test_json_order(responses: Responses, question: Question) -> None:
    """The properties of an answer SHOULD come in the order of the schema.

    People let a model write its reasons before its verdict.
    """
    text = answer(responses, question, text=json_schema(ORDER))
    constraints.in_order(constraints.conforms(text, ORDER, field=FIELD), list(ORDER["properties"]))


@requirement(
    "api/responses/json-stream",
    MUST,
    source=f"{SOURCE}, stream",
    profiles=API,
    honours="text, stream",
)
def test_json_stream(responses: Responses, question: Question) -> None:
    """A streamed answer MUST keep the schema as well.

    Forms fill themselves while the answer grows.
    """
    text = answer(responses, question, stream=True, text=json_schema(WEATHER))
    constraints.conforms(text, WEATHER, field=FIELD)


@requirement(
    "api/responses/format-text", MUST, source=f"{SOURCE} text", profiles=API, honours="text"
)
def test_format_text(responses: Responses, question: Question) -> None:
    """The format `text` MUST leave the answer free.

    Frameworks send the default.
    """
    free = responses.say(question.chat)
    said = responses.say(question.chat, text={"format": {"type": "text"}})
    changes.left_free(free, said)


@requirement(
    "api/responses/structured-outputs",
    SHOULD,
    source="vLLM's ResponsesRequest: structured_outputs",
    profiles=API,
    honours="structured_outputs",
)
@pytest.mark.parametrize("kind", KINDS)
def test_structured_outputs(responses: Responses, question: Question, kind: str) -> None:
    """vLLM's own `structured_outputs` SHOULD constrain the answer.

    A choice of labels, a pattern or a grammar is what OpenAI's formats cannot say.
    """
    KINDS[kind].kept_by(answer(responses, question, **KINDS[kind].parameters))


def _plain(said: Said) -> Answer:
    return Answer(said.text, said.reason, [said.text], [0], [said.reason], said.turn.usage)
