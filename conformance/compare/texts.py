"""Answers compared with what a request asked for: lengths, repetition, counts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from openai.types import CompletionUsage

from conformance.compare.vocabulary import known_length
from conformance.outcomes import Failed, Inconclusive, Silent, Unsupported

NOT_REPEATED = "Greedy answers do not repeat"

_STAND_INS = ("Ġ", "Ċ", "▁", "<0x")
"""How vocabularies spell a space, a line break, a space again and a byte."""


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


def cut_by_default(tokens: int, finish_reason: str, limit: int) -> None:
    """An answer that was given no limit is cut at the documented one.

    Raises:
        Failed: it is not.
        Inconclusive: it ended before.
    """
    if tokens < limit and finish_reason == "stop":
        cut(tokens, finish_reason, limit, "max_tokens")
    if tokens != limit or finish_reason != "length":
        raise Failed(
            f"Without `max_tokens` a completion is not cut at {limit} tokens",
            expected=f"{limit} tokens, length",
            actual=f"{tokens} tokens, {finish_reason}",
        )


def uncut(
    finish_reason: str, total_tokens: int, context: int | None, longer: Callable[[], int]
) -> None:
    """An answer that was given no limit ran to the model's own end.

    Args:
        total_tokens: of prompt and answer.
        context: how many there may be, if that is known.
        longer: asks again for one token more than came, and counts those of prompt and answer;
            called only where the answer was cut in a context that is not known.

    Raises:
        Failed: it was cut before the context was full.
        Inconclusive: the model filled the context, or nobody knows whether it did.
    """
    if finish_reason == "length":
        _cut_in_full_context(total_tokens, context, longer)
    ended(finish_reason)


def _cut_in_full_context(total_tokens: int, context: int | None, longer: Callable[[], int]) -> None:
    """There was no room for one token more. Raises as `uncut`."""
    message = "An answer without a limit of its own is cut all the same"
    actual = f"cut at {total_tokens} tokens with the prompt"
    if context is not None:
        if total_tokens < context:
            expected = f"its own end, or {context} tokens with the prompt"
            raise Failed(message, expected=expected, actual=actual)
        return
    try:
        more = longer()
    except (Failed, Unsupported):
        more = total_tokens  # the request may have been one for too much
    if more > total_tokens:
        raise Failed(
            message, expected="its own end", actual=f"{actual}, and at {more} when asked for more"
        )
    known_length(context)


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


def distinct(texts: Sequence[str], message: str) -> None:
    """No text is empty or there twice. Raises Failed with `message` otherwise."""
    if "" in texts or len(set(texts)) < len(texts):
        raise Failed(message, expected="different ones", actual=list(texts))


def detokenised(text: str) -> None:
    """`text` has none of the vocabulary's spellings. Raises Failed otherwise."""
    if found := [mark for mark in _STAND_INS if mark in text]:
        raise Failed(
            "The answer is written in the vocabulary's spelling",
            expected="text, spaces as spaces",
            actual=(found, text),
        )


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


def in_order(single: Sequence[str], together: Sequence[str]) -> None:
    """Answers to a list of prompts are those to each of them, in their order.

    Raises:
        Failed: they are in another order.
        Inconclusive: they are other answers.
    """
    if list(single) == list(together):
        return
    if sorted(single) == sorted(together):
        raise Failed(
            "Choices are not in the order of the prompts",
            expected=list(single),
            actual=list(together),
        )
    if not set(single) & set(together):
        raise Failed(
            "No prompt of a list is answered as it is alone",
            expected=list(single),
            actual=list(together),
        )
    raise Inconclusive(
        "A prompt of a list is answered otherwise than alone: a repeatable target would decide",
        expected=list(single),
        actual=list(together),
        cause=NOT_REPEATED,
    )


def echoed(prompt: str, continuation: str, text: str) -> None:
    """`text` is the prompt and its continuation.

    Raises:
        Silent: it is the continuation alone.
        Failed: it is neither.
        Inconclusive: it is the prompt with another continuation.
    """
    if text == prompt + continuation:
        return
    if text.startswith(prompt) and len(text) > len(prompt):
        raise Inconclusive(
            "The prompt is echoed and continued otherwise than without `echo`: a repeatable "
            "target would decide",
            expected=prompt + continuation,
            actual=text,
            cause=NOT_REPEATED,
        )
    if prompt not in text:
        raise Silent("`echo` is accepted and ignored", expected=prompt + continuation, actual=text)
    raise Failed(
        "`echo` does not give the prompt and its continuation",
        expected=prompt + continuation,
        actual=text,
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


def longer_prompt(without: int, with_it: int, what: str, *, least: int) -> None:
    """`what` adds at least `least` tokens to the prompt.

    Raises:
        Silent: it does not, as `prompt_tokens` says.
    """
    if with_it < without + least:
        raise Silent(
            f"{what[0].upper()}{what[1:]} is accepted and ignored",
            expected=f"`prompt_tokens` of at least {without + least}",
            actual=with_it,
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
