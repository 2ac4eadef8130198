"""Turns with reasoning, judged."""

from __future__ import annotations

from conformance.api import expect
from conformance.api.responses.reading import Said
from conformance.api.tools import judging
from conformance.api.tools.errands import Errand
from conformance.api.tools.judging import TheModelsChoice
from conformance.api.tools.turns import Turn
from conformance.outcomes import Failed, Silent

CHOICE = "The model's own answer does not allow the check"


def shown(said: Said, errand: Errand) -> Turn:
    """The turn, if it thinks.

    Raises:
        Silent: a model that is known to think has its thoughts in its text, or none.
        TheModelsChoice: another does not think.
    """
    turn = said.turn
    if turn.reasoning:
        return turn
    if errand.known is None:
        raise TheModelsChoice(
            "The model does not think: one that does would decide",
            actual=turn.content,
            cause=CHOICE,
        )
    raise Silent(
        "A model's thoughts are not told apart from its answer",
        expected=errand.known.reasoning,
        actual=turn.content,
    )


def off(said: Said, thought: Said, errand: Errand) -> None:
    """The turn does not think.

    Raises:
        Silent: it does, as if nobody had turned it off.
        TheModelsChoice: the model does not think if it is left to itself either.
    """
    if said.turn.reasoning:
        raise Silent(
            "Thinking is turned off and the model thinks",
            expected="no reasoning",
            actual=said.turn.reasoning,
        )
    if errand.known is None and not thought.turn.reasoning:
        raise TheModelsChoice("The model does not think: one that does would decide", cause=CHOICE)
    if not said.text:
        raise Failed("A turn without thoughts has no text", expected="an answer", actual="none")


def left_out(said: Said, thought: Said) -> None:
    """The answer alone is told, and what was thought is counted.

    Raises:
        Silent: the thoughts are told.
        TheModelsChoice: there are none to leave out.
        Failed: the answer is another.
    """
    if not thought.turn.reasoning:
        raise TheModelsChoice("The model does not think: one that does would decide", cause=CHOICE)
    if said.turn.reasoning or thought.turn.reasoning.strip() in said.text:
        raise Silent(
            "`include_reasoning` false is accepted and ignored",
            expected=thought.text,
            actual=said.turn.reasoning or said.text,
        )
    expect.same(said.text.strip(), thought.text.strip(), what="An answer without its thoughts")
    counts = said.usage.output_tokens, thought.usage.output_tokens
    expect.same(counts[0], counts[1], what="The count of an answer without its thoughts")


def counted(thought: Said, quick: Said) -> None:
    """Thoughts are counted, and only they.

    Raises:
        Silent: thoughts are told and count as none.
        TheModelsChoice: there are none.
        Failed: an answer without thoughts counts some.
    """
    found = thought.usage.output_tokens_details.reasoning_tokens
    none = quick.usage.output_tokens_details.reasoning_tokens
    if not thought.turn.reasoning:
        raise TheModelsChoice("The model does not think: one that does would decide", cause=CHOICE)
    if not found:
        raise Silent(
            "Thoughts are not counted", expected="`reasoning_tokens` above 0", actual=found
        )
    if not quick.turn.reasoning and none:
        raise Failed("Thoughts are counted where there are none", expected=0, actual=none)


def answered(said: Said, errand: Errand) -> None:
    """The turn is the known one, or any answer of a model that is not known."""
    judging.as_answered(said.turn, errand)
