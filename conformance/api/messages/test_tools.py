"""Tools of a message, and thinking: told in blocks, chosen, and told of their results.

Their tables and judgements are those of chat's tools.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from conformance.api.ask import OMIT
from conformance.api.messages import judging
from conformance.api.messages.asking import MessagesApi
from conformance.api.tools import counting
from conformance.api.tools import judging as turns
from conformance.api.tools.errands import LIGHT, Errand, switched
from conformance.requirements import MUST, SHOULD, requirement

Errands = Callable[[str], Errand]

SOURCE = "Anthropic POST /v1/messages: tools, tool_choice; tool_use"
API = ("api",)

CALLS = {
    "call": "tool_weather",
    "same-tool-twice": "tools_parallel",
    "two-tools": "tools_parallel_mixed",
    "text-before": "tool_after_text",
    "escapes": "tool_hostile_arguments",
    "reasoning": "tool_after_thinking",
    "text": "no_tool_joke",
}


@requirement("api/messages/tools", MUST, source=SOURCE, profiles=API, honours="tools")
@pytest.mark.parametrize("script", CALLS.values(), ids=CALLS)
def test_tools(messages: MessagesApi, errands: Errands, script: str) -> None:
    """What a model that is offered tools does MUST be told in blocks: its text, its thoughts, and
    each call with its name and `input`; a message with a call ends with `tool_use`.

    Agents run `tool_use` blocks and go on for as long as that is the reason.
    """
    errand = errands(script)
    turns.as_known(messages.run(errand).turn, errand)


@requirement("api/messages/tools-offered", MUST, source=SOURCE, profiles=API, honours="tools")
def test_tools_offered(messages: MessagesApi, errands: Errands) -> None:
    """Tools MUST reach the model in its chat template: the prompt grows by them.

    A model that was never told of its tools calls none, or makes some up.
    """
    errand = errands("tool_weather")
    alone = messages.run(errand, max_tokens=1, tools=OMIT)
    counting.prompt_grew(alone.turn, messages.run(errand, max_tokens=1).turn, errand)


@requirement("api/messages/tools-ids", MUST, source=f"{SOURCE}: id", profiles=API, honours="tools")
def test_tools_ids(messages: MessagesApi, errands: Errands) -> None:
    """Every call MUST have an `id` of its own.

    Results are sent back by it.
    """
    turns.different_ids([messages.run(errands("tools_parallel")).turn])


@requirement(
    "api/messages/tools-none", MUST, source=f"{SOURCE} none", profiles=API, honours="tool_choice"
)
def test_tools_none(messages: MessagesApi, errands: Errands) -> None:
    """With `tool_choice` `none` nothing MUST be called.

    Agents that have used up their steps ask for a last word so.
    """
    asked = {"tool_choice": {"type": "none"}, "max_tokens": 32}
    turns.no_call(messages.run(errands("tool_weather"), **asked).turn)


@requirement(
    "api/messages/tools-forced",
    MUST,
    source=f"{SOURCE} any, or a tool's name",
    profiles=API,
    honours="tools, tool_choice",
)
@pytest.mark.parametrize("choice", ["any", "tool"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_tools_forced(messages: MessagesApi, errands: Errands, choice: str, stream: bool) -> None:
    """A call that the request forces MUST come, of that tool, with an input of its schema.

    Extraction is often a call that the program forces.
    """
    asked: dict[str, Any] = {"type": choice}
    if choice == "tool":
        asked["name"] = LIGHT["function"]["name"]
    errand = switched(errands("no_tool_joke"))
    if stream:
        turn = messages.run_stream(errand, tool_choice=asked).said().turn
    else:
        turn = messages.run(errand, tool_choice=asked).turn
    turns.keeps_schema(turns.one_call(turn, LIGHT, choice=choice), LIGHT)


@requirement(
    "api/messages/tools-parallel-false",
    SHOULD,
    source=f"{SOURCE}.disable_parallel_tool_use; vLLM 0.32 keeps the first call, and 0.27 all",
    profiles=API,
    honours="tool_choice",
)
def test_tools_parallel_false(messages: MessagesApi, errands: Errands) -> None:
    """With `disable_parallel_tool_use` one call at most SHOULD come.

    Some tools must not run beside others.
    """
    errand = errands("tools_parallel_mixed")
    asked = {"type": "auto", "disable_parallel_tool_use": True}
    turns.one_at_most(messages.run(errand, tool_choice=asked).turn, errand.parameters["tools"])


@requirement(
    "api/messages/tools-result", MUST, source=f"{SOURCE}, tool_result", profiles=API,
    honours="messages, tools",
)  # fmt: skip
@pytest.mark.parametrize(
    "script",
    ["tool_result_sunny", "tool_result_rain", "tool_results_parallel", "no_tool_after_result"],
    ids=["sunny", "rain", "two-calls", "talk-after"],
)
def test_tools_result(messages: MessagesApi, errands: Errands, script: str) -> None:
    """The results of calls MUST be read, each as that of its call.

    The answer depends on nothing else.
    """
    errand = errands(script)
    turns.as_answered(messages.run(errand).turn, errand)


@requirement(
    "api/messages/tools-result-blocks", MUST, source=f"{SOURCE}, tool_result", profiles=API,
    honours="messages",
)  # fmt: skip
def test_tools_result_blocks(messages: MessagesApi, errands: Errands) -> None:
    """A result MUST be read as blocks of text as well.

    It is how the official client's helpers send results.
    """
    errand = errands("tool_result_sunny")
    told = [*errand.messages]
    told[-1] = {**told[-1], "content": [{"type": "text", "text": told[-1]["content"]}]}
    blocks = Errand(told, errand.parameters, errand.known)
    turns.as_answered(messages.run(blocks).turn, errand)


@requirement(
    "api/messages/thinking",
    MUST,
    source="Anthropic POST /v1/messages: thinking blocks; vLLM: chat_template_kwargs",
    profiles=API,
    honours="chat_template_kwargs",
)
def test_thinking(messages: MessagesApi, errands: Errands) -> None:
    """What a model thinks before it answers MUST be told in a block of its own, and not be part of
    the text.

    Thoughts that are shown as the answer are read as the answer.
    """
    errand = errands("think_sum")
    turns.as_known(judging.thought(messages.run(errand), errand).turn, errand)


@requirement(
    "api/messages/thinking-effort",
    SHOULD,
    source="Anthropic POST /v1/messages: output_config.effort; vLLM: turns thinking on",
    profiles=API,
    honours="output_config",
)
def test_thinking_effort(messages: MessagesApi, errands: Errands) -> None:
    """`output_config.effort` SHOULD have a model think that can.

    It is how Anthropic's clients ask for more thought.
    """
    errand = errands("think_sum")
    asked = {"chat_template_kwargs": OMIT, "output_config": {"effort": "high"}}
    turns.as_known(judging.thought(messages.run(errand, **asked), errand).turn, errand)


@requirement(
    "api/messages/thinking-disabled",
    SHOULD,
    source="Anthropic POST /v1/messages: thinking disabled; vLLM 0.32, and 0.27 ignores it",
    profiles=API,
    honours="thinking",
)
def test_thinking_disabled(messages: MessagesApi, errands: Errands) -> None:
    """With `thinking` disabled a model that can do without SHOULD NOT think.

    Thoughts cost time; most questions need none.
    """
    errand = errands("think_sum")
    asked = {"chat_template_kwargs": OMIT}
    off = messages.run(errand, **asked, thinking={"type": "disabled"})
    judging.quick(off, messages.run(errand, **asked))


@requirement(
    "api/messages/thinking-adaptive",
    SHOULD,
    source="Anthropic POST /v1/messages: thinking adaptive, the model's choice",
    profiles=API,
    accepts="thinking",
)
def test_thinking_adaptive(messages: MessagesApi, errands: Errands) -> None:
    """With `thinking` adaptive a request SHOULD be answered as without.

    Newer clients send it with each request.
    """
    errand = errands("think_sum")
    asked = {"chat_template_kwargs": OMIT}
    said = messages.run(errand, **asked, thinking={"type": "adaptive"})
    judging.same_answer(
        said, messages.run(errand, **asked), what="A message with adaptive thinking"
    )
