"""How much the model thinks, and what is told of it."""

from __future__ import annotations

from conformance.api.extensions import thinking
from conformance.api.extensions.thinking import Thought
from conformance.api.extensions.ways import Ways, both_ways, on_both
from conformance.compare import extensions
from conformance.requirements import MAY, SHOULD, requirement

CHAT = "vLLM: extra parameters of chat"


@requirement(
    "api/extensions/include-reasoning",
    SHOULD,
    source=f"{CHAT}: include_reasoning, true by default",
    profiles=("api",),
    honours="chat.completions.create: include_reasoning",
)
def test_include_reasoning(thought: Thought) -> None:
    """With `include_reasoning` false the answer SHOULD come without its reasoning.

    What the model thought is not for every person to read, and is most of the bytes.
    """
    whole = thought.parsed()
    asked = {"chat_template_kwargs": {"enable_thinking": True}}
    found = thought.say(include_reasoning=False, **asked)
    thinking.kept_out(found, thought)
    extensions.same_answer("include_reasoning", whole.text.strip(), found.text.strip())


@requirement(
    "api/extensions/reasoning-effort",
    SHOULD,
    source="OpenAI chat.completions.create: reasoning_effort; vLLM: `none` turns the template's "
    "thinking off",
    profiles=("api",),
    honours="chat.completions.create: reasoning_effort",
)
def test_reasoning_effort(thought: Thought) -> None:
    """With a `reasoning_effort` of `none` the model SHOULD answer at once.

    Thinking is most of what an answer takes; who turned it off waits, and pays, for nothing.
    """
    found = thought.say(reasoning_effort="none")
    thinking.unasked(found, thought)
    extensions.same_answer("reasoning_effort", thought.answer, found.text.strip())


@requirement(
    "api/extensions/thinking-token-budget",
    MAY,
    source=f"{CHAT}: thinking_token_budget; refused where the server has no reasoning_config",
    profiles=("api",),
    honours=on_both("thinking_token_budget"),
)
@both_ways
def test_thinking_token_budget(ways: Ways, thought: Thought, way: str) -> None:
    """A server MAY take a `thinking_token_budget`, and then ends the thinking there.

    A model that doubts itself thinks up to the context's end otherwise.
    """
    found = ways.say(way, thought.messages, max_tokens=96, thinking_token_budget=6)
    thinking.shortened(found, thought)
