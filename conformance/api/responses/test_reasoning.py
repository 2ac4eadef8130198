"""Reasoning in a response: asked for, told apart from the answer, left out, counted."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from conformance.api.ask import OMIT
from conformance.api.responses import thinking
from conformance.api.responses.asking import Responses, items
from conformance.api.tools import judging
from conformance.api.tools.errands import Errand
from conformance.requirements import MUST, SHOULD, requirement

Errands = Callable[[str], Errand]

SOURCE = "OpenAI responses.create: reasoning"
VLLM = "vLLM's ResponsesRequest"
API = ("api",)


@requirement(
    "api/responses/reasoning",
    MUST,
    source=f"{SOURCE}; vLLM: chat_template_kwargs.enable_thinking",
    profiles=API,
    honours="chat_template_kwargs",
)
def test_reasoning(responses: Responses, errands: Errands) -> None:
    """What a model thinks before it answers MUST be told in an item of its own, and not be part of
    the answer.

    Thoughts that are shown as the answer are read as the answer.
    """
    errand = errands("think_sum")
    judging.as_known(thinking.shown(responses.run(errand), errand), errand)


@requirement(
    "api/responses/reasoning-off",
    SHOULD,
    source=f"{VLLM}: chat_template_kwargs, read by the chat template",
    profiles=API,
    honours="chat_template_kwargs",
)
def test_reasoning_off(responses: Responses, errands: Errands) -> None:
    """With `enable_thinking` false in `chat_template_kwargs` a model that can do without SHOULD NOT
    think.

    Thoughts cost time; most questions need none.
    """
    errand = errands("think_sum")
    off = responses.run(errand, chat_template_kwargs={"enable_thinking": False})
    thinking.off(off, responses.run(errand), errand)


@requirement(
    "api/responses/reasoning-effort",
    SHOULD,
    source=f"{SOURCE}.effort; vLLM: any but none turns thinking on",
    profiles=API,
    honours="reasoning",
)
@pytest.mark.parametrize("effort", ["none", "low", "high"])
def test_reasoning_effort(responses: Responses, errands: Errands, effort: str) -> None:
    """`reasoning.effort` SHOULD turn a model's thinking on, and `none` off.

    It is the one way to say it that OpenAI has.
    """
    errand = errands("think_sum")
    said = responses.run(errand, chat_template_kwargs=OMIT, reasoning={"effort": effort})
    thought = responses.run(errand)
    if effort == "none":
        return thinking.off(said, thought, errand)
    judging.as_known(thinking.shown(said, errand), errand)


@requirement(
    "api/responses/reasoning-left-out",
    SHOULD,
    source=f"{VLLM}: include_reasoning",
    profiles=API,
    honours="include_reasoning",
)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_reasoning_left_out(responses: Responses, errands: Errands, stream: bool) -> None:
    """With `include_reasoning` false the thoughts SHOULD be left out, and the answer be the same.

    A public page shows answers only.
    """
    errand = errands("think_sum")
    thought = responses.run(errand)
    if stream:
        said = responses.run_stream(errand, include_reasoning=False).said()
    else:
        said = responses.run(errand, include_reasoning=False)
    thinking.left_out(said, thought)


@requirement(
    "api/responses/reasoning-counted",
    SHOULD,
    source="OpenAI responses.create: usage.output_tokens_details.reasoning_tokens",
    profiles=API,
    honours="reasoning",
)
def test_reasoning_counted(responses: Responses, errands: Errands) -> None:
    """`reasoning_tokens` SHOULD count the thoughts, and be 0 where there are none.

    They are paid for, and nobody sees them.
    """
    errand = errands("think_sum")
    asked = {"chat_template_kwargs": OMIT}
    thought = responses.run(errand, **asked, reasoning={"effort": "high"})
    quick = responses.run(errand, **asked, reasoning={"effort": "none"})
    thinking.counted(thought, quick)


@requirement(
    "api/responses/reasoning-history",
    MUST,
    source="OpenAI responses.create: input, items of reasoning",
    profiles=API,
    honours="input",
)
@pytest.mark.parametrize(
    "script", ["think_again", "tool_result_sunny"], ids=["before-text", "before-a-call"]
)
def test_reasoning_history(responses: Responses, errands: Errands, script: str) -> None:
    """The thoughts of earlier turns MUST be taken back as the items that they came in.

    Agents send everything back that they were given.
    """
    errand = errands(script)
    first, *rest = items(errand.messages)
    thought = {
        "type": "reasoning",
        "id": "rs_1",
        "summary": [],
        "content": [{"type": "reasoning_text", "text": "Let me see."}],
    }
    thinking.answered(responses.run(errand, input=[first, thought, *rest]), errand)
