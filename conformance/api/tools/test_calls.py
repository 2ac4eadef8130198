"""What a call is: name, arguments, id, and what stands beside it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from conformance.api.ask import Ask
from conformance.api.structured.schemas import SCHEMAS, object_of
from conformance.api.tools import counting, judging, turns
from conformance.api.tools.errands import LIGHT, Errand, named, switched, tool
from conformance.requirements import MUST, SHOULD, requirement

Errands = Callable[[str], Errand]

CHAT = "chat.completions.create"
TOOLS = f"{CHAT}: tools"
MESSAGE = "OpenAI chat.completions.create: choices[].message"
STRICT = "OpenAI chat.completions.create: tools[].function.strict; vLLM constrains strict tools"
API = ("api",)


@requirement(
    "api/tools/content-and-call",
    MUST,
    source=f"{MESSAGE}.content beside tool_calls",
    profiles=API,
    honours=TOOLS,
)
def test_content_and_call(ask: Ask, errands: Errands) -> None:
    """Words before a call MUST be the answer's `content`, beside its `tool_calls`.

    Models say what they are about to do; lost, the person waits without a word.
    """
    errand = errands("tool_after_text")
    judging.as_known(turns.take(ask, errand), errand)


@requirement(
    "api/tools/arguments-escapes",
    MUST,
    source=f"{MESSAGE}.tool_calls[].function.arguments, JSON as text",
    profiles=API,
    honours=TOOLS,
)
def test_arguments_escapes(ask: Ask, errands: Errands) -> None:
    """Arguments with quotes, backslashes, line breaks and emoji MUST come as the model wrote them.

    They are code, paths and people's names; escaped once too often they are written to files so.
    """
    errand = errands("tool_hostile_arguments")
    judging.as_known(turns.take(ask, errand), errand)


@requirement(
    "api/tools/reasoning-and-call",
    MUST,
    source="vLLM: reasoning beside tool_calls",
    profiles=API,
    honours=f"{CHAT}: tools, chat_template_kwargs",
)
def test_reasoning_and_call(ask: Ask, errands: Errands) -> None:
    """Thoughts before a call MUST be the message's `reasoning`, its calls be carried beside them.

    Thoughts shown as the answer confuse people; a call taken for a thought is never made. (vLLM's
    field is `reasoning`; `reasoning_content`, which others use, is taken too.)
    """
    errand = errands("tool_after_thinking")
    judging.as_known(turns.take(ask, errand), errand)


@requirement(
    "api/tools/ids",
    MUST,
    source=f"{MESSAGE}.tool_calls[].id",
    profiles=API,
    honours=TOOLS,
)
def test_ids(ask: Ask, errands: Errands) -> None:
    """Every call MUST have an id of its own, within an answer and across answers.

    Results are matched to calls by id: two calls with one id swap their results, and a history with
    an id twice is refused by other servers.
    """
    errand = errands("tools_parallel")
    judging.different_ids([turns.take(ask, errand), turns.take(ask, errand)])


@requirement(
    "api/tools/finish-length",
    MUST,
    source="OpenAI chat.completions.create: finish_reason length",
    profiles=API,
    honours=f"{CHAT}: max_tokens",
    accepts=TOOLS,
)
def test_finish_length(ask: Ask, errands: Errands) -> None:
    """A turn that `max_tokens` cuts within a call MUST end with `length`.

    Half of a call's arguments looks like a fault of the model's; the reason says to ask again with
    more room.
    """
    errand = errands("tool_hostile_arguments")
    judging.finished(turns.take(ask, errand, max_tokens=6), "length")


@requirement(
    "api/tools/usage",
    MUST,
    source="OpenAI chat.completions.create: usage",
    profiles=API,
    honours=TOOLS,
)
def test_usage(ask: Ask, errands: Errands) -> None:
    """The `usage` of a turn with tools MUST count the tools' text and the call's.

    Agents send the same long list of tools with every step; what is not counted overflows the
    context unannounced.
    """
    errand = errands("tool_weather")
    counting.counted(turns.take(ask, errand), errand)


@requirement(
    "api/tools/strict",
    MUST,
    source=STRICT,
    profiles=API,
    honours=f"{CHAT}: tools, tool_choice",
)
@pytest.mark.parametrize(
    "case",
    [
        "enum", "nested", "integer-bounds", "array-length", "array-of-objects", "any-of",
        "nullable", "pattern", "unicode", "escapes", "empty",
    ],
)  # fmt: skip
def test_strict(ask: Ask, errands: Errands, case: str) -> None:
    """The arguments of a `strict` function that the request names MUST be JSON that its schema
    allows.

    They are passed to a function as they are. (vLLM 0.32 keeps the schema of strict functions
    alone, where 0.26 keeps any.)
    """
    offered = tool("report", SCHEMAS[case], strict=True)
    errand = switched(errands("tool_weather"), offered)
    turn = turns.take_ended(ask, errand, tool_choice=named("report"))
    judging.keeps_schema(judging.one_call(turn, offered, choice="of a function"), offered)


@requirement(
    "api/tools/strict-required",
    MUST,
    source=STRICT,
    profiles=API,
    honours=f"{CHAT}: tools, tool_choice",
)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_strict_required(ask: Ask, errands: Errands, seed: int) -> None:
    """With `tool_choice` `required` the arguments of a `strict` function MUST keep its schema at
    temperature 1 too, whatever the seed.

    A server that only asks the model nicely gets it right while the best token is taken.
    """
    errand = switched(errands("tool_weather"))
    turn = turns.take(ask, errand, tool_choice="required", temperature=1, seed=seed)
    judging.keeps_schema(judging.one_call(turn, LIGHT, choice="required"), LIGHT)


@requirement(
    "api/tools/unicode-name",
    SHOULD,
    source="vLLM takes any name; OpenAI takes letters, digits, _ and -",
    profiles=API,
    honours=f"{CHAT}: tools, tool_choice",
)
def test_unicode_name(ask: Ask, errands: Errands) -> None:
    """A function's name SHOULD come back as it was given, letters beyond ASCII included.

    Tools made from the words of a spreadsheet's head have such names. (OpenAI refuses them;
    production takes them.)
    """
    offered = tool("größe-測る", object_of(on={"type": "boolean"}), strict=True)
    errand = switched(errands("tool_weather"), offered)
    turn = turns.take_ended(ask, errand, tool_choice=named("größe-測る"))
    judging.one_call(turn, offered, choice="of a function")


@requirement(
    "api/tools/no-parameters",
    SHOULD,
    source="OpenAI chat.completions.create: tools[].function.parameters, optional",
    profiles=API,
    accepts=TOOLS,
)
def test_no_parameters(ask: Ask, errands: Errands) -> None:
    """A function without `parameters` SHOULD be taken.

    Buttons are such functions: there is nothing to say but their name.
    """
    errand = switched(errands("no_tool_joke"), tool("ring", None))
    turns.take(ask, errand, max_tokens=4)
