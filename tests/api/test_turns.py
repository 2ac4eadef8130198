"""Turns with tools: put together from deltas, and judged."""

from __future__ import annotations

import json

import pytest
from openai.types import CompletionUsage
from openai.types.chat import ChatCompletionChunk

from conformance.api.tools import counting, judging, turns
from conformance.api.tools.errands import LIGHT, TOOLS, errand
from conformance.api.tools.judging import TheModelsChoice
from conformance.api.tools.turns import Call, Turn
from conformance.outcomes import Failed, Silent

GOOD = Call("call_1", "switch_light", '{"state": "on", "level": 3}')


def turn(*calls: Call, content: str = "", reasoning: str = "", reason: str = "tool_calls") -> Turn:
    return Turn(content, reasoning, list(calls), reason, None)


def chunks(*deltas: dict, reason: str = "tool_calls") -> list[ChatCompletionChunk]:
    """A stream's chunks: one for each delta, and one for its end."""
    choices = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    choices.append({"index": 0, "delta": {}, "finish_reason": reason})
    head = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return [ChatCompletionChunk.model_validate({**head, "choices": [each]}) for each in choices]


def part(index: int, id: str | None = None, name: str | None = None, arguments: str = "") -> dict:
    function = {"name": name, "arguments": arguments}
    begun = {"id": id, "type": "function"} if id else {}
    return {"tool_calls": [{"index": index, **begun, "function": function}]}


def test_two_calls_of_one_index_are_told_from_a_call_that_is_begun_again():
    with pytest.raises(Failed, match="Two calls of a stream have one index"):
        turns.joined(chunks(part(0, "a", "f"), part(0, "b", "g")))
    with pytest.raises(Failed, match="comes again"):
        turns.joined(chunks(part(0, "a", "f"), part(0, "b", arguments="{}")))


def test_deltas_add_up_by_index():
    found = turns.joined(
        chunks(
            {"role": "assistant", "content": "Wait. ", "reasoning": "Hm"},
            part(0, "a", "get_time", '{"ci'),
            part(0, arguments='ty": 1}'),
            part(1, "b", "get_weather"),
            part(1, arguments="{}"),
        )
    )
    calls = [Call("a", "get_time", '{"city": 1}'), Call("b", "get_weather", "{}")]
    assert found == Turn("Wait. ", "Hm", calls, "tool_calls", None)


@pytest.mark.parametrize(
    "deltas",
    [
        (part(0, "a", "f"), part(0, "b", arguments="{}")),
        (part(0, "a", "f"), part(0, "a", "f")),
        (part(0, "a", "f"), part(2, "b", "f")),
        (part(1, "a", "f"),),
        (part(0, None, "f"),),
        (part(0, "a"),),
    ],
    ids=["id-changes", "name-again", "index-left-out", "index-from-1", "no-id", "no-name"],
)
def test_deltas_that_do_not_add_up(deltas):
    with pytest.raises(Failed):
        turns.joined(chunks(*deltas))


def test_one_call():
    assert judging.one_call(turn(GOOD), LIGHT, choice="required") == GOOD
    judging.keeps_schema(GOOD, LIGHT)


@pytest.mark.parametrize(
    ("found", "outcome"),
    [
        (turn(content="On it.", reason="stop"), Silent),
        (turn(GOOD, GOOD), Failed),
        (turn(Call("1", "other", "{}")), Failed),
        (turn(Call("1", "switch_light", "on")), Failed),
        (turn(GOOD, reason="content_filter"), Failed),
        (turn(reason="length"), TheModelsChoice),
    ],
)
def test_anything_else_than_one_call_is_judged(found, outcome):
    with pytest.raises(outcome):
        judging.one_call(found, LIGHT, choice="required")


@pytest.mark.parametrize("arguments", ['{"state": "dim", "level": 3}', "{}", '"on"', '{"st'])
def test_strict_arguments_that_break_their_schema(arguments):
    with pytest.raises(Failed):
        judging.keeps_schema(Call("1", "switch_light", arguments), LIGHT)


WEATHER = errand("tool_weather", scripted=True)
KNOWN = Call("1", "get_weather", json.dumps({"unit": "celsius", "city": "Paris"}))


def test_a_known_turn_passes():
    judging.as_known(turn(KNOWN), WEATHER)
    joke = errand("no_tool_joke", scripted=True)
    judging.as_known(turn(content=joke.known.content, reason="stop"), joke)


@pytest.mark.parametrize(
    ("found", "outcome"),
    [
        (turn(content='<tool_call>\n{"name"', reason="stop"), Silent),
        (turn(KNOWN, KNOWN), Failed),
        (turn(KNOWN, content="</tool_call>"), Failed),
        (turn(KNOWN, reason="stop"), Failed),
        (turn(Call("1", "get_weather", '{"city": "Rome"}')), Failed),
        (turn(Call("1", "get_weather", '{"city')), Failed),
    ],
)
def test_a_turn_that_is_not_as_known_is_judged(found, outcome):
    with pytest.raises(outcome):
        judging.as_known(found, WEATHER)


def test_a_turn_of_an_unknown_model_is_judged_by_its_tools():
    free = errand("tool_weather", scripted=False)
    judging.as_known(turn(Call("1", "get_time", "{}")), free)
    with pytest.raises(Failed):
        judging.as_known(turn(Call("1", "other", "{}")), free)
    with pytest.raises(TheModelsChoice):
        judging.as_known(turn(content="No.", reason="stop"), free)


def test_calls_where_there_may_be_none_or_one():
    judging.no_call(turn(content="No.", reason="stop"))
    with pytest.raises(Failed):
        judging.no_call(turn(GOOD))
    judging.one_at_most(turn(KNOWN), TOOLS)
    with pytest.raises(Silent):
        judging.one_at_most(turn(KNOWN, KNOWN), TOOLS)


def test_ids_that_differ():
    judging.different_ids([turn(GOOD), turn(KNOWN)])
    for other in (GOOD, Call("", "f", "{}")):
        with pytest.raises(Failed):
            judging.different_ids([turn(GOOD), turn(other)])
    with pytest.raises(TheModelsChoice):
        judging.different_ids([turn(GOOD), turn()])


def test_choices_that_each_call():
    judging.each_calls([turn(GOOD), turn(KNOWN)], 2)
    for found in ([turn(GOOD)], [turn(GOOD), turn(reason="stop")]):
        with pytest.raises(Silent):
            judging.each_calls(found, 2)
    with pytest.raises(Failed):
        judging.each_calls([turn(GOOD), turn(GOOD)], 2)
    with pytest.raises(TheModelsChoice):
        judging.each_calls([turn(GOOD), turn(reason="length")], 2)


def test_a_stream_is_compared_with_the_answer_given_at_once():
    judging.same_turn(turn(KNOWN), turn(KNOWN, content="\n"))
    others = (turn(), turn(KNOWN, content="a"), turn(KNOWN, reasoning="a"), turn(KNOWN, KNOWN))
    for other in (*others, turn(KNOWN, reason="stop")):
        with pytest.raises(Failed):
            judging.same_turn(other, turn(KNOWN))


def test_arguments_in_pieces():
    judging.in_pieces(["x" * 10, "y" * 10])
    with pytest.raises(Silent):
        judging.in_pieces(["x" * 20])
    with pytest.raises(TheModelsChoice):
        judging.in_pieces([])


def test_markup_in_the_text():
    judging.no_markup(turn(content="I will look. "), "<tool_call>")
    with pytest.raises(Failed):
        judging.no_markup(turn(content="I will look. <tool"), "<tool_call>")


def counted(prompt: int, completion: int = 26) -> Turn:
    usage = CompletionUsage(
        prompt_tokens=prompt, completion_tokens=completion, total_tokens=prompt + completion
    )
    return Turn("", "", [KNOWN], "tool_calls", usage)


def test_tools_are_counted_in_the_prompt():
    free = errand("tool_weather", scripted=False)
    counting.prompt_grew(counted(10), counted(200), WEATHER)
    with pytest.raises(Silent):
        counting.prompt_grew(counted(10), counted(10), WEATHER)
    with pytest.raises(TheModelsChoice):
        counting.prompt_grew(counted(10), counted(10), free)
    with pytest.raises(Failed):
        counting.prompt_grew(turn(), counted(10), WEATHER)


def test_a_call_is_counted():
    length = WEATHER.known.prompt_tokens
    counting.counted(counted(length), WEATHER)
    for wrong in (counted(length - 1), counted(length, 0)):
        with pytest.raises(Failed):
            counting.counted(wrong, WEATHER)
