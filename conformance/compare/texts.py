"""Answers compared with what a request asked for: lengths, repetition, counts."""

from __future__ import annotations

from collections.abc import Sequence

from openai.types import CompletionUsage

from conformance.outcomes import Failed, Inconclusive, Silent

NOT_REPEATED = "Greedy answers do not repeat"


def cut(tokens: int, finish_reason: str, limit: int, parameter: str) -> None:
    """An answer of exactly `limit` tokens that says `length`.

    Raises:
        Silent: it is longer.
        Failed: it is shorter, or gives another finish reason.
        Inconclusive: it ended by itself before the limit.
    """
    if tokens > limit:
        raise Silent(
            f"`{parameter}` is accepted and ignored",
            expected=f"{limit} tokens",
            actual=f"{tokens} tokens",
        )
    if tokens < limit and finish_reason == "stop":
        raise Inconclusive(
            f"The answer ended by itself after {tokens} tokens: another prompt would decide",
            cause="The model's own answer does not allow the check",
        )
    if tokens < limit:
        raise Failed(
            f"`{parameter}` {limit} gives fewer tokens, as usage counts them",
            expected=f"{limit} tokens",
            actual=f"{tokens} tokens",
            cause=f"`{parameter}` does not cut where it says",
        )
    if finish_reason != "length":
        raise Failed(
            "An answer cut at its length gives another finish reason",
            expected="length",
            actual=finish_reason,
        )


def ended(finish_reason: str) -> None:
    """An answer that had room to end did, and says `stop`.

    Raises:
        Inconclusive: it was cut instead.
        Failed: another finish reason.
    """
    if finish_reason == "length":
        raise Inconclusive(
            "The answer did not end within its tokens: a model that ends it would decide",
            cause="The model's own answer does not allow the check",
        )
    if finish_reason != "stop":
        raise Failed(
            "An answer that ended by itself gives another finish reason",
            expected="stop",
            actual=finish_reason,
        )


def equal(first: str, second: str, message: str) -> None:
    """Two texts are the same. Raises Failed with `message` otherwise."""
    if first != second:
        raise Failed(message, expected=first, actual=second)


def seeded(texts: Sequence[str]) -> None:
    """Answers with one seed are one answer.

    Raises:
        Silent: no two are the same.
        Inconclusive: some are, which no sampler that ignores the seed does by chance.
    """
    if len(set(texts)) == 1:
        return
    if len(set(texts)) == len(texts):
        raise Silent("`seed` is accepted and ignored", expected="one answer", actual=list(texts))
    raise Inconclusive(
        "Answers with one seed are the same only some of the time: near ties in the arithmetic "
        "would explain it, and repeated runs would decide",
        expected="one answer",
        actual=list(texts),
    )


def varied(texts: Sequence[str], message: str) -> None:
    """Not all texts are the same. Raises Silent with `message` if they are."""
    if len(set(texts)) == 1:
        raise Silent(message, expected="different answers", actual=list(texts))


def narrowed(greedy: str, narrow: str, parameter: str) -> None:
    """A hot answer narrowed to its best token is the greedy one.

    Raises:
        Silent: it differs from the first word on, as a hot answer does.
        Inconclusive: it differs later, as near ties do.
    """
    if narrow == greedy:
        return
    if narrow.split()[:1] != greedy.split()[:1]:
        raise Silent(f"`{parameter}` is accepted and ignored", expected=greedy, actual=narrow)
    raise Inconclusive(
        "The narrowed answer follows the greedy one and then differs: a repeatable target would "
        "decide",
        expected=greedy,
        actual=narrow,
        cause=NOT_REPEATED,
    )


def choices(indices: Sequence[int], wanted: int, parameter: str) -> None:
    """As many choices as asked for, numbered from 0.

    Raises:
        Silent: one choice although more were asked for.
        Failed: another number, or other indices.
    """
    if len(indices) == 1 and wanted > 1:
        raise Silent(
            f"{parameter} is accepted and gives one choice",
            expected=f"{wanted} choices",
            actual="1 choice",
        )
    if sorted(indices) != list(range(wanted)):
        raise Failed(
            "The choices' indices are not 0 to n-1",
            expected=list(range(wanted)),
            actual=list(indices),
        )


def counted_for_all(tokens: int, finish_reasons: Sequence[str], limit: int) -> None:
    """`completion_tokens` counts every choice's tokens: `limit` for each that was cut.

    Raises:
        Failed: fewer than the cut choices have, or more than all may have.
    """
    least = limit * finish_reasons.count("length")
    most = limit * len(finish_reasons)
    if not least <= tokens <= most:
        raise Failed(
            "`completion_tokens` does not count the tokens of all choices",
            expected=f"{least} to {most}",
            actual=tokens,
        )


def total(usage: CompletionUsage) -> None:
    """`total_tokens` is the sum and nothing is below 0. Raises Failed otherwise."""
    wanted = usage.prompt_tokens + usage.completion_tokens
    if usage.total_tokens != wanted or min(usage.prompt_tokens, usage.completion_tokens) < 0:
        raise Failed(
            "`total_tokens` is not the sum of prompt and completion tokens",
            expected=wanted,
            actual=usage.total_tokens,
        )


def prompt_count(found: int, wanted: int) -> None:
    """`prompt_tokens` is the tokenizer's count. Raises Failed otherwise."""
    if found != wanted:
        raise Failed(
            "`prompt_tokens` is not the tokenizer's count of the prompt",
            expected=wanted,
            actual=found,
        )


def end_counted(found: int, text_tokens: int) -> None:
    """`completion_tokens` is the text's tokens and the end token, as vLLM counts.

    Raises:
        Failed: the end token is not counted, or fewer tokens than the text has.
        Inconclusive: more are counted, as for tokens that are not part of the text.
    """
    if found == text_tokens + 1:
        return
    if found == text_tokens:
        raise Failed(
            "`completion_tokens` does not count the end token",
            expected=text_tokens + 1,
            actual=found,
        )
    if found < text_tokens:
        raise Failed(
            "`completion_tokens` is less than the text's tokens",
            expected=text_tokens + 1,
            actual=found,
        )
    raise Inconclusive(
        "More tokens are counted than the text has: an answer without reasoning would decide",
        expected=text_tokens + 1,
        actual=found,
    )
