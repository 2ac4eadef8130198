"""What a parameter or an input item makes of a response, beside the response without it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from conformance.api import expect
from conformance.api.prompts import GREETING
from conformance.api.responses.asking import Responses
from conformance.api.responses.judging import same_answer, same_conversation
from conformance.api.responses.reading import Said
from conformance.outcomes import Failed, Inconclusive, Silent
from conformance.targets.client import Response


def longer(said: Said, without: Sequence[Said], *, what: str) -> None:
    """The prompt is longer than each of those without it.

    Raises:
        Silent: it is not.
    """
    found = said.usage.input_tokens
    most = max(each.usage.input_tokens for each in without)
    if found <= most:
        raise Silent(
            f"{what} is accepted and does not reach the model",
            expected=f"more than {most} tokens of input",
            actual=found,
        )


def refused(response: Response, what: str) -> None:
    """An honest refusal of what production refuses too. Raises Failed."""
    expect.refused(response, what=what, statuses=expect.REFUSALS)


def gone_on(begun: Said, ended: Said) -> None:
    """The prompt of an answer that is gone on with ends inside it, and so is shorter.

    Raises:
        Silent: it is as long as that of an answer which is over.
    """
    found, over = begun.usage.input_tokens, ended.usage.input_tokens
    if found >= over:
        raise Silent(
            "A message that is incomplete is accepted and answered as if it were over",
            expected=f"fewer than {over} tokens of input",
            actual=found,
        )


def shorter(said: Said, whole: Said, *, parameter: str) -> None:
    """An answer was ended early, by itself and not by its length.

    Raises:
        Silent: it is the whole answer.
        Failed: it is no beginning of it, or gives another reason.
    """
    if said.text == whole.text:
        raise Silent(f"`{parameter}` is accepted and ignored", expected="less", actual=said.text)
    if not whole.text.startswith(said.text) or said.reason != "stop":
        raise Failed(
            f"`{parameter}` does not end the answer where it says",
            expected=f"the beginning of {whole.text!r}, and stop",
            actual=(said.text, said.reason),
        )


def ends_with_stop(said: Said, whole: Said, word: str) -> None:
    """The answer is the whole one up to and with the stop string.

    Raises:
        Silent: the stop string, or all of it, was passed over.
        Failed: it is cut elsewhere.
    """
    kept = whole.text[: whole.text.index(word)]
    if said.text in (whole.text, kept):
        raise Silent(
            "`include_stop_str_in_output` is accepted and ignored",
            expected=kept + word,
            actual=said.text,
        )
    expect.same(said.text, kept + word, what="An answer that is to end with its stop string")


def went_on(said: Said, limit: int) -> None:
    """The answer is `limit` tokens long, though the model would have ended it.

    Raises:
        Silent: it ended before.
        Failed: it does not say that it was cut.
    """
    if said.usage.output_tokens < limit:
        raise Silent(
            "`ignore_eos` is accepted and ignored",
            expected=f"{limit} tokens",
            actual=said.usage.output_tokens,
        )
    expect.same(said.reason, "length", what="The end of an answer that was cut")


def special_shown(hidden: Said, shown: Said) -> None:
    """The text with special tokens is another, and the one without lies in it.

    Raises:
        Silent: both are the same.
    """
    if shown.text == hidden.text:
        raise Silent(
            "`skip_special_tokens` false is accepted and ignored",
            expected="special tokens in the text",
            actual=shown.text,
        )


def left_free(free: Said, said: Said) -> None:
    """Two answers to one question are the same. Raises as `same_conversation`, and Failed where one
    is JSON that was not asked for."""
    if _is_json(said.text) and not _is_json(free.text):
        raise Failed(
            "An answer in the format of text is JSON", expected=free.text, actual=said.text
        )
    same_conversation(said, free, what="An answer in the format of text")


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def unchanged(responses: Responses, extra: dict[str, Any]) -> None:
    """A request with these fields is answered as without. Raises as `same_conversation`."""
    what = f"A request with {', '.join(extra)}"
    same_conversation(responses.say(GREETING, **extra), responses.say(GREETING), what=what)


def has_id(said: Said, mine: str) -> None:
    """The response has the id that was asked for. Raises Silent."""
    if said.body.id != mine:
        raise Silent("`request_id` is accepted and ignored", expected=mine, actual=said.body.id)


def salted(first: Said, other: Said, again: Said) -> None:
    """A prompt is cached for those of one salt alone.

    Raises:
        Silent: it is found in the cache of another salt.
        Inconclusive: it is not found in its own either.
        Failed: the answers differ.
    """
    found = [each.usage.input_tokens_details.cached_tokens for each in (first, other, again)]
    if not found[2]:
        raise Inconclusive(
            "No prompt is told to have been cached: a server that says so would decide",
            actual=found,
            cause="Cached tokens are not told",
        )
    if found[0] or found[1]:
        raise Silent(
            "`cache_salt` is accepted and ignored", expected="no cached tokens", actual=found
        )
    same_answer(other, first)


def tokens_told(said: Said) -> None:
    """The response tells the tokens of its prompt and its answer, as many as it counts.

    Raises:
        Silent: it tells none.
        Failed: it tells another number.
    """
    extra = said.body.model_extra or {}
    told = [extra.get(name) or [] for name in ("input_messages", "output_messages")]
    if not all(told):
        raise Silent(
            "`enable_response_messages` is accepted and ignored", expected="messages", actual=told
        )
    found = [sum(len(message.get("tokens", [])) for message in side) for side in told]
    wanted = [said.usage.input_tokens, said.usage.output_tokens]
    expect.same(found, wanted, what="The number of tokens told")


def fits(said: Said, limit: int) -> None:
    """Prompt and answer fit the context.

    Raises:
        Failed: they do not, or next to nothing is left of the prompt.
    """
    if not limit / 2 <= said.usage.total_tokens <= limit:
        raise Failed(
            "A prompt that was to be cut to the context is of another length",
            expected=f"up to {limit} tokens",
            actual=said.usage.total_tokens,
        )
