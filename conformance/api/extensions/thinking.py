"""A question that the served model thinks about before it answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from conformance.api.ask import Ask
from conformance.api.extensions.ways import Said, said
from conformance.api.prompts import is_scripted
from conformance.outcomes import Inconclusive, Silent
from fixtures.models.scripted import description


@dataclass(frozen=True)
class Thought:
    """Asks the one question that the model is known to think about.

    Attributes:
        reasoning: what it thinks, white space at its ends left out.
        answer: what it says then.
    """

    ask: Ask
    messages: list[dict[str, Any]]
    reasoning: str
    answer: str

    def say(self, **parameters: Any) -> Said:
        """The answer, greedy and with room for the thinking."""
        return said(self.ask.chat(self.messages, max_tokens=96, **parameters))

    def parsed(self) -> Said:
        """The answer with its reasoning told apart.

        Raises:
            Inconclusive: the server leaves the reasoning in the text.
        """
        found = self.say(chat_template_kwargs={"enable_thinking": True})
        if reasoning(found).strip() != self.reasoning:
            raise Inconclusive(
                "The server does not tell reasoning from the answer: a reasoning parser would "
                "decide",
                cause="The server was started without a parser for reasoning",
            )
        return found


def thought(ask: Ask, tokenizer_dir: str | None) -> Thought:
    """The question.

    Raises:
        Inconclusive: the served model is not known to think.
    """
    if not is_scripted(tokenizer_dir):
        raise Inconclusive(
            "The served model is not known to think: the model `scripted` would decide",
            cause="The served model is not known to think",
        )
    entry = next(each for each in description()["scripts"] if each["name"] == "think_sum")
    answer = entry["text"].split("</think>")[1].strip()
    return Thought(ask, entry["messages"], entry["reasoning"].strip(), answer)


def reasoning(found: Said) -> str:
    """The message's reasoning, by either of its names; "" where there is none."""
    message = found.choice.get("message") or {}
    return str(message.get("reasoning") or message.get("reasoning_content") or "")


def kept_out(found: Said, thinking: Thought) -> None:
    """The answer comes without its reasoning.

    Raises:
        Silent: the reasoning is there.
    """
    if reasoning(found) or thinking.reasoning in found.text:
        raise Silent(
            "`include_reasoning` is accepted and ignored",
            expected="no reasoning",
            actual=reasoning(found) or found.text,
        )


def shortened(found: Said, thinking: Thought) -> None:
    """The reasoning was cut, and an answer came all the same.

    Raises:
        Silent: it is whole.
    """
    if thinking.reasoning in reasoning(found) + found.text:
        raise Silent(
            "`thinking_token_budget` is accepted and ignored",
            expected="a part of the reasoning",
            actual=reasoning(found),
        )


def unasked(found: Said, thinking: Thought) -> None:
    """The model answered without thinking.

    Raises:
        Silent: it thought.
    """
    if thinking.reasoning in reasoning(found) + found.text:
        raise Silent(
            "`reasoning_effort` is accepted and ignored",
            expected=thinking.answer,
            actual=reasoning(found) + found.text,
        )
