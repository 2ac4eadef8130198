"""An agent of the `openai-agents` framework with one function tool, run against the target.

Its tracing, which would send what it does to OpenAI, is off.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NoReturn

from conformance.api.clients import installed
from conformance.api.clients.official import Official
from conformance.api.responses.asking import flat
from conformance.api.tools.errands import TOOLS, errand
from conformance.api.tools.judging import TheModelsChoice
from conformance.outcomes import Failed, Silent

NAMES = {"chat": "", "responses": "The Responses API"}
"""By the side of the API that the agent uses, what a target need not serve."""

QUESTION = "What is the weather in Paris?"
THANKS = "Thank you."
RESULT = errand("tool_result_sunny", scripted=True)
SUNNY: str = RESULT.messages[-1]["content"]
CHOICE = "The model's own answer does not allow the check"


@dataclass
class Run:
    """What an agent did: its calls as they reached the function, and its last words."""

    calls: list[tuple[str, str]] = field(default_factory=list)
    final: str = ""
    again: str = ""


def undecided(raised: Exception, scripted: bool) -> NoReturn:
    """Raises TheModelsChoice where a model that is not known went on without end."""
    if not scripted and type(raised).__name__ in ("ModelBehaviorError", "MaxTurnsExceeded"):
        raise TheModelsChoice(
            "The model comes to no end: one that answers briefly would decide",
            actual=str(raised)[:200],
            cause=CHOICE,
        )
    raise raised


async def run(official: Official, side: str, scripted: bool) -> Run:
    """One run. Raises NotInstalled, and what the framework raises."""
    package, done, made = _made(official, side, scripted)
    try:
        result = await package.Runner.run(made, QUESTION, max_turns=4)
    except Exception as raised:
        undecided(raised, scripted)
    done.final = str(result.final_output)
    return done


async def stream(official: Official, side: str, scripted: bool) -> Run:
    """One run, streamed to its end."""
    package, done, made = _made(official, side, scripted)
    streamed = package.Runner.run_streamed(made, QUESTION, max_turns=4)
    try:
        async for _ in streamed.stream_events():
            pass
    except Exception as raised:
        undecided(raised, scripted)
    done.final = str(streamed.final_output)
    return done


async def twice(official: Official, side: str, scripted: bool) -> Run:
    """A run, and another on its history."""
    package, done, made = _made(official, side, scripted)
    try:
        first = await package.Runner.run(made, QUESTION, max_turns=4)
        history = [*first.to_input_list(), {"role": "user", "content": THANKS}]
        second = await package.Runner.run(made, history, max_turns=4)
    except Exception as raised:
        undecided(raised, scripted)
    done.final, done.again = str(first.final_output), str(second.final_output)
    return done


def as_known(found: Run, scripted: bool) -> None:
    """The agent called the tool for Paris and says that it is sunny.

    Raises:
        Silent: it called nothing, though the model did.
        TheModelsChoice: a model that is not known called nothing.
        Failed: it called something else, or says something else.
    """
    if not found.calls and not scripted:
        raise TheModelsChoice("The model calls nothing: one that does would decide", cause=CHOICE)
    if not found.calls:
        raise Silent("An agent's call is left in its text", expected="a call", actual=found.final)
    if not scripted:
        return
    known = RESULT.known.content if RESULT.known else None
    names = [name for name, _ in found.calls]
    if names != ["get_weather"] or found.final != known:
        raise Failed(
            "An agent comes to another answer", expected=["get_weather", known], actual=found
        )


def thanked(found: Run, scripted: bool) -> None:
    """The second answer is the known one. Raises as `as_known`."""
    as_known(found, scripted)
    if scripted and found.again != "You are welcome.":
        raise Failed(
            "An agent has lost its history", expected="You are welcome.", actual=found.again
        )
    if not found.again:
        raise Failed("An agent says nothing the second time", expected="words", actual="none")


def _made(official: Official, side: str, scripted: bool) -> tuple[Any, Run, Any]:
    """The framework, what is to be noted, and the agent."""
    package = installed.module("agents")
    package.set_tracing_disabled(True)
    done = Run()

    def tool(chat: dict[str, Any]) -> Any:
        function = chat["function"]

        async def invoked(_: Any, arguments: str) -> str:
            done.calls.append((function["name"], arguments))
            return SUNNY

        return package.FunctionTool(
            name=function["name"],
            description=function["description"],
            params_json_schema=function["parameters"],
            on_invoke_tool=invoked,
            strict_json_schema=False,
        )

    kind = "OpenAIChatCompletionsModel" if side == "chat" else "OpenAIResponsesModel"
    model = getattr(package, kind)(model=official.model, openai_client=official.async_openai())
    settings = package.ModelSettings(
        temperature=0, max_tokens=200, extra_body=_body(side, scripted)
    )
    made = package.Agent(
        name="Weather", model=model, model_settings=settings, tools=[tool(each) for each in TOOLS]
    )
    return package, done, made


def _body(side: str, scripted: bool) -> dict[str, Any] | None:
    """What the request is to say otherwise than the framework.

    It tells of each tool that it is not strict, templates write that into the prompt, and the
    scripted model knows its tools by heart: it gets them as it knows them.
    """
    if not scripted:
        return None
    return {"tools": TOOLS if side == "chat" else [flat(tool) for tool in TOOLS]}
