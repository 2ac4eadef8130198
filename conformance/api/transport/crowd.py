"""Requests in flight at the same time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from conformance.api import answers, expect
from conformance.api.ask import Ask
from conformance.api.prompts import Prompts, assistant, user

_Found = TypeVar("_Found")

VARIANTS = 4


def at_once(asks: Sequence[Callable[[], _Found]]) -> list[_Found]:
    """What some calls return that are made at the same time, in their order."""
    with ThreadPoolExecutor(len(asks)) as pool:
        return [made.result() for made in [pool.submit(each) for each in asks]]


def each_its_own(ask: Ask, prompts: Prompts, number: int) -> None:
    """So many requests at once, of questions of different length, are answered as each is alone.

    Raises:
        Failed: one is not answered, or as another one is.
    """
    past = [user("Hi"), assistant("Hi")]
    questions = [past * variant + prompts.words for variant in range(VARIANTS)]

    def seen(question: int) -> tuple[int, int]:
        """What tells the answer to a question from those to others: how long both are."""
        usage = answers.chat(ask.chat(questions[question], max_tokens=2)).usage
        return usage.prompt_tokens, usage.completion_tokens

    alone = [seen(question) for question in range(VARIANTS)]
    which = [index % VARIANTS for index in range(number)]
    found = at_once([partial(seen, question) for question in which])
    expect.same(found, [alone[question] for question in which], what="An answer among others")
