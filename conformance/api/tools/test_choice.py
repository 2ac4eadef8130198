"""`tool_choice` and `parallel_tool_calls`: who decides what is called, and how often."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from conformance.api import expect
from conformance.api.ask import OMIT, Ask
from conformance.api.tools import counting, judging, turns
from conformance.api.tools.errands import LIGHT, TOOLS, Errand, named, switched
from conformance.requirements import MUST, SHOULD, requirement

Errands = Callable[[str], Errand]

CHAT = "chat.completions.create"
CHOICE = f"{CHAT}: tools, tool_choice"
SOURCE = "OpenAI chat.completions.create: tool_choice"
API = ("api",)


@requirement("api/tools/auto", MUST, source=f"{SOURCE} auto", profiles=API, honours=CHOICE)
@pytest.mark.parametrize("choice", ["left-out", "auto"])
def test_auto(ask: Ask, errands: Errands, choice: str) -> None:
    """Where a model that is offered tools calls one, the answer MUST carry the call, as data, and
    end with `tool_calls`.

    Agents run what stands in `tool_calls` and show the rest. A call left in the text is shown to
    the person as gibberish, and nothing happens. (A server that has no parser for the model's calls
    says so with 400, as vLLM does.)
    """
    asked = OMIT if choice == "left-out" else choice
    errand = errands("tool_weather")
    judging.as_known(turns.take(ask, errand, tool_choice=asked), errand)


@requirement("api/tools/auto-text", MUST, source=f"{SOURCE} auto", profiles=API, honours=CHOICE)
def test_auto_text(ask: Ask, errands: Errands) -> None:
    """Where a model that is offered tools answers in words, the answer MUST be those words, with no
    call, and end with `stop`.

    Most turns of an agent are talk; a made-up call runs something that nobody asked for.
    """
    errand = errands("no_tool_joke")
    judging.as_known(turns.take(ask, errand), errand)


@requirement(
    "api/tools/offered",
    MUST,
    source="OpenAI chat.completions.create: tools; the chat template",
    profiles=API,
    honours=f"{CHAT}: tools",
)
def test_offered(ask: Ask, errands: Errands) -> None:
    """Tools MUST reach the model in its chat template: `prompt_tokens` grows by them.

    A model that was never told of its tools calls none, or makes some up.
    """
    errand = errands("tool_weather")
    offered = turns.take(ask, errand, max_tokens=1)
    alone = turns.take(ask, errand, max_tokens=1, tools=OMIT)
    counting.prompt_grew(alone, offered, errand)


@requirement("api/tools/none", MUST, source=f"{SOURCE} none", profiles=API, honours=CHOICE)
def test_none(ask: Ask, errands: Errands) -> None:
    """With `tool_choice` `none` the answer MUST carry no call.

    Agents that have used up their steps ask for a last word so; a call instead of it starts another
    round.
    """
    turn = turns.take(ask, errands("tool_weather"), tool_choice="none", max_tokens=32)
    judging.no_call(turn)


@requirement(
    "api/tools/none-without-tools",
    SHOULD,
    source="vLLM takes tool_choice none without tools; OpenAI refuses it",
    profiles=API,
    accepts=f"{CHAT}: tool_choice",
)
def test_none_without_tools(ask: Ask) -> None:
    """`tool_choice` `none` SHOULD be taken without tools too.

    Frameworks send it when a person has switched all tools off.
    """
    expect.chat(ask.chat("Hi", tool_choice="none", max_tokens=1))


@requirement("api/tools/required", MUST, source=f"{SOURCE} required", profiles=API, honours=CHOICE)
@pytest.mark.parametrize("wish", ["tool_weather", "no_tool_joke"], ids=["calls", "talks"])
def test_required(ask: Ask, errands: Errands, wish: str) -> None:
    """With `tool_choice` `required` the answer MUST carry a call, whatever the model would rather
    do, and end with `tool_calls`.

    Routers have no use for words: they wait for one of their routes.
    """
    turn = turns.take(ask, switched(errands(wish)), tool_choice="required")
    call = judging.one_call(turn, LIGHT, choice="required", finish=frozenset({"tool_calls"}))
    judging.keeps_schema(call, LIGHT)


@requirement(
    "api/tools/required-of-several",
    MUST,
    source=f"{SOURCE} required",
    profiles=API,
    honours=CHOICE,
)
def test_required_of_several(ask: Ask, errands: Errands) -> None:
    """With `tool_choice` `required` and several tools the model MUST be free which of them it
    calls.

    A server that always takes the first, or asks for all, decides in the model's place.
    """
    errand = errands("tool_time")
    judging.as_known(turns.take(ask, errand, tool_choice="required"), errand)


@requirement(
    "api/tools/named", MUST, source=f"{SOURCE} names a function", profiles=API, honours=CHOICE
)
@pytest.mark.parametrize("name", [tool["function"]["name"] for tool in TOOLS[:2]])
def test_named(ask: Ask, errands: Errands, name: str) -> None:
    """With a `tool_choice` that names a function the answer MUST carry one call of it, whatever the
    model would rather call.

    Extraction pipelines force one function; another's arguments do not fit their code.
    """
    turn = turns.take(ask, errands("tools_parallel_mixed"), tool_choice=named(name))
    tool = next(tool for tool in TOOLS if tool["function"]["name"] == name)
    judging.one_call(turn, tool, choice="of a function")


@requirement(
    "api/tools/parallel",
    MUST,
    source="OpenAI chat.completions.create: parallel_tool_calls, true by default",
    profiles=API,
    honours=f"{CHAT}: tools, parallel_tool_calls",
)
@pytest.mark.parametrize("script", ["tools_parallel", "tools_parallel_mixed"], ids=["same", "two"])
@pytest.mark.parametrize("parallel", [OMIT, True], ids=["left-out", "true"])
def test_parallel(ask: Ask, errands: Errands, script: str, parallel: object) -> None:
    """All calls of a turn MUST be in the answer, in the model's order.

    An agent that gets one of two runs the other never, and the model waits for both results.
    """
    errand = errands(script)
    judging.as_known(turns.take(ask, errand, parallel_tool_calls=parallel), errand)


@requirement(
    "api/tools/parallel-false",
    MUST,
    source="OpenAI chat.completions.create: parallel_tool_calls false; vLLM keeps the first call",
    profiles=API,
    honours=f"{CHAT}: parallel_tool_calls",
)
@pytest.mark.parametrize("choice", ["auto", "required"])
def test_parallel_false(ask: Ask, errands: Errands, choice: str) -> None:
    """With `parallel_tool_calls` false the answer MUST carry one call at most.

    Clients that handle one call take the first and drop the rest, and the model believes that all
    were made.
    """
    errand = errands("tools_parallel_mixed").but(parallel_tool_calls=False)
    judging.one_at_most(turns.take(ask, errand, tool_choice=choice), TOOLS)


@requirement(
    "api/tools/n",
    SHOULD,
    source="OpenAI chat.completions.create: n; tools",
    profiles=API,
    honours=f"{CHAT}: n, tools",
)
def test_n(ask: Ask, errands: Errands) -> None:
    """Each of `n` choices SHOULD carry its own calls, each with an id of its own.

    Searches over several plans run all of them; results are matched by id.
    """
    errand = switched(errands("tool_weather"))
    asked = {**errand.parameters, "tool_choice": "required", "temperature": 1, "seed": 3}
    found = turns.every(ask.chat(errand.messages, n=2, **asked))
    judging.each_calls(found, 2)
