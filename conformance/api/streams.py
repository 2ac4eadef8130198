"""What the chunks of one stream say together, chat and legacy completions alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from openai.types import CompletionUsage
from openai.types.chat import ChatCompletionChunk
from openai.types.chat.chat_completion_chunk import Choice

from conformance.api import expect
from conformance.api.answers import Answer
from conformance.api.ask import Stream, event_stream
from conformance.api.expect import CompletionChunk, CompletionChunkChoice
from conformance.compare import sse
from conformance.outcomes import Failed, Inconclusive, Silent
from conformance.targets.client import Client, Response
from conformance.targets.wire import Wire

MOST_STREAMS = 10
"""Answers that are asked for, at most, to see one of them come bit by bit."""

PAUSE_S = 2.0
"""Seconds before another is asked for where the suite was kept from watching: what keeps a machine
busy is often over soon."""

UNWATCHED = 0.25
"""The share of the response time for which the suite may be kept from reading an answer that is to
show that it came in one burst."""

BIT_BY_BIT = 0.05
"""Share of the response time; see `sent_while_generating`."""

CHAT = "/chat/completions"
DATA = b"data:"

Chunks = Sequence[ChatCompletionChunk] | Sequence[CompletionChunk]


def identity(chunks: Chunks) -> tuple[str, int, str]:
    """The `id`, `created` and `model` that all chunks share.

    Raises:
        Failed: there is no chunk, or they differ.
    """
    found = list(dict.fromkeys((chunk.id, chunk.created, chunk.model) for chunk in chunks))
    if not found:
        raise Failed("The stream has no chunk", expected="chunks", actual="[DONE] at once")
    if len(found) > 1:
        raise Failed(
            "`id`, `created` or `model` changes within one stream",
            expected=found[0],
            actual=found[1],
        )
    return found[0]


def pieces(chunks: Chunks, index: int = 0) -> list[str]:
    """The text of each chunk of one choice, empty ones left out."""
    texts = []
    for chunk in chunks:
        for choice in chunk.choices:
            if choice.index == index:
                texts.append(_text(choice))
    return [text for text in texts if text]


def text(chunks: Chunks, index: int = 0) -> str:
    """The text of one choice, its chunks joined."""
    return "".join(pieces(chunks, index))


def roles(chunks: Sequence[ChatCompletionChunk], index: int = 0) -> list[str | None]:
    """The `delta.role` of each chunk of one choice."""
    return [
        choice.delta.role
        for chunk in chunks
        for choice in chunk.choices
        if choice.index == index
    ]  # fmt: skip


def finish_reason(chunks: Chunks, index: int = 0) -> str:
    """The reason why one choice ended: said once, on its last chunk, and null before.

    Raises:
        Failed: it is said never, earlier, or more than once.
    """
    said = [c.finish_reason for chunk in chunks for c in chunk.choices if c.index == index]
    reasons = [reason for reason in said if reason is not None]
    expected = "null on every chunk of the choice but the last, a reason on that"
    if not reasons:
        raise Failed("The stream ends without a `finish_reason`", expected=expected, actual=said)
    if len(reasons) > 1:
        raise Failed("`finish_reason` is said more than once", expected=expected, actual=said)
    if said[-1] is None:
        raise Failed(
            "`finish_reason` is not on the last chunk of its choice",
            expected=expected,
            actual=said,
        )
    return reasons[0]


def ended_with(chunks: Chunks, reason: str, index: int = 0) -> None:
    """One choice ends with this `finish_reason`. Raises Failed."""
    if (found := finish_reason(chunks, index)) != reason:
        raise Failed("A stream's `finish_reason` is wrong", expected=reason, actual=found)


def ended_by_itself(whole: Answer) -> None:
    """The model ended the answer, not `max_tokens`.

    Raises:
        Inconclusive: it was cut, so that its natural end cannot be observed.
    """
    if whole.finish_reason != "stop":
        raise Inconclusive(
            "The model's answer did not end by itself: a model that answers more briefly would "
            "decide",
            expected="stop",
            actual=whole.finish_reason,
        )


def every_chunk_has_a_choice(chunks: Chunks) -> None:
    """No chunk has an empty list of choices. Raises Failed."""
    bare = [chunk for chunk in chunks if not chunk.choices]
    if bare:
        raise Failed(
            "A chunk without a choice is sent though no usage was asked for",
            expected="one choice or more in every chunk",
            actual=bare[0].model_dump_json(exclude_unset=True),
        )


def no_usage(chunks: Chunks) -> None:
    """No chunk carries `usage`. Raises Failed."""
    if found := [chunk.usage for chunk in chunks if chunk.usage is not None]:
        raise Failed("`usage` is sent though it was not asked for", expected=None, actual=found[0])


def usage(chunks: Chunks) -> CompletionUsage:
    """The counts of the usage chunk: one chunk, the last, without a choice.

    Raises:
        Silent: there is none.
        Failed: it carries a choice, is not the last, or comes more than once.
    """
    counts = [chunk.usage for chunk in chunks]
    carrying = [number for number, count in enumerate(counts) if count is not None]
    expected = "one chunk with `usage` and no choice, the last before [DONE]"
    if not carrying:
        raise Silent(
            "`stream_options.include_usage` is accepted and ignored",
            expected=expected,
            actual=f"no usage in {len(counts)} chunks",
        )
    last = counts[-1]
    if len(carrying) > 1 or last is None:
        raise Failed(
            "The usage chunk is not one chunk at the end of the stream",
            expected=expected,
            actual=f"usage in chunks {carrying} of {len(counts)}",
        )
    if choices := chunks[-1].choices:
        raise Failed("The usage chunk carries a choice", expected=expected, actual=choices[0])
    return last


def indices(chunks: Chunks, wanted: set[int], *, parameter: str) -> None:
    """The choices of the stream are those of `wanted`.

    Raises:
        Silent: only choice 0 came, so that `parameter` was ignored.
        Failed: other choices than wanted.
    """
    found = {choice.index for chunk in chunks for choice in chunk.choices}
    if found == {0} != wanted:
        raise Silent(
            f"`{parameter}` is accepted and gives one choice",
            expected=sorted(wanted),
            actual=sorted(found),
        )
    if found != wanted:
        raise Failed(
            "The stream does not carry the choices that were asked for",
            expected=sorted(wanted),
            actual=sorted(found),
        )


def same_text(streamed: str, whole: str) -> None:
    """A stream's text is that of the same request answered at once. Raises Failed."""
    if streamed == whole:
        return
    if "\ufffd" in streamed and "\ufffd" not in whole:
        raise Failed(
            "Characters are broken in a stream: bytes of one character arrive as U+FFFD",
            expected=whole,
            actual=streamed,
        )
    raise Failed(
        "A stream's text differs from the answer given at once", expected=whole, actual=streamed
    )


def several_bytes(text: str) -> str:
    """`text`, if it has a character that UTF-8 writes with several bytes.

    Raises:
        Inconclusive: it has none, so that nothing could have been split.
    """
    if text.isascii():
        raise Inconclusive(
            "The model did not continue the emoji, so no character could have been split: a model "
            "that repeats its prompt would decide",
            expected="a character beyond ASCII",
            actual=text,
        )
    return text


def stop_across(parts: list[str], whole: str) -> str:
    """A stop string that begins in one streamed piece of an answer and ends in the next.

    Where the pieces do not show where tokens meet, the middle of the answer.

    Raises:
        Inconclusive: the answer is too short.
    """
    if len(whole) < 6:
        raise Inconclusive(
            "The model's answer is too short to be stopped inside: a longer one would decide",
            expected="6 characters or more",
            actual=whole,
        )
    across = parts[1][-2:] + parts[2][:2] if len(parts) > 3 else ""
    middle = len(whole) // 2
    return across if across and across in whole else whole[middle - 2 : middle + 2]


def stopped_before(chunks: Chunks, stop: str, whole: str) -> None:
    """The stream is `whole` up to `stop`, nothing of `stop` leaks, and it ends with "stop".

    Raises:
        Silent: the stop string made no difference.
        Failed: it was said in part, or the text or reason is wrong.
    """
    expected, found = whole[: whole.index(stop)], text(chunks)
    if found == whole:
        raise Silent("`stop` is accepted and ignored", expected=repr(expected), actual=repr(found))
    if found != expected:
        leaks = found.startswith(expected + stop[0])
        raise Failed(
            "A stop string leaks into the stream"
            if leaks
            else "The stream does not end where the stop string begins",
            expected=repr(expected),
            actual=repr(found),
        )
    ended_with(chunks, "stop")


def chat_tokens(chunks: Sequence[ChatCompletionChunk]) -> list[str]:
    """The tokens of the first choice's logprobs, chunks joined. Raises Silent if there are none."""
    found = [
        token.token
        for chunk in chunks
        for choice in chunk.choices
        if choice.index == 0 and choice.logprobs
        for token in choice.logprobs.content or []
    ]
    return _not_left_out(found)


def completion_tokens(chunks: Sequence[CompletionChunk]) -> list[str]:
    """The tokens of the first choice's logprobs, chunks joined. Raises Silent if there are none."""
    found = [
        token
        for chunk in chunks
        for choice in chunk.choices
        if choice.index == 0 and choice.logprobs
        for token in choice.logprobs.tokens or []
    ]
    return _not_left_out(found)


def long_enough(stream: Stream) -> Stream:
    """A stream with enough text to see whether it comes bit by bit.

    Raises:
        Inconclusive: the answer ended early.
    """
    if len(text(stream.chat_chunks())) < 32:
        raise Inconclusive(
            "The model's answer is too short to see it grow: a longer one would decide",
            expected="32 characters or more",
            actual=text(stream.chat_chunks()),
        )
    return stream


AT_ONCE, AT_ONCE_S = 0.05, 0.02
"""Share of the time until the first event, and seconds, in which a complete answer arrives."""


def begins_before_it_ends(client: Client, body: dict[str, Any], events: int) -> None:
    """Of one of three streamed answers to `body` less than half came with its first event.

    A complete answer lies in the client's buffers as a whole, or comes to lie there while a sender
    that the machine does not let run all the time hands it over. For that it has `AT_ONCE` of the
    time until the first event, or `AT_ONCE_S`; a sender that is kept from it for longer has mostly
    handed over the larger part. A false alarm needs a suite that does not run from the first token
    to the middle one, three times, or a generation that takes no longer than twice that.

    Args:
        events: how many such an answer has.

    Raises:
        Silent: half or more of each came at once.
    """
    for _ in range(3):
        with Wire(client) as wire:
            sent = time.monotonic()
            wire.send(wire.request("POST", CHAT, body))
            came = b""
            while DATA not in came and (piece := wire.read_some()):
                came += piece
            within_s = max(AT_ONCE_S, AT_ONCE * (time.monotonic() - sent))
            came += wire.more(within_s, in_all_s=within_s)
        if b"[DONE]" not in came and came.count(DATA) < events / 2:
            return
    raise Silent(
        "`stream` is accepted and the answer, or most of it, arrives at once",
        expected=f"an event, and later others, {events} in all",
        actual=f"{came.count(DATA)} events with the first, three times",
    )


def sent_while_generating(first: Stream, *, again: Callable[[], Stream]) -> None:
    """One of some streamed answers arrived bit by bit: of three, not counting those that the
    suite was kept from watching.

    The middle half of a stream's bytes takes about half of the generation to arrive if each token
    is sent as it comes, and nearly no time if the answer is buffered. A twentieth of the whole
    response time tells the two apart while prompt processing and queueing take up to nine times
    as long as the generation. A busy machine delays chunks and bunches some; a false alarm needs
    it to bunch the middle half of three answers in a row. Where it does not let the suite itself
    run, chunks wait for the suite, and the answer shows nothing.

    Raises:
        Silent: three arrived in one burst, before the suite's eyes.
        Inconclusive: the machine is too busy to watch three.
    """
    answer, bursts = first.response, 0
    for _ in range(MOST_STREAMS):
        if middle_half(answer) >= BIT_BY_BIT:
            return
        watched = answer.held_up_s < UNWATCHED * answer.elapsed_s
        bursts += watched
        if bursts == 3:
            raise Silent(
                "`stream` is accepted and the answer is sent in one burst at its end",
                expected=f"the middle half of the bytes takes {BIT_BY_BIT:.0%} of the time or more",
                actual=f"{middle_half(answer):.1%} of {answer.elapsed_s:.2f} s",
            )
        if not watched:
            time.sleep(PAUSE_S)
        answer = again().response
    raise Inconclusive(
        "The machine is too busy for the suite to see when an answer comes: a quiet one would "
        "decide",
        actual=f"kept from reading for {answer.held_up_s:.2f} of {answer.elapsed_s:.2f} s",
    )


def unnamed_events(response: Response) -> None:
    """Every event has the default type, which a browser's `onmessage` gets. Raises Failed."""
    named = [event for event in _events(response) if event.type != "message"]
    if named:
        raise Failed(
            "An event of the stream is named", expected="no `event` field", actual=named[0]
        )


def done_once(response: Response) -> None:
    """`[DONE]` is the last event and the only one of its kind. Raises Failed."""
    data = [event.data for event in _events(response)]
    if data.count(sse.DONE) != 1 or data[-1] != sse.DONE:
        raise Failed(
            "The stream does not end with [DONE]",
            expected="one [DONE], the last event",
            actual=data[-3:],
        )


def json_objects(response: Response) -> None:
    """Every event but `[DONE]` is a JSON object. Raises Failed."""
    found = [event.json() for event in _events(response) if event.data != sse.DONE]
    wrong = [event for event in found if not isinstance(event, dict)]
    if wrong or not found:
        raise Failed(
            "An event of the stream is not a JSON object",
            expected="at least one event, each an object",
            actual=wrong[0] if wrong else "no event",
        )


def not_a_stream(response: Response) -> None:
    """The response is one JSON answer. Raises as `expect.json_content_type` and `expect.chat`."""
    expect.ok(response)
    expect.json_content_type(response)
    expect.chat(response)


def middle_half(response: Response) -> float:
    """The share of the response time in which the middle half of the data fields arrived.

    Comments, with which servers keep a connection open, are no part of the answer.
    """
    size, seen, moments = response.body.count(DATA), 0, []
    for moment, data in response.chunks:
        fields = data.count(DATA)
        for quarter in (size / 4, size * 3 / 4):
            if seen < quarter <= seen + fields:
                moments.append(moment)
        seen += fields
    return (moments[-1] - moments[0]) / max(response.elapsed_s, 1e-9) if moments else 0.0


def _events(response: Response) -> list[sse.Event]:
    event_stream(response)
    return sse.parse(response.body)


def _not_left_out(tokens: list[str]) -> list[str]:
    if not tokens:
        raise Silent("`logprobs` is accepted and left out of streams", expected="tokens", actual=[])
    return tokens


def _text(choice: Choice | CompletionChunkChoice) -> str:
    return choice.text if isinstance(choice, CompletionChunkChoice) else choice.delta.content or ""
