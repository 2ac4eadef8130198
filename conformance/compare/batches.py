"""Answers to conversations in one request beside those in one request each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from conformance.compare import metamorphic
from conformance.outcomes import Failed, Inconclusive, Silent

Choice = dict[str, Any]


def alike(apart: Sequence[Choice], together: Sequence[Choice], name: str) -> None:
    """The same choices, in the same order; logprobs up to `metamorphic.MARGIN`. Raises Failed."""
    for number, (one, other) in enumerate(zip(apart, together, strict=True)):
        left, right = _known(one), _known(other)
        if left != right:
            raise Failed(
                f"With `{name}` conversation {number} of a batch is answered otherwise than by "
                "itself",
                expected=left,
                actual=right,
            )
        metamorphic.near(_numbers(one), _numbers(other), "Logprobs of a batch and of one request")


def effective(with_it: Sequence[Choice], without: Sequence[Choice], name: str) -> None:
    """The field changes an answer of single requests. Raises Inconclusive."""
    if [_known(each) for each in with_it] == [_known(each) for each in without]:
        raise Inconclusive(
            f"`{name}` changes none of the answers: a model that is less sure would decide",
            cause="The model's own answer does not allow the check",
        )


def heeded(plain: Sequence[Choice], found: Sequence[Choice], name: str) -> None:
    """A batch with the field is not answered as one without. Raises Silent."""
    if [_known(each) for each in plain] == [_known(each) for each in found]:
        raise Silent(
            f"`{name}` is accepted and ignored in a batch",
            expected="other answers",
            actual=[_known(each) for each in found],
        )


def _known(choice: Choice) -> Choice:
    """What two answers have in common: their text, reason and tokens, without numbers."""
    message = choice.get("message") or {}
    scored = (choice.get("logprobs") or {}).get("content") or []
    return {
        "content": message.get("content"),
        "reasoning": message.get("reasoning") or message.get("reasoning_content"),
        "finish_reason": choice.get("finish_reason"),
        "token_ids": choice.get("token_ids"),
        "tokens": [entry.get("token") for entry in scored],
        "alternatives": [len(entry.get("top_logprobs") or []) for entry in scored],
    }


def _numbers(choice: Choice) -> list[float]:
    scored = (choice.get("logprobs") or {}).get("content") or []
    return [float(entry["logprob"]) for entry in scored]
