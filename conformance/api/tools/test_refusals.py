"""Tools and choices that are wrong: refused before the model is asked."""

from __future__ import annotations

import pytest

from conformance.api import invalid
from conformance.api.ask import Ask
from conformance.api.tools import wrong
from conformance.requirements import MUST, SHOULD, requirement

CHAT = "chat.completions.create"
API = ("api",)


@requirement(
    "api/tools/wrong-tool",
    MUST,
    source="OpenAI chat.completions.create: tools; vLLM validates them",
    profiles=API,
    refuses=f"{CHAT}: tools",
)
@pytest.mark.parametrize("case", wrong.TOOLS)
def test_wrong_tool(ask: Ask, case: str) -> None:
    """A tool that is none MUST be refused with 400 or 422 and an OpenAI error.

    A tool that is dropped is one that the model never calls, and nobody sees why.
    """
    wrong.TOOLS[case].is_refused(ask, cause="Wrong tools are accepted")


@requirement(
    "api/tools/wrong-choice",
    MUST,
    source="OpenAI chat.completions.create: tool_choice; vLLM validates it",
    profiles=API,
    refuses=f"{CHAT}: tool_choice",
)
@pytest.mark.parametrize("case", wrong.CHOICES)
def test_wrong_choice(ask: Ask, case: str) -> None:
    """A `tool_choice` that is none, or of a function that is not offered, MUST be refused with 400
    or 422.

    Words instead of the forced call end the pipeline further on, with a less helpful message.
    """
    wrong.CHOICES[case].is_refused(ask, cause="Wrong choices of tools are accepted")


@requirement(
    "api/tools/choice-without-tools",
    MUST,
    source="OpenAI and vLLM: tool_choice needs tools",
    profiles=API,
    refuses=f"{CHAT}: tool_choice",
)
@pytest.mark.parametrize("case", wrong.WITHOUT_TOOLS)
def test_choice_without_tools(ask: Ask, case: str) -> None:
    """A `tool_choice` without tools MUST be refused with 400 or 422.

    The tools were lost on their way here: the model would answer as if there had never been any.
    """
    wrong.WITHOUT_TOOLS[case].is_refused(ask, cause="A choice of tools without tools is accepted")


@requirement(
    "api/tools/wrong-parallel",
    SHOULD,
    source="OpenAI chat.completions.create: parallel_tool_calls, a boolean",
    profiles=API,
    refuses=f"{CHAT}: parallel_tool_calls",
)
def test_wrong_parallel(ask: Ask) -> None:
    """A `parallel_tool_calls` that is no boolean SHOULD be refused with 400 or 422.

    A typing error that the Mac forgives is found when production refuses it.
    """
    invalid.Invalid(invalid.CHAT, {"parallel_tool_calls": "perhaps"}).is_refused(
        ask, cause="Wrong types are accepted"
    )


@requirement(
    "api/tools/wrong-history",
    MUST,
    source="OpenAI chat.completions.create: messages[].tool_calls",
    profiles=API,
    refuses=f"{CHAT}: messages",
)
@pytest.mark.parametrize("case", wrong.HISTORY)
def test_wrong_history(ask: Ask, case: str) -> None:
    """Calls in the history that are none MUST be refused with 400 or 422.

    A template that meets them fails (500), or writes nonsense into the prompt.
    """
    wrong.HISTORY[case].is_refused(ask, cause="Wrong calls in the history are accepted")
