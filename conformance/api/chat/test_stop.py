"""Stop strings: what is kept, and what never comes out."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from conformance.api import answers
from conformance.api.ask import Ask
from conformance.api.prompts import Prompts
from conformance.compare import stops, texts
from conformance.requirements import MUST, requirement


@requirement(
    "api/chat/stop",
    MUST,
    source="OpenAI chat.completions.create: stop; vLLM: include_stop_str_in_output is false",
    alone=True,
    honours="stop",
)
@pytest.mark.parametrize(
    "choose",
    [stops.word, stops.straddling],
    ids=["at-a-token", "inside-a-token"],
)
def test_stop(ask: Ask, prompts: Prompts, choose: Callable[[str], str]) -> None:
    """The answer MUST end before the stop string, wherever in a token it begins, and keep all text
    up to it.

    Agents cut the model's answer at their own markers; a marker that leaks is run as code, and
    markers do not care where tokens begin.
    """
    baseline = answers.chat(ask.chat(prompts.words)).text
    stop = choose(baseline)
    answer = answers.chat(ask.chat(prompts.words, stop=stop))
    stops.stopped(baseline, answer.text, answer.finish_reason, stop)


@requirement(
    "api/chat/stop-unmatched",
    MUST,
    source="OpenAI chat.completions.create: stop",
    alone=True,
    honours="stop",
)
def test_stop_unmatched(ask: Ask, prompts: Prompts) -> None:
    """A stop string of which only the beginning comes MUST leave the answer as it is.

    A server holds back what may become a stop string; one that forgets it when the answer ends
    swallows the last word.
    """
    baseline = answers.chat(ask.chat(prompts.words)).text
    answer = answers.chat(ask.chat(prompts.words, stop=stops.begun(baseline)))
    texts.equal(baseline, answer.text, "Text is lost where a stop string only begins")


@requirement(
    "api/chat/stop-list",
    MUST,
    source="OpenAI chat.completions.create: stop, up to 4 sequences",
    alone=True,
    honours="stop",
)
@pytest.mark.parametrize("others", [[], stops.ABSENT], ids=["one", "four"])
def test_stop_list(ask: Ask, prompts: Prompts, others: list[str]) -> None:
    """Each string of a `stop` list of up to four MUST end the answer, the last as the first.

    Chat templates of agents come with several markers; which of them the model writes is not
    known before.
    """
    baseline = answers.chat(ask.chat(prompts.words)).text
    stop = stops.word(baseline)
    answer = answers.chat(ask.chat(prompts.words, stop=[*others, stop]))
    stops.stopped(baseline, answer.text, answer.finish_reason, stop)
