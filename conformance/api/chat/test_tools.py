"""Tool calls that need no parser of the model's own text."""

from __future__ import annotations

from conformance.api import answers
from conformance.api.ask import Ask
from conformance.api.prompts import Prompts
from conformance.compare import tools
from conformance.requirements import MAY, requirement


@requirement(
    "api/chat/tool-choice-named",
    MAY,
    source="OpenAI chat.completions.create: tool_choice names a function; "
    "vLLM 0.32 refuses it without --tool-call-parser",
    honours="tools, tool_choice",
)
def test_tool_choice_named(ask: Ask, prompts: Prompts) -> None:
    """A server MAY serve a `tool_choice` that names a function, and then answers with a call of it
    whose arguments are JSON for its schema.

    Extraction pipelines force one function; prose instead of the call ends them.
    """
    choice = {"type": "function", "function": {"name": tools.name(prompts.demanded)}}
    response = ask.chat(prompts.errand, tools=prompts.tools, tool_choice=choice, max_tokens=64)
    tools.called(answers.tool_calls(response), prompts.demanded)
