"""Asking for an answer under a constraint, so that any model comes to an end of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from conformance.api import answers, streams
from conformance.api.answers import Answer
from conformance.api.ask import Ask, Messages
from conformance.api.prompts import assistant, user
from conformance.outcomes import Failed, Inconclusive
from conformance.targets.client import Response
from fixtures.models.scripted import description

LOOPING, MODEST = {"frequency_penalty": 2.0}, {"frequency_penalty": 0.4}
"""JSON allows white space without end between its tokens, and small models that may not say what
they want to say go on with it, or repeat themselves. What was said often becomes unlikely; too
unlikely, and a general model finds no quotation marks any more."""

TRIES: tuple[dict[str, Any], ...] = (
    {"temperature": 0, "seed": 0},
    {"temperature": 1, "seed": 1},
    {"temperature": 1, "seed": 2},
    {"temperature": 1, "seed": 3},
)
"""Requests that are made until one is answered to its end."""

SEEDS = (1, 2, 3)


@dataclass(frozen=True)
class Question:
    """What to ask, as chat and as a legacy prompt.

    Attributes:
        thinking: chat that the model thinks about before it answers, where it can.
        defaults: of the request's parameters.
    """

    chat: Messages
    text: str
    thinking: Messages
    defaults: dict[str, Any]


# Answered shortly, and left free with a list: no object comes of these by itself.
GENERAL = Question(
    chat=[
        user("The weather in Rome?"),
        assistant('["Rome", "warm"]'),
        user("The weather in Oslo?"),
        assistant('["Oslo", "cold"]'),
        user("The weather in Paris?"),
    ],
    text='Rome: ["Rome", "warm"]\nOslo: ["Oslo", "cold"]\nParis:',
    thinking=[user("How much is 17 plus 25?")],
    defaults={"max_tokens": 100, **MODEST},
)


def question_for(scripted: bool) -> Question:
    """The question for the served model.

    The scripted model knows JSON from its tools alone. It is told of them in the system message, as
    in the prompt of a script that it knows, and asked what it answers in words if left free.
    """
    if not scripted:
        return GENERAL
    entries = {entry["name"]: entry for entry in description()["scripts"]}
    joke = entries["no_tool_joke"]
    system = joke["rendered"].split("<|im_start|>system\n")[1].split("<|im_end|>")[0]
    return Question(
        chat=[{"role": "system", "content": system}, *joke["messages"]],
        text=joke["rendered"],
        thinking=entries["think_sum"]["messages"],
        defaults={"max_tokens": 200, **LOOPING},
    )


@dataclass(frozen=True)
class Constrained:
    """Requests with a constraint to one target."""

    ask: Ask
    question: Question

    def chat(self, **parameters: Any) -> Response:
        """A chat completion."""
        return self.ask.chat(self.question.chat, **{**self.question.defaults, **parameters})

    def complete(self, **parameters: Any) -> Response:
        """A legacy completion."""
        return self.ask.complete(self.question.text, **{**self.question.defaults, **parameters})

    def chat_answer(self, **parameters: Any) -> Answer:
        """A chat completion that came to its end. Raises as `ended`."""
        return ended(lambda more: answers.chat(self.chat(**{**more, **parameters})))

    def completion_answer(self, **parameters: Any) -> Answer:
        """A legacy completion that came to its end. Raises as `ended`."""
        return ended(lambda more: answers.completion(self.complete(**{**more, **parameters})))

    def chat_streamed(self, **parameters: Any) -> str:
        """The text of a streamed chat completion that came to its end. Raises as `ended`."""
        return ended(lambda more: self._streamed(**{**more, **parameters})).text

    def completion_streamed(self, **parameters: Any) -> str:
        """The text of a streamed legacy completion that came to its end. Raises as `ended`."""

        def streamed(more: dict[str, Any]) -> Answer:
            asked = {**self.question.defaults, **more, **parameters}
            chunks = self.ask.complete_stream(self.question.text, **asked).completion_chunks()
            return _answer(chunks)

        return ended(streamed).text

    def chat_texts(self, **parameters: Any) -> list[str]:
        """The answers to one request with several seeds at temperature 1, those that were cut left
        out.

        Raises:
            Inconclusive: all of them were cut.
        """
        found = [answers.chat(self.chat(**parameters, temperature=1, seed=seed)) for seed in SEEDS]
        texts = [answer.text for answer in found if _at_its_end(answer)]
        if not texts:
            raise _cut()
        return texts

    def _streamed(self, **parameters: Any) -> Answer:
        asked = {**self.question.defaults, **parameters}
        return _answer(self.ask.chat_stream(self.question.chat, **asked).chat_chunks())


def ended(answer: Callable[[dict[str, Any]], Answer]) -> Answer:
    """The first answer that the model ended itself.

    Args:
        answer: asks, with a temperature and a seed.

    Raises:
        Inconclusive: each was cut at its length.
        Failed: another reason is given for an end.
    """
    for more in TRIES:
        if _at_its_end(found := answer(more)):
            return found
    raise _cut()


def _at_its_end(answer: Answer) -> bool:
    for reason in answer.finish_reasons:
        if reason not in ("stop", "length"):
            raise Failed(
                "An answer under a constraint gives another finish reason",
                expected="stop or length",
                actual=reason,
            )
    return set(answer.finish_reasons) == {"stop"}


def _cut() -> Inconclusive:
    return Inconclusive(
        "Each answer was cut at its length: a model that writes shorter JSON would decide",
        cause="The model's own answer does not allow the check",
    )


def _answer(chunks: streams.Chunks) -> Answer:
    text, reason = streams.text(chunks), streams.finish_reason(chunks)
    return Answer(text, reason, [text], [0], [reason], None)
