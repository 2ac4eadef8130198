"""The prefix cache over the API: it is used, and changes nothing that is said."""

from __future__ import annotations

from conformance.api import answers, expect
from conformance.api.ask import Ask
from conformance.api.prompts import Prompts, assistant, user
from conformance.outcomes import Failed
from conformance.requirements import MUST, SHOULD, requirement
from conformance.serving.counted import metrics
from conformance.targets.metrics import PREFIX_HITS, PREFIX_QUERIES

SERVING = ("serving",)
CACHING = "vLLM: automatic prefix caching"

PAST = [user("Hi"), assistant("Hello")] * 40
"""A conversation longer than several blocks of any size that is usual."""


@requirement("serving/prefix-cache/harmless", MUST, source=CACHING, profiles=SERVING)
def test_harmless(ask: Ask, prompts: Prompts) -> None:
    """A long prompt MUST be answered the second time as the first, and counted as long.

    Every turn of a conversation repeats all turns before it. What comes from the cache must be what
    was put there, and is paid for as prompt.
    """
    messages = [*PAST, *prompts.words]
    first, second = (answers.chat(ask.chat(messages, max_tokens=4)) for _ in range(2))
    expect.same(second.text, first.text, what="The second answer")
    expect.same_counts(second.usage, first.usage, what="the second answer")


@requirement("serving/prefix-cache/hits", SHOULD, source=CACHING, profiles=SERVING, alone=True)
def test_hits(ask: Ask, prompts: Prompts) -> None:
    """What a prompt shares with the one before SHOULD be read from the cache, and be counted so.

    Without it the tenth turn of a conversation takes ten times as long as the first.
    """
    messages = [*PAST, *prompts.words]
    length = answers.chat(ask.chat(messages, max_tokens=1)).usage.prompt_tokens
    before = metrics(ask, PREFIX_HITS, PREFIX_QUERIES)
    answers.chat(ask.chat(messages, max_tokens=1))
    after = metrics(ask, PREFIX_HITS, PREFIX_QUERIES)
    asked, hit = (after[name] - before[name] for name in (PREFIX_QUERIES, PREFIX_HITS))
    if not length / 2 <= hit <= asked <= length:
        raise Failed(
            "A prompt that was just computed is not read from the cache",
            expected=f"hits on most of {length} tokens",
            actual=f"{hit:.0f} of {asked:.0f}",
        )
