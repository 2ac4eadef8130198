"""What is asked for of the calibrated prompts, one parameter at a time and several together.

Tokens are named by their text; the scripted model's own description gives their ids.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from conformance.compare.transformed import Known, Parameters
from fixtures.models.scripted import description

DIGITS = "ladder"
"""Ten digits: 0.3, 0.2, 0.15, 0.1, 0.08, 0.06, 0.04, 0.03, 0.025, 0.015."""

LETTERS = "halves"
"""A 1/2, B 1/4, C 1/8, D 1/8."""

BALLS = "thirds"
"""X 1/2, Y 1/3, Z 1/6, each time anew."""

COINS = "coins"
"""0 or 1, each time anew."""

ANSWER = "unlikely"
"""Yes 0.9, No 0.1."""

WORDS, TREE = "uniform", "tree"


@dataclass(frozen=True)
class Case:
    """Parameters, and the prompt whose answers show what they do.

    Attributes:
        prompt: the calibrated prompt's name.
        parameters: as `compare.transformed` takes them.
        tokens: of an answer.
        sent: of the request, where it is not what the parameters say: a regular expression.
    """

    prompt: str
    parameters: Parameters
    tokens: int = 1
    sent: Parameters | None = None

    @property
    def fields(self) -> tuple[str, ...]:
        """The request's fields."""
        return tuple(self.parameters)

    def body(self) -> dict[str, Any]:
        """The request's parameters, with ids of tokens."""
        ids = known(self.prompt).ids
        found: dict[str, Any] = {"temperature": 1, **self.parameters, **(self.sent or {})}
        if (bias := found.get("logit_bias")) is not None:
            found["logit_bias"] = {str(ids[token]): value for token, value in bias.items()}
        if (allowed := found.get("allowed_token_ids")) is not None:
            found["allowed_token_ids"] = [ids[token] for token in allowed]
        if (words := found.get("bad_words")) is not None:
            found["bad_words"] = ["".join(word) for word in words]
        if (answers := found.get("structured_outputs")) is not None and self.sent is None:
            found["structured_outputs"] = {"choice": ["".join(answer) for answer in answers]}
        return found


OPENAI = {
    "plain": Case(DIGITS, {"temperature": 1}),
    "temperature": Case(DIGITS, {"temperature": 0.5}),
    "top-p": Case(DIGITS, {"top_p": 0.6}),
}

RARER = {
    "logit-bias": Case(LETTERS, {"logit_bias": {"C": 1.5, "A": -1}}),
    "logit-bias-ban": Case(WORDS, {"logit_bias": {"apple": -100, "king": -100}}),
    "presence-penalty": Case(BALLS, {"presence_penalty": 1.5}, tokens=2),
    "frequency-penalty": Case(BALLS, {"frequency_penalty": 1.5}, tokens=3),
    "penalties": Case(COINS, {"frequency_penalty": 1.5, "presence_penalty": 1.5}, tokens=3),
    "top-k": Case(DIGITS, {"top_k": 3}),
    "min-p": Case(DIGITS, {"min_p": 0.3}),
    "allowed-token-ids": Case(LETTERS, {"allowed_token_ids": ["A", "C"]}),
    "bad-words": Case(WORDS, {"bad_words": [("apple",), ("king",), ("ocean",)]}),
    "bad-words-sequence": Case(TREE, {"bad_words": [("red", " cat")]}, tokens=2),
    "choice": Case(LETTERS, {"structured_outputs": [("A",), ("C",)]}),
    "choice-of-two-tokens": Case(
        TREE, {"structured_outputs": [("red", " cat"), ("green", " cat")]}, tokens=2
    ),
    "regex": Case(
        LETTERS,
        {"structured_outputs": [("B",), ("C",), ("D",)]},
        sent={"structured_outputs": {"regex": "[BCD]"}},
    ),
}

TOGETHER = {
    "temperature-top-k": Case(ANSWER, {"temperature": 2, "top_k": 2}),
    "temperature-top-p": Case(DIGITS, {"temperature": 0.5, "top_p": 0.7}),
    "temperature-min-p": Case(DIGITS, {"temperature": 2, "min_p": 0.4}),
    "top-k-top-p": Case(DIGITS, {"top_k": 4, "top_p": 0.6}),
    "min-p-top-p": Case(DIGITS, {"min_p": 0.45, "top_p": 0.7}),
    "all-four": Case(DIGITS, {"temperature": 2, "min_p": 0.5, "top_k": 8, "top_p": 0.85}),
    "logit-bias-temperature": Case(LETTERS, {"logit_bias": {"C": 2}, "temperature": 0.5}),
    "logit-bias-top-k": Case(LETTERS, {"logit_bias": {"D": 3}, "top_k": 2}),
    "logit-bias-min-p": Case(LETTERS, {"logit_bias": {"A": -2}, "min_p": 0.4}),
    "presence-penalty-temperature": Case(
        BALLS, {"presence_penalty": 2, "temperature": 0.5}, tokens=2
    ),
    "presence-penalty-top-k": Case(BALLS, {"presence_penalty": 2, "top_k": 2}, tokens=2),
    "frequency-penalty-top-p": Case(BALLS, {"frequency_penalty": 2, "top_p": 0.6}, tokens=2),
    "allowed-token-ids-top-p": Case(
        DIGITS, {"allowed_token_ids": ["1", "2", "3", "4"], "top_p": 0.4}
    ),
    "bad-words-top-k": Case(DIGITS, {"bad_words": [("0",)], "top_k": 3}),
    "choice-top-p": Case(
        DIGITS, {"structured_outputs": [("1",), ("2",), ("3",), ("4",)], "top_p": 0.4}
    ),
    "choice-temperature": Case(DIGITS, {"structured_outputs": [("0",), ("9",)], "temperature": 2}),
    "choice-logit-bias": Case(
        LETTERS, {"structured_outputs": [("A",), ("C",)], "logit_bias": {"C": 2}}
    ),
}


@cache
def known(prompt: str) -> Known:
    """The distribution of a calibrated prompt."""
    steps = _entry(prompt)["steps"]
    return Known(
        {
            tuple(step["after"]): {each["text"]: each["probability"] for each in step["next"]}
            for step in steps
        },
        {each["text"]: each["id"] for step in steps for each in step["next"]},
    )


def messages(prompt: str) -> list[dict[str, Any]]:
    """The calibrated prompt as chat."""
    found: list[dict[str, Any]] = _entry(prompt)["messages"]
    return found


def rendered(prompt: str) -> str:
    """The calibrated prompt as text."""
    return str(_entry(prompt)["rendered"])


@cache
def _entry(prompt: str) -> dict[str, Any]:
    return next(entry for entry in description()["calibrated"] if entry["name"] == prompt)
