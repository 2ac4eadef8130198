"""Tokens of turns with tools: the tools in the prompt, and the calls in the answer."""

from __future__ import annotations

from openai.types import CompletionUsage

from conformance.api.tools import judging
from conformance.api.tools.errands import Errand
from conformance.api.tools.turns import Turn
from conformance.outcomes import Failed, Silent


def usage(turn: Turn) -> CompletionUsage:
    """The turn's usage. Raises Failed without one."""
    if turn.usage is None:
        raise Failed("The answer carries no usage", expected="usage", actual="null")
    return turn.usage


def prompt_grew(alone: Turn, offered: Turn, errand: Errand) -> None:
    """The prompt is longer with tools than without.

    Raises:
        Silent: it is not, of a model that is known to be told of its tools.
        TheModelsChoice: it is not, of another: its template may have no place for tools.
    """
    before, after = usage(alone).prompt_tokens, usage(offered).prompt_tokens
    if after > before:
        return
    if errand.known is None:
        raise judging.TheModelsChoice(
            "The prompt is as long without tools: a model whose template has them would decide",
            actual=f"{before} and {after} tokens",
            cause="The model's chat template may have no place for tools",
        )
    raise Silent(
        "`tools` is accepted and does not reach the model",
        expected=f"{errand.known.prompt_tokens} prompt tokens",
        actual=f"{after}, and {before} without tools",
    )


def counted(turn: Turn, errand: Errand) -> None:
    """The usage counts the prompt with its tools, and what the model wrote of its call.

    Raises:
        Failed: the known prompt has another length, or a call took too few tokens.
        TheModelsChoice: as `fitting`, where the prompt is not known.
    """
    found = usage(turn)
    if errand.known is None:
        judging.fitting(turn, errand.parameters["tools"])
    elif found.prompt_tokens != errand.known.prompt_tokens:
        raise Failed(
            "The prompt with its tools is counted otherwise",
            expected=errand.known.prompt_tokens,
            actual=found.prompt_tokens,
        )
    if found.completion_tokens < 8:
        raise Failed(
            "A call's tokens are not counted", expected="8 or more", actual=found.completion_tokens
        )
