"""Tools of a response: offered, called, chosen, and told of their results.

Their tables and judgements are those of chat's tools.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from conformance.api.ask import OMIT
from conformance.api.responses.asking import Responses, named
from conformance.api.tools import counting, judging
from conformance.api.tools.errands import LIGHT, Errand, switched
from conformance.requirements import MUST, SHOULD, requirement

Errands = Callable[[str], Errand]

SOURCE = "OpenAI responses.create: tools, tool_choice; function_call"
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


@requirement("api/responses/tools", MUST, source=SOURCE, profiles=API, honours="tools")
@pytest.mark.parametrize("script", CALLS.values(), ids=CALLS)
def test_tools(responses: Responses, errands: Errands, script: str) -> None:
    """What a model that is offered tools does MUST be told in items: its text, its thoughts, and
    each call with its name and arguments.

    Agents run what stands in `function_call` items and show the rest. A call left in the text is
    gibberish to the person, and nothing happens.
    """
    errand = errands(script)
    judging.as_known(responses.run(errand).turn, errand)


@requirement("api/responses/tools-offered", MUST, source=SOURCE, profiles=API, honours="tools")
def test_tools_offered(responses: Responses, errands: Errands) -> None:
    """Tools MUST reach the model in its chat template: `input_tokens` grows by them.

    A model that was never told of its tools calls none, or makes some up.
    """
    errand = errands("tool_weather")
    offered = responses.run(errand, max_tokens=1).turn
    counting.prompt_grew(responses.run(errand, max_tokens=1, tools=OMIT).turn, offered, errand)


@requirement(
    "api/responses/tools-counted", MUST, source=f"{SOURCE}; usage", profiles=API, honours="tools"
)
def test_tools_counted(responses: Responses, errands: Errands) -> None:
    """The usage MUST count the prompt with its tools, and what the model wrote of its call.

    Tools are often the larger part of a prompt.
    """
    errand = errands("tool_weather")
    counting.counted(responses.run(errand).turn, errand)


@requirement(
    "api/responses/tools-ids", MUST, source=f"{SOURCE}: call_id", profiles=API, honours="tools"
)
def test_tools_ids(responses: Responses, errands: Errands) -> None:
    """Every call MUST have a `call_id` of its own.

    Results are sent back by it.
    """
    judging.different_ids([responses.run(errands("tools_parallel")).turn])


@requirement(
    "api/responses/tools-none",
    MUST,
    source=f"{SOURCE} none",
    profiles=API,
    honours="tool_choice",
)
def test_tools_none(responses: Responses, errands: Errands) -> None:
    """With `tool_choice` `none` nothing MUST be called.

    Agents that have used up their steps ask for a last word so.
    """
    said = responses.run(errands("tool_weather"), tool_choice="none", max_tokens=32)
    judging.no_call(said.turn)


@requirement(
    "api/responses/tools-forced",
    MUST,
    source=f"{SOURCE} required, or a function's name",
    profiles=API,
    honours="tools, tool_choice",
)
@pytest.mark.parametrize("choice", ["required", "named"])
def test_tools_forced(responses: Responses, errands: Errands, choice: str) -> None:
    """A call that the request forces MUST come, of that function, with arguments of its schema.

    Extraction is often a call that the program forces: without it there is no data.
    """
    asked = named(LIGHT) if choice == "named" else choice
    turn = responses.run(switched(errands("no_tool_joke")), tool_choice=asked).turn
    judging.keeps_schema(judging.one_call(turn, LIGHT, choice=choice), LIGHT)


@requirement(
    "api/responses/tools-parallel-false",
    SHOULD,
    source="OpenAI responses.create: parallel_tool_calls false; vLLM 0.32 keeps the first "
    "call, and 0.27 all",
    profiles=API,
    honours="parallel_tool_calls",
)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_tools_parallel_false(responses: Responses, errands: Errands, stream: bool) -> None:
    """With `parallel_tool_calls` false one call at most SHOULD come.

    Some tools must not run beside others.
    """
    errand = errands("tools_parallel_mixed").but(parallel_tool_calls=False)
    said = responses.run_stream(errand).said() if stream else responses.run(errand)
    judging.one_at_most(said.turn, errand.parameters["tools"])


@requirement(
    "api/responses/tools-result",
    MUST,
    source=f"{SOURCE}_output",
    profiles=API,
    honours="input, tools",
)
@pytest.mark.parametrize(
    "script",
    ["tool_result_sunny", "tool_result_rain", "tool_results_parallel", "no_tool_after_result"],
    ids=["sunny", "rain", "two-calls", "talk-after"],
)
def test_tools_result(responses: Responses, errands: Errands, script: str) -> None:
    """The results of calls MUST be read, each as that of its call.

    The answer depends on nothing else.
    """
    errand = errands(script)
    judging.as_answered(responses.run(errand).turn, errand)
