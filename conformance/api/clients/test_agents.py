"""An agent of the `openai-agents` framework: it calls a tool, reads its result, and answers."""

from __future__ import annotations

import pytest

from conformance.api import optional
from conformance.api.clients import agent
from conformance.api.clients.official import Official
from conformance.requirements import MUST, requirement

SOURCE = "openai-agents: Runner"
API = ("api",)
SIDES = {
    "chat": "chat.completions.create: tools, messages",
    "responses": "responses.create: tools, input",
}


def _served(official: Official, side: str) -> None:
    """The chat calls tools at all. Raises Absent where it refuses them honestly."""
    if side == "chat":
        optional.tools(official.client, official.model)


@requirement(
    "api/clients/agent",
    MUST,
    source=f"{SOURCE}.run, Agent with a function tool",
    profiles=API,
    honours=SIDES,
)
@pytest.mark.parametrize("side", SIDES)
def test_agent(official: Official, scripted: bool, side: str) -> None:
    """An agent with a function tool MUST come to its final answer by way of the tool.

    A framework asks again and again, with everything that it was given before; it is the client
    that sends back the most of what a server says.
    """
    _served(official, side)
    found = official.run(lambda: agent.run(official, side, scripted), optional=agent.NAMES[side])
    agent.as_known(found, scripted)


@requirement(
    "api/clients/agent-stream",
    MUST,
    source=f"{SOURCE}.run_streamed, Agent with a function tool",
    profiles=API,
    honours={side: f"{words}, stream" for side, words in SIDES.items()},
)
@pytest.mark.parametrize("side", SIDES)
def test_agent_stream(official: Official, scripted: bool, side: str) -> None:
    """An agent whose run is streamed MUST come to its final answer by way of the tool.

    Interfaces show what an agent does while it does it.
    """
    _served(official, side)
    found = official.run(lambda: agent.stream(official, side, scripted), optional=agent.NAMES[side])
    agent.as_known(found, scripted)


@requirement(
    "api/clients/agent-history",
    MUST,
    source=f"{SOURCE}.run, to_input_list",
    profiles=API,
    honours=SIDES,
)
@pytest.mark.parametrize("side", SIDES)
def test_agent_history(official: Official, scripted: bool, side: str) -> None:
    """A second run on the history of the first MUST be answered, knowing it.

    People say “thank you”, and go on.
    """
    _served(official, side)
    found = official.run(lambda: agent.twice(official, side, scripted), optional=agent.NAMES[side])
    agent.thanked(found, scripted)
