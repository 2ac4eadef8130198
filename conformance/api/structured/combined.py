"""What a constraint leaves as it is of other parameters."""

from __future__ import annotations

import json
from collections.abc import Sequence

from openai.types.chat import ChatCompletionTokenLogprob

from conformance.api.answers import Answer
from conformance.outcomes import Failed, Silent


def cut_json(answer: Answer) -> None:
    """A few tokens of an object, cut at their number.

    Raises:
        Silent: the text does not begin an object.
        Failed: the finish reason is wrong, or the text was closed to be valid.
    """
    if answer.finish_reason != "length":
        raise Failed(
            "JSON that was cut gives another finish reason",
            expected="length",
            actual=f"{answer.finish_reason}: {answer.text!r}",
        )
    if not answer.text.lstrip().startswith("{"):
        raise Silent(
            "`response_format` is accepted and the answer does not keep it",
            expected="a text that begins with {",
            actual=repr(answer.text),
            cause="`response_format` is accepted and not kept",
        )
    try:
        json.loads(answer.text)
    except ValueError:
        return
    raise Failed("JSON that was cut is complete", expected="a part", actual=repr(answer.text))


def choices(answer: Answer, count: int) -> None:
    """The answer has so many choices, one of each index.

    Raises:
        Silent: there is one choice alone.
        Failed: another number, or other indices.
    """
    if sorted(answer.indices) == list(range(count)):
        return
    if len(answer.indices) == 1:
        raise Silent("One choice is given instead of several", expected=count, actual=1)
    raise Failed("Other choices than asked for", expected=count, actual=answer.indices)


def tokens_of_answer(scored: Sequence[ChatCompletionTokenLogprob], answer: Answer) -> None:
    """The scored tokens, joined, are the answer, but for a token that ends it. Raises Failed."""
    known = [bytes(token.bytes or []) for token in scored]
    text = answer.text.encode()
    if text not in (b"".join(known), b"".join(known[:-1])):
        raise Failed(
            "The tokens of `logprobs` are not the answer's",
            expected=repr(answer.text),
            actual=[token.token for token in scored],
        )
