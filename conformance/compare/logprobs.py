"""Log probabilities: whether what a server reports can be one model's probabilities.

Nothing here compares two servers. These checks need no reference: each probability is at most 1,
alternatives are ranked, their probabilities sum to at most 1, and the tokens spell the text.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from openai.types.chat import ChatCompletionTokenLogprob
from pydantic import BaseModel

from conformance.outcomes import Failed, Inconclusive, Silent

ROUNDING = 1e-4
"""How far above 0 a logprob, or above 1 a sum of probabilities, may come by rounding.

A float32 log-softmax subtracts two numbers of up to 2**7 (logit and log-sum-exp, both rounded to
2**-17 there) and sums a vocabulary of up to 2**18 pairwise (18 * 2**-24): each probability is
right within 3e-5, so is a sum of them; the rest is for decimal printing.
"""


@dataclass(frozen=True)
class Step:
    """A generated token and its alternatives, itself among them: text to logprob."""

    token: str
    top: dict[str, float]


class LegacyLogprobs(BaseModel):
    """`choices[].logprobs` of a legacy completion; null where nothing comes before a token."""

    tokens: list[str]
    token_logprobs: list[float | None]
    top_logprobs: list[dict[str, float] | None] | None = None
    text_offset: list[int]

    def checked(self) -> Self:
        """Itself. Raises Failed where the lists differ in length."""
        lengths = {
            "tokens": len(self.tokens),
            "token_logprobs": len(self.token_logprobs),
            "text_offset": len(self.text_offset),
        }
        if self.top_logprobs is not None:
            lengths["top_logprobs"] = len(self.top_logprobs)
        if len(set(lengths.values())) != 1:
            raise Failed(
                "The lists of legacy logprobs differ in length",
                expected="one entry a token in each",
                actual=lengths,
            )
        return self


def chat_style(logprobs: object) -> None:
    """Raise Failed when a legacy completion's logprobs have the chat endpoint's form."""
    if isinstance(logprobs, dict) and logprobs.get("content") and not logprobs.get("tokens"):
        raise Failed(
            "A legacy completion answers with chat-style logprobs",
            expected="tokens, token_logprobs, top_logprobs, text_offset",
            actual=sorted(name for name, value in logprobs.items() if value is not None),
        )


# Chat ------------------------------------------------------------------------------------------


def steps(entries: Sequence[ChatCompletionTokenLogprob]) -> list[Step]:
    """The tokens up to the first where alternatives share a text and cannot be told apart."""
    found = []
    for entry in entries:
        top = {alternative.token: alternative.logprob for alternative in entry.top_logprobs}
        if len(top) < len(entry.top_logprobs):
            break
        found.append(Step(entry.token, top))
    return found


def alternatives(entries: Sequence[ChatCompletionTokenLogprob], count: int) -> None:
    """Every token has exactly `count` alternatives.

    Raises:
        Silent: alternatives were asked for and no token has any.
        Failed: a token has more or fewer.
    """
    counts = [len(entry.top_logprobs) for entry in entries]
    if count and not any(counts):
        raise Silent(
            "`top_logprobs` is accepted and ignored",
            expected=f"{count} alternatives a token",
            actual=counts,
        )
    if any(found != count for found in counts):
        raise Failed(
            f"`top_logprobs` {count} does not give {count} alternatives a token",
            expected=[count] * len(counts),
            actual=counts,
            cause="`top_logprobs` gives another number of alternatives",
        )


def spell(entries: Sequence[ChatCompletionTokenLogprob], text: str) -> None:
    """The tokens' bytes, joined, are the text. Raises Failed otherwise.

    Bytes are null for tokens without any (OpenAI); the token's text then stands for itself.
    """
    joined = b"".join(
        entry.token.encode(errors="replace") if entry.bytes is None else _bytes(entry.bytes)
        for entry in entries
    )
    if joined != text.encode():
        raise Failed(
            "The bytes of the scored tokens are not the text",
            expected=text.encode(),
            actual=joined,
        )


def count(entries: Sequence[object], completion_tokens: int) -> None:
    """There are as many entries as generated tokens. Raises Failed otherwise."""
    if len(entries) != completion_tokens:
        raise Failed(
            "Not every generated token is scored",
            expected=f"{completion_tokens} entries, as usage counts",
            actual=f"{len(entries)} entries",
        )


def probabilities(entries: Sequence[ChatCompletionTokenLogprob]) -> None:
    """No logprob is above 0 and no token's alternatives have more than probability 1.

    Raises:
        Failed: the first token where they do, beyond rounding.
    """
    for entry in entries:
        listed = [top.logprob for top in entry.top_logprobs]
        if max([entry.logprob, *listed]) > ROUNDING:
            raise Failed(
                "A logprob is above 0",
                expected=f"at most 0 (+{ROUNDING:g})",
                actual=f"{max([entry.logprob, *listed])} at token {entry.token!r}",
            )
        if (total := math.fsum(math.exp(logprob) for logprob in listed)) > 1 + ROUNDING:
            raise Failed(
                "The probabilities of a token's alternatives sum to more than 1",
                expected=f"at most 1 (+{ROUNDING:g})",
                actual=f"{total} at token {entry.token!r}",
            )


def chosen(entries: Sequence[ChatCompletionTokenLogprob]) -> None:
    """Each token is one of its alternatives, with the same logprob, or is less likely than they.

    Raises:
        Failed: it is missing although it is likelier, or stands there with another logprob.
    """
    for entry in entries:
        listed = [top.logprob for top in entry.top_logprobs if _same_token(top, entry)]
        others = [top.logprob for top in entry.top_logprobs if not _same_token(top, entry)]
        stands = any(abs(logprob - entry.logprob) <= ROUNDING for logprob in listed)
        below = not listed and entry.logprob <= min(others, default=0.0) + ROUNDING
        if not (stands or below):
            raise Failed(
                "A token's logprob is not that of its alternatives",
                expected=f"{entry.token!r} listed with {entry.logprob}, or less likely than all",
                actual=[(top.token, top.logprob) for top in entry.top_logprobs],
            )


def ranked(entries: Sequence[ChatCompletionTokenLogprob]) -> None:
    """Alternatives come best first. Raises Failed otherwise."""
    for entry in entries:
        listed = [top.logprob for top in entry.top_logprobs]
        if listed != sorted(listed, reverse=True):
            raise Failed(
                "Alternatives are not sorted by logprob",
                expected="best first",
                actual=[(top.token, top.logprob) for top in entry.top_logprobs],
            )


def greedy(entries: Sequence[ChatCompletionTokenLogprob]) -> None:
    """No alternative is likelier than the token that was taken. Raises Failed otherwise.

    Taken token and alternatives come from one distribution, so only rounding is allowed for; an
    exact tie is right either way.
    """
    for entry in entries:
        best = max((top.logprob for top in entry.top_logprobs), default=entry.logprob)
        if best > entry.logprob + ROUNDING:
            raise Failed(
                "At temperature 0 an alternative is likelier than the token",
                expected=f"{entry.token!r} ({entry.logprob}) is the likeliest",
                actual=[(top.token, top.logprob) for top in entry.top_logprobs],
            )


def unscaled(
    greedy: Sequence[ChatCompletionTokenLogprob], hot: Sequence[ChatCompletionTokenLogprob]
) -> None:
    """Alternatives of the first token are as far apart at temperature 2 as at temperature 0.

    Dividing logits by 2 halves every distance; the line is drawn in the middle, at 3/4, far from
    what rounding does to distances of at least half a nat.

    Raises:
        Failed: the distances are those of the scaled distribution.
        Inconclusive: the alternatives are too close together to tell.
    """
    cold = {top.token: top.logprob for entry in greedy[:1] for top in entry.top_logprobs}
    warm = {top.token: top.logprob for entry in hot[:1] for top in entry.top_logprobs}
    shared = sorted(cold.keys() & warm.keys(), key=lambda token: cold[token])
    spread = cold[shared[-1]] - cold[shared[0]] if shared else 0.0
    if spread < 0.5:
        raise Inconclusive(
            "The first token's alternatives are too close to tell: another prompt would decide",
            cause="The model's own answer does not allow the check",
        )
    found = warm[shared[-1]] - warm[shared[0]]
    if found < 0.75 * spread:
        raise Failed(
            "Logprobs are those after temperature, not the model's",
            expected=f"{spread:.2f} nats between {shared[-1]!r} and {shared[0]!r}",
            actual=f"{found:.2f} nats at temperature 2",
        )


# Legacy ----------------------------------------------------------------------------------------


def legacy_spell(text: str, logprobs: LegacyLogprobs) -> None:
    """The tokens, joined, are the text, each at its offset. Raises Failed otherwise.

    Offsets count characters from the start of the text (vLLM) or of prompt and text (OpenAI): what
    is checked is the distance from the first. vLLM gives a token that ends inside a character no
    text, and the character to the token that completes it.
    """
    joined = "".join(logprobs.tokens)
    if joined != text:
        raise Failed("The scored tokens do not spell the text", expected=text, actual=joined)
    lengths = [len(token) for token in logprobs.tokens]
    start = logprobs.text_offset[0] if logprobs.text_offset else 0
    wanted = [start + sum(lengths[:position]) for position in range(len(lengths))]
    if logprobs.text_offset != wanted:
        raise Failed(
            "`text_offset` does not say where the tokens begin",
            expected=wanted,
            actual=logprobs.text_offset,
        )


def ends_with(text: str, logprobs: LegacyLogprobs) -> None:
    """The tokens, joined, are the text, but for a special token that begins the prompt.

    Raises:
        Failed: they are not.
    """
    joined = "".join(logprobs.tokens)
    if not joined.endswith(text):
        raise Failed("The scored tokens do not spell the text", expected=text, actual=joined)


def legacy_alternatives(logprobs: LegacyLogprobs, count: int) -> None:
    """Every token has alternatives, `count` or, the token itself added, one more.

    Fewer are right where several alternatives have the same text, as parts of characters do.

    Raises:
        Silent: none are given, or one a token although more were asked for.
        Failed: a token has too many.
    """
    counts = [len(top or {}) for top in logprobs.top_logprobs or []]
    if max(counts, default=0) < count:
        raise Silent(
            f"`logprobs` {count} does not give {count} alternatives",
            expected=f"{count} alternatives a token",
            actual=counts,
            cause="`logprobs` gives fewer alternatives than asked for",
        )
    if max(counts) > count + 1:
        raise Failed(
            f"`logprobs` {count} gives more than {count} alternatives and the token",
            expected=f"at most {count + 1}",
            actual=counts,
        )


def legacy_probabilities(logprobs: LegacyLogprobs) -> None:
    """No logprob is above 0. Raises Failed otherwise."""
    known = [logprob for logprob in logprobs.token_logprobs if logprob is not None]
    if known and max(known) > ROUNDING:
        raise Failed(
            "A logprob is above 0", expected=f"at most 0 (+{ROUNDING:g})", actual=max(known)
        )


def prompt_scored(prompt_tokens: int, completion_tokens: int, logprobs: LegacyLogprobs) -> None:
    """Prompt positions come first, the first of them without a logprob, then the answer's.

    Raises:
        Silent: only the answer is scored.
        Failed: positions are missing, or others than the first have no logprob.
    """
    found = len(logprobs.tokens)
    if found <= completion_tokens:
        raise Silent(
            "`echo` with `logprobs` scores no prompt token",
            expected=f"{prompt_tokens} + {completion_tokens} positions",
            actual=found,
        )
    if found != prompt_tokens + completion_tokens:
        raise Failed(
            "`echo` with `logprobs` does not score every position once",
            expected=f"{prompt_tokens} + {completion_tokens} positions",
            actual=found,
        )
    empty = [place for place, logprob in enumerate(logprobs.token_logprobs) if logprob is None]
    if empty != [0]:
        raise Failed(
            "Other positions than the first have no logprob",
            expected="null at position 0 alone",
            actual=f"null at {empty}",
        )


def _same_token(top: object, entry: ChatCompletionTokenLogprob) -> bool:
    return getattr(top, "token", None) == entry.token


def _bytes(values: Sequence[int]) -> bytes:
    """Raises Failed where a value is no byte."""
    if any(not 0 <= value <= 255 for value in values):
        raise Failed("A token's bytes are no bytes", expected="0 to 255", actual=list(values))
    return bytes(values)
