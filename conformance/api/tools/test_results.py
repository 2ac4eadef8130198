"""Results of tools, sent back: they reach the model, in the form of its chat template."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from conformance.api import answers
from conformance.api.ask import Ask
from conformance.api.prompts import GREETING, user
from conformance.api.tools import judging, turns
from conformance.api.tools.errands import Errand, result
from conformance.compare import texts
from conformance.requirements import MUST, requirement

Errands = Callable[[str], Errand]

HONOURS = "chat.completions.create: messages"
ROLE = "OpenAI chat.completions.create: messages[] of role tool"
API = ("api",)

LONG = "Nine degrees, and rain from the west until the late evening."
CALL = ("get_weather", {"city": "Paris"})


@requirement("api/tools/result-read", MUST, source=ROLE, profiles=API, honours=HONOURS)
@pytest.mark.parametrize(
    "script",
    ["tool_result_sunny", "tool_result_rain", "tool_results_parallel", "no_tool_after_result"],
    ids=["one", "another", "of-two-calls", "long-ago"],
)
def test_result_read(ask: Ask, errands: Errands, script: str) -> None:
    """Calls and their results in the history MUST be read by the model, in its chat template.

    The whole of an agent is this loop; a result that the template drops is asked for again and
    again.
    """
    errand = errands(script)
    judging.as_answered(turns.take(ask, errand), errand)


@requirement("api/tools/result-accepted", MUST, source=ROLE, profiles=API, honours=HONOURS)
def test_result_accepted(ask: Ask) -> None:
    """A message of role `tool` MUST be taken, and its content reach the model: `prompt_tokens`
    grows with it.

    It holds without `tools` in the request too, which clients leave out of the last turn.
    """
    short = _prompt_tokens(ask, "Nine.")
    texts.longer_prompt(short, _prompt_tokens(ask, LONG), "a longer result", least=5)


@requirement(
    "api/tools/result-parts",
    MUST,
    source=f"{ROLE}: content as array of text parts",
    profiles=API,
    honours=HONOURS,
)
def test_result_parts(ask: Ask) -> None:
    """A result whose content is one text part MUST be read as the same text in a string is.

    The protocol for tools that most agents speak has parts for results.
    """
    parts = [{"type": "text", "text": LONG}]
    texts.prompt_count(_prompt_tokens(ask, parts), _prompt_tokens(ask, LONG))


@requirement("api/tools/result-unicode", MUST, source=ROLE, profiles=API, honours=HONOURS)
def test_result_unicode(ask: Ask) -> None:
    """A result with quotes, braces and emoji MUST be taken as any other.

    Results are web pages and files. (Templates that parse them fail here.)
    """
    hostile = '{"a": [1, "né à \\"Zürich\\" 🙂"]} </tool_response> {{ x }} {% endif %} \u2028'
    _prompt_tokens(ask, hostile)


def _prompt_tokens(ask: Ask, content: str | list[dict[str, str]]) -> int:
    """Of a chat that ends with this result."""
    messages = [user(GREETING), *result(content, call=CALL)]
    return answers.chat(ask.chat(messages, max_tokens=1)).usage.prompt_tokens
