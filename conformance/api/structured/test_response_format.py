"""`response_format`: an answer that is JSON, or JSON of a schema.

vLLM enforces every schema, `strict` or not, and takes any root; OpenAI enforces with `strict` alone
and takes objects. The requirements ask what holds of vLLM.
"""

from __future__ import annotations

import pytest

from conformance.api import answers, expect
from conformance.api.ask import Ask
from conformance.api.prompts import Prompts
from conformance.api.structured.asking import Constrained
from conformance.api.structured.schemas import (
    ORDER,
    RARER,
    ROOTS,
    SCHEMAS,
    WEATHER,
    response_format,
)
from conformance.compare import constraints, texts
from conformance.requirements import MUST, SHOULD, requirement

CHAT = "chat.completions.create: response_format"
LEGACY = "completions.create: response_format"
FORMAT = "OpenAI chat.completions.create: response_format"
API = ("api",)

JSON_OBJECT = {"type": "json_object"}


@requirement(
    "api/structured/json-object", MUST, source=f"{FORMAT} json_object", profiles=API, honours=CHAT
)
def test_json_object(constrained: Constrained) -> None:
    """Asked for a `json_object`, the server MUST answer with one JSON object and nothing else.

    Programs parse the answer as it is; a sentence before it, or a fence around it, ends them.
    """
    answer = constrained.chat_answer(response_format=JSON_OBJECT)
    constraints.conforms(answer.text, constraints.ANY_OBJECT, field="response_format")


@requirement(
    "api/structured/json-schema",
    MUST,
    source=f"{FORMAT} json_schema, strict",
    profiles=API,
    honours=CHAT,
)
@pytest.mark.parametrize("case", SCHEMAS)
def test_json_schema(constrained: Constrained, case: str) -> None:
    """Asked for a `json_schema`, the server MUST answer with JSON that this schema allows.

    Extraction pipelines write the answer to a database without a second look: one value out of its
    enumeration, one number out of bounds, one field too many, and the row is lost or wrong.
    """
    schema = SCHEMAS[case]
    answer = constrained.chat_answer(response_format=response_format(schema, strict=True))
    constraints.conforms(answer.text, schema, field="response_format")


@requirement(
    "api/structured/json-schema-rarer",
    SHOULD,
    source="JSON Schema 2020-12; vLLM keeps these or refuses them",
    profiles=API,
    honours=CHAT,
)
@pytest.mark.parametrize("case", RARER)
def test_json_schema_rarer(constrained: Constrained, case: str) -> None:
    """A rarer part of JSON Schema SHOULD be kept, or the request refused.

    A part that is passed over looks kept until the first answer that breaks it.
    """
    answer = constrained.chat_answer(response_format=response_format(RARER[case]))
    constraints.conforms(answer.text, RARER[case], field="response_format")


@requirement(
    "api/structured/json-schema-root",
    SHOULD,
    source="vLLM takes any root; OpenAI refuses one that is no object",
    profiles=API,
    honours=CHAT,
)
@pytest.mark.parametrize("case", ROOTS)
def test_json_schema_root(constrained: Constrained, case: str) -> None:
    """A schema whose root is no object SHOULD be kept too.

    Classifiers ask for a bare number or word. (OpenAI refuses it; production takes it.)
    """
    answer = constrained.chat_answer(response_format=response_format(ROOTS[case]))
    constraints.conforms(answer.text, ROOTS[case], field="response_format")


@requirement(
    "api/structured/json-schema-order",
    SHOULD,
    source=f"{FORMAT} json_schema: keys come in the schema's order, in OpenAI's API and vLLM's",
    profiles=API,
    honours=CHAT,
)
def test_json_schema_order(constrained: Constrained) -> None:
    """Required properties SHOULD come in the order in which the schema names them.

    Schemas put the reasons before the verdict so that the model thinks first; turned round, the
    same weights answer worse.
    """
    answer = constrained.chat_answer(response_format=response_format(ORDER, strict=True))
    document = constraints.conforms(answer.text, ORDER, field="response_format")
    constraints.in_order(document, list(ORDER["properties"]))


@requirement(
    "api/structured/json-schema-not-strict",
    SHOULD,
    source="vLLM enforces every schema; OpenAI enforces with `strict` alone",
    profiles=API,
    honours=CHAT,
)
@pytest.mark.parametrize("strict", [None, False], ids=["left-out", "false"])
def test_json_schema_not_strict(constrained: Constrained, strict: bool | None) -> None:
    """A schema SHOULD be kept without `strict` too, as production keeps it.

    Clients that leave it out have come to rely on what production does.
    """
    more = {} if strict is None else {"strict": strict}
    answer = constrained.chat_answer(response_format=response_format(WEATHER, **more))
    constraints.conforms(answer.text, WEATHER, field="response_format")


@requirement(
    "api/structured/text-format",
    MUST,
    source=f"{FORMAT} text, the default",
    profiles=API,
    alone=True,
    honours=CHAT,
)
def test_text_format(ask: Ask, prompts: Prompts) -> None:
    """A `response_format` of type `text` MUST change nothing.

    It is the default, and frameworks send it with every request that asks for no JSON.
    """
    plain = answers.chat(ask.chat(prompts.words, max_tokens=16)).text
    found = answers.chat(ask.chat(prompts.words, max_tokens=16, response_format={"type": "text"}))
    texts.equal(plain, found.text, "An answer with `response_format` text differs from the plain")


@requirement(
    "api/structured/null-format", SHOULD, source=f"{FORMAT}, nullable", profiles=API, accepts=CHAT
)
def test_null_format(ask: Ask, prompts: Prompts) -> None:
    """A `response_format` that is null SHOULD be taken as if it were left out.

    Clients in typed languages send every field of a request, null where nothing was set.
    """
    expect.chat(ask.chat(prompts.words, max_tokens=1, response_format=None))


@requirement(
    "api/structured/completion-json-object",
    SHOULD,
    source="vLLM: response_format on completions, which OpenAI's has not",
    profiles=API,
    honours=LEGACY,
)
def test_completion_json_object(constrained: Constrained) -> None:
    """A legacy completion asked for a `json_object` SHOULD be one JSON object.

    Pipelines that render their own prompts use the legacy route with all that production adds.
    """
    answer = constrained.completion_answer(response_format=JSON_OBJECT)
    constraints.conforms(answer.text, constraints.ANY_OBJECT, field="response_format")


@requirement(
    "api/structured/completion-json-schema",
    SHOULD,
    source="vLLM: response_format on completions, which OpenAI's has not",
    profiles=API,
    honours=LEGACY,
)
@pytest.mark.parametrize("case", ["enum", "nested", "any-of", "unicode"])
def test_completion_json_schema(constrained: Constrained, case: str) -> None:
    """A legacy completion asked for a `json_schema` SHOULD be JSON that this schema allows.

    Pipelines that render their own prompts use the legacy route with all that production adds.
    """
    schema = SCHEMAS[case]
    answer = constrained.completion_answer(response_format=response_format(schema))
    constraints.conforms(answer.text, schema, field="response_format")
