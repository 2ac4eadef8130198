"""`count_tokens`: what a message will count, before it is sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from conformance.api import optional
from conformance.api.ask import OMIT
from conformance.api.messages import judging
from conformance.api.messages.asking import MessagesApi, tool
from conformance.api.prompts import GREETING, Prompts
from conformance.api.tools.errands import TOOLS, Errand
from conformance.requirements import MUST, SHOULD, requirement

Errands = Callable[[str], Errand]

COUNT = "/v1/messages/count_tokens"
SOURCE = f"Anthropic POST {COUNT}"
API = ("api",)


@requirement(
    "api/messages/count",
    MUST,
    source=SOURCE,
    profiles=API,
    honours=f"{COUNT}:; {COUNT}: messages, model",
)
@pytest.mark.parametrize("kind", ["words", "emoji", "long"])
def test_count(messages: MessagesApi, prompts: Prompts, kind: str) -> None:
    """`count_tokens` MUST count what the usage of the message counts as its prompt.

    Agents decide by it when to cut a conversation; too small a count, and the next request fails.
    """
    asked = getattr(prompts, kind)
    judging.same_count(messages.count(asked), messages.say(asked, max_tokens=1))


MORE: dict[str, dict[str, Any]] = {
    "system": {"system": "Answer in French."},
    "tools": {"tools": [tool(each) for each in TOOLS]},
    "tool_choice": {"tools": [tool(each) for each in TOOLS], "tool_choice": {"type": "auto"}},
}


@requirement(
    "api/messages/count-more", MUST, source=SOURCE, profiles=API, honours=f"{COUNT}: {{field}}"
)
@pytest.mark.parametrize("field", MORE)
def test_count_more(messages: MessagesApi, field: str) -> None:
    """`system` and `tools` MUST be counted as the message counts them.

    Tools are often the larger part of a prompt.
    """
    found = messages.count(GREETING, **MORE[field])
    judging.differs(found, messages.count(GREETING), what=f"`{field}`")
    with optional.with_tools(messages.client, messages.model):
        said = messages.say(GREETING, max_tokens=1, **MORE[field])
    judging.same_count(found, said)


@requirement(
    "api/messages/count-results", MUST, source=SOURCE, profiles=API, honours=f"{COUNT}: messages"
)
def test_count_results(messages: MessagesApi, errands: Errands) -> None:
    """Calls and their results MUST be counted as the message counts them.

    They are most of an agent's conversation.
    """
    errand = errands("tool_result_sunny")
    tools = [tool(each) for each in TOOLS]
    said = messages.run(errand, max_tokens=1)
    judging.same_count(messages.count(errand.messages, tools=tools), said)


THINKING: dict[str, dict[str, Any]] = {
    "chat_template_kwargs": {"chat_template_kwargs": {"enable_thinking": False}},
    "thinking": {"thinking": {"type": "disabled"}},
    "output_config": {"output_config": {"effort": "high"}},
}


@requirement(
    "api/messages/count-thinking",
    SHOULD,
    source=f"{SOURCE}; vLLM 0.32, and 0.27 counts as if it were left out",
    profiles=API,
    honours=f"{COUNT}: {{field}}",
)
@pytest.mark.parametrize("field", THINKING)
def test_count_thinking(messages: MessagesApi, errands: Errands, field: str) -> None:
    """What turns thinking on or off SHOULD be counted as the message counts it.

    Templates write it into the prompt.
    """
    errand = errands("think_sum")
    said = messages.run(
        errand, **{"chat_template_kwargs": OMIT, "max_tokens": 1, **THINKING[field]}
    )
    judging.same_count(messages.count(errand.messages, **THINKING[field]), said)
