"""Turns with tools, judged: against what the model is known to say, and against the tools."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import jsonschema

from conformance.api.tools.errands import Errand, Known, Tool
from conformance.api.tools.turns import Call, Turn
from conformance.outcomes import Failed, Inconclusive, Level, Silent

CALLED = frozenset({"stop", "tool_calls"})
"""Finish reasons of a call that the request names: OpenAI and vLLM say `stop`, many servers the
other."""


class TheModelsChoice(Inconclusive):
    """The model did not do what would show it, and need not: no server answers for that."""

    level = Level.SHOULD


def as_known(turn: Turn, errand: Errand) -> None:
    """The turn is the known one: text, reasoning, calls and finish reason.

    For a model whose answer is not known, its calls are judged by the tools that it was offered.

    Raises:
        Silent: calls that the model wrote are left in the text.
        Failed: anything else is otherwise.
        TheModelsChoice: the model, which may, calls nothing.
    """
    if errand.known is None:
        return fitting(turn, errand.parameters["tools"])
    said, known = _plain(turn), _said(errand.known)
    if not turn.calls and errand.known.calls:
        raise Silent(
            "`tools` is accepted and the model's calls are left in its text",
            expected=known,
            actual=turn.content or turn.reasoning,
        )
    if said != known:
        raise Failed("A turn with tools is not what the model said", expected=known, actual=said)
    finished(turn, "tool_calls" if turn.calls else "stop")


def fitting(turn: Turn, tools: Sequence[Tool]) -> None:
    """The calls are of tools that were offered, each with a JSON object for arguments.

    Raises:
        TheModelsChoice: there is no call, or its text was cut.
        Failed: another function, no JSON, another finish reason.
    """
    if not turn.calls or turn.finish_reason == "length":
        raise TheModelsChoice(
            "The model made no complete call: one that calls its tools would decide",
            actual=turn.content or turn.finish_reason,
            cause="The model's own answer does not allow the check",
        )
    offered = {tool["function"]["name"] for tool in tools}
    for call in turn.calls:
        if call.name not in offered:
            raise Failed("A call is of no offered tool", expected=offered, actual=call.name)
        arguments(call)
    finished(turn, "tool_calls")


def one_call(turn: Turn, tool: Tool, *, choice: str, finish: frozenset[str] = CALLED) -> Call:
    """The turn is one call of `tool`, for which the request asked; its arguments are JSON.

    Args:
        choice: the `tool_choice`, to name what was passed over.

    Raises:
        TheModelsChoice: the call was cut by `max_tokens`.
        Silent: there is none.
        Failed: several, another function, no JSON, another finish reason.
    """
    if turn.finish_reason == "length":
        raise TheModelsChoice(
            "The call was cut at its length: a model that keeps its arguments short would decide",
            cause="The model's own answer does not allow the check",
        )
    if not turn.calls:
        raise Silent(
            f"`tool_choice` {choice} is accepted and no tool is called",
            expected="a call",
            actual=turn.content,
        )
    names = [call.name for call in turn.calls]
    if names != [tool["function"]["name"]]:
        raise Failed(
            "Other calls than the one asked for", expected=[tool["function"]["name"]], actual=names
        )
    if turn.finish_reason not in finish:
        raise Failed(
            "A call gives another finish reason", expected=finish, actual=turn.finish_reason
        )
    arguments(turn.calls[0])
    return turn.calls[0]


def keeps_schema(call: Call, tool: Tool) -> None:
    """The call's arguments are JSON that the tool's parameters allow. Raises Failed."""
    schema = tool["function"]["parameters"]
    try:
        jsonschema.Draft202012Validator(schema).validate(arguments(call))
    except jsonschema.ValidationError as error:
        raise Failed(
            "A strict tool's arguments break its schema",
            expected=schema,
            actual=f"{call.arguments[:200]!r}: {error.message[:200]}",
        ) from None


def arguments(call: Call) -> Any:
    """A call's arguments. Raises Failed where they are not JSON."""
    try:
        return json.loads(call.arguments)
    except (ValueError, RecursionError) as error:
        raise Failed(
            "A call's arguments are not JSON",
            expected="JSON",
            actual=f"{error}: {call.arguments!r}",
        ) from None


def finished(turn: Turn, reason: str) -> None:
    """The turn ends for this reason. Raises Failed."""
    if turn.finish_reason != reason:
        raise Failed(
            "A turn with tools gives another finish reason",
            expected=reason,
            actual=turn.finish_reason,
        )


def no_call(turn: Turn) -> None:
    """Nothing is called and the finish reason says so. Raises Failed."""
    if turn.calls or turn.finish_reason not in ("stop", "length"):
        raise Failed(
            "A tool is called though none may be",
            expected="no call, and stop or length",
            actual=([call.name for call in turn.calls], turn.finish_reason),
        )


def one_at_most(turn: Turn, tools: Sequence[Tool]) -> None:
    """One call or none, of an offered tool.

    Raises:
        Silent: there are several.
        TheModelsChoice, Failed: as `fitting`.
    """
    if len(turn.calls) > 1:
        raise Silent(
            "`parallel_tool_calls` false is accepted and several calls are made",
            expected="one call at most",
            actual=[call.name for call in turn.calls],
        )
    fitting(turn, tools)


def as_answered(turn: Turn, errand: Errand) -> None:
    """The turn is the known answer in words; any words will do of a model that is not known.

    Raises:
        Failed: the words are others, or none.
        TheModelsChoice: a model that is not known calls a tool again.
    """
    if errand.known is not None:
        return as_known(turn, errand)
    if turn.calls:
        raise TheModelsChoice(
            "The model calls a tool again: one that answers from the result would decide",
            actual=[call.name for call in turn.calls],
            cause="The model's own answer does not allow the check",
        )
    if not turn.content and not turn.reasoning:
        raise Failed("An answer to a tool's result is empty", expected="words", actual="none")


def in_pieces(pieces: Sequence[str]) -> None:
    """Arguments came in several deltas.

    Raises:
        Silent: they came in one.
        TheModelsChoice: there are none, or few.
    """
    if len("".join(pieces)) < 20:
        raise TheModelsChoice(
            "The model made no call with long arguments: one that does would decide",
            actual=pieces,
            cause="The model's own answer does not allow the check",
        )
    if len(pieces) < 2:
        raise Silent(
            "A call's arguments are held back and sent in one piece",
            expected="several deltas",
            actual=pieces,
        )


def same_turn(streamed: Turn, whole: Turn) -> None:
    """A stream adds up to the answer given at once, but for the ids of its calls. Raises Failed."""
    if _plain(streamed) != _plain(whole):
        raise Failed(
            "A stream adds up to another turn than the answer given at once",
            expected=_plain(whole),
            actual=_plain(streamed),
        )
    finished(streamed, whole.finish_reason)


def each_calls(turns: Sequence[Turn], count: int) -> None:
    """There are so many choices, each with a call, and no two calls have one id.

    Raises:
        Silent: there is one choice alone, or one without a call.
        TheModelsChoice: a call was cut.
        Failed: another number, or ids as in `different_ids`.
    """
    if len(turns) == 1 or any(not t.calls and t.finish_reason != "length" for t in turns):
        raise Silent(
            "`n` or `tool_choice` is accepted and not all of it is done",
            expected=f"{count} choices, each with a call",
            actual=[[call.name for call in turn.calls] for turn in turns],
        )
    if len(turns) != count:
        raise Failed("Other choices than asked for", expected=count, actual=len(turns))
    different_ids(turns)


def different_ids(turns: Sequence[Turn]) -> None:
    """No two calls have one id, and none is empty.

    Raises:
        TheModelsChoice: there are not two calls to compare.
        Failed: an id comes twice, or is empty.
    """
    ids = [call.id for turn in turns for call in turn.calls]
    if len(ids) < 2:
        raise TheModelsChoice(
            "The model did not make two calls: one that does would decide",
            actual=ids,
            cause="The model's own answer does not allow the check",
        )
    if len(set(ids)) < len(ids) or "" in ids:
        raise Failed("Calls share an id, or have none", expected="an id each", actual=ids)


def no_markup(turn: Turn, markup: str) -> None:
    """The model's own mark of a call is not part of the text. Raises Failed."""
    if markup[:4] in turn.content:
        raise Failed(
            "The model's own mark of a call is left in the text",
            expected=f"no {markup}",
            actual=repr(turn.content),
        )


def _plain(turn: Turn) -> tuple[str, str, list[tuple[str, Any]]]:
    """Text, reasoning and calls; white space around calls and thoughts is the parsers' own."""
    calls = [(call.name, arguments(call)) for call in turn.calls]
    content = turn.content.strip() if turn.calls or turn.reasoning else turn.content
    return content, turn.reasoning.strip(), calls


def _said(known: Known) -> tuple[str, str, list[tuple[str, Any]]]:
    content, reasoning = known.content or "", known.reasoning or ""
    if known.calls or reasoning:
        content = content.strip()
    return content, reasoning.strip(), list(known.calls)
