"""Stop strings: chosen from a target's own greedy answer, and what must be left of it."""

from __future__ import annotations

import re

from conformance.outcomes import Failed, Inconclusive, Silent

ABSENT = ["<#1>", "<#2>", "<#3>"]
"""Strings that no answer of the suite contains, to fill a list of stop strings."""


def word(answer: str) -> str:
    """The answer's third word with the space before it: begins where a token does."""
    words = _words(answer)
    return answer[words[1].end() : words[2].end()]


def straddling(answer: str) -> str:
    """From inside the answer's second word to inside its third: begins and ends within tokens."""
    words = _words(answer)
    return answer[words[1].start() + 2 : words[2].start() + 2]


def begun(answer: str) -> str:
    """A stop string that the answer's last character begins, and nothing goes on with.

    Raises:
        Inconclusive: the answer is empty.
    """
    if not answer:
        raise _unsuitable(answer)
    return answer[-1] + ABSENT[0]


def later(answer: str) -> str:
    """The answer's second word and what is before it. Raises Inconclusive if it has none."""
    words = list(re.finditer(r"\S+", answer))
    if len(words) < 2:
        raise _unsuitable(answer)
    return answer[words[0].end() : words[1].end()]


def character(answer: str) -> str:
    """The answer's first character of four UTF-8 bytes: most vocabularies split it over tokens.

    Raises:
        Inconclusive: the answer has none.
    """
    for symbol in answer:
        if len(symbol.encode()) == 4:
            return symbol
    raise Inconclusive(
        f"The answer {answer!r} has no character of four bytes: another prompt would decide",
        cause="The model's own answer does not allow the check",
    )


def stopped(baseline: str, answer: str, finish_reason: str, stop: str) -> None:
    """`answer` is `baseline` up to the first `stop`, and says that it stopped.

    Raises:
        Silent: the answer runs on as if no stop string had been given.
        Failed: it contains the stop string, is cut elsewhere, or gives another finish reason.
        Inconclusive: it is another answer than the baseline, and free of the stop string.
    """
    kept = baseline[: baseline.index(stop)]
    _, found, after = answer.partition(stop)
    if after or answer == baseline:
        raise Silent("`stop` is accepted and ignored", expected=kept, actual=answer)
    if found:
        raise Failed("The stop string is left in the answer", expected=kept, actual=answer)
    rest = answer.removeprefix(kept)
    if answer.startswith(kept) and rest and stop.startswith(rest):
        raise Failed("Part of the stop string is left in the answer", expected=kept, actual=answer)
    if answer.startswith(kept) and rest:
        raise Failed(
            "Text after the stop string is left in the answer", expected=kept, actual=answer
        )
    if kept.startswith(answer) and answer != kept:
        raise Failed("The answer ends before the stop string", expected=kept, actual=answer)
    if answer != kept:
        raise Inconclusive(
            "Two greedy answers differ before the stop string: a repeatable target would decide",
            expected=kept,
            actual=answer,
            cause="Greedy answers do not repeat",
        )
    if finish_reason != "stop":
        raise Failed(
            "An answer that a stop string ended gives another finish reason",
            expected="stop",
            actual=finish_reason,
        )


def _words(answer: str) -> list[re.Match[str]]:
    words = list(re.finditer(r"\S+", answer))
    if len(words) < 3 or any(len(found.group()) < 3 for found in words[1:3]):
        raise _unsuitable(answer)
    return words


def _unsuitable(answer: str) -> Inconclusive:
    return Inconclusive(
        f"No stop string can be chosen from the answer {answer!r}: another prompt would decide",
        cause="The model's own answer does not allow the check",
    )
