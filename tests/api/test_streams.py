"""What chunks say together: good streams pass, each bad one is judged."""

from dataclasses import replace

import pytest

from conformance.api import streams
from conformance.api.answers import Answer
from conformance.outcomes import Failed, Inconclusive, Silent
from tests.api.responses import (
    USAGE,
    chat_answer,
    chat_chunk,
    completion_chunk,
    events,
    response,
    stream,
)

GOOD = stream(
    chat_chunk("", role="assistant"),
    chat_chunk("Hel"),
    chat_chunk("lo"),
    chat_chunk("", "stop"),
).chat_chunks()
LEGACY = stream(completion_chunk(" 1"), completion_chunk("5", "length")).completion_chunks()


def chats(*chunks):
    return stream(*chunks).chat_chunks()


def test_a_good_stream_passes():
    assert streams.identity(GOOD) == ("c-1", 1, "m")
    assert streams.pieces(GOOD) == ["Hel", "lo"]
    assert streams.text(GOOD) == "Hello"
    assert streams.roles(GOOD) == ["assistant", None, None, None]
    assert streams.finish_reason(GOOD) == "stop"
    streams.ended_with(GOOD, "stop")
    streams.every_chunk_has_a_choice(GOOD)
    streams.no_usage(GOOD)
    streams.indices(GOOD, {0}, parameter="n")


def test_a_good_legacy_stream_passes():
    assert streams.identity(LEGACY) == ("c-1", 1, "m")
    assert streams.text(LEGACY) == " 15"
    streams.ended_with(LEGACY, "length")


@pytest.mark.parametrize("change", [{"id": "c-2"}, {"created": 2}, {"model": "other"}])
def test_an_identity_that_changes_fails(change):
    with pytest.raises(Failed, match="changes within one stream"):
        streams.identity(chats(chat_chunk("a"), chat_chunk("b", **change)))


def test_an_empty_stream_fails():
    with pytest.raises(Failed, match="no chunk"):
        streams.identity([])
    with pytest.raises(Failed, match="without a `finish_reason`"):
        streams.finish_reason([])


@pytest.mark.parametrize(
    ("reasons", "fault"),
    [
        ([None, None], "without a `finish_reason`"),
        (["stop", "stop"], "more than once"),
        (["length", "stop"], "more than once"),
        (["stop", None], "not on the last chunk"),
    ],
)
def test_a_finish_reason_out_of_place_fails(reasons, fault):
    with pytest.raises(Failed, match=fault):
        streams.finish_reason(chats(*(chat_chunk("a", reason) for reason in reasons)))


def test_each_choice_ends_for_itself():
    both = chats(
        chat_chunk("a", "stop"), chat_chunk("b", index=1), chat_chunk("c", "length", index=1)
    )
    assert (streams.finish_reason(both, 0), streams.finish_reason(both, 1)) == ("stop", "length")
    assert (streams.text(both, 0), streams.text(both, 1)) == ("a", "bc")
    streams.indices(both, {0, 1}, parameter="n")


def test_another_reason_fails():
    with pytest.raises(Failed, match="wrong"):
        streams.ended_with(GOOD, "length")


def test_indices_tell_ignored_from_wrong():
    with pytest.raises(Silent, match="`n` is accepted and gives one choice"):
        streams.indices(GOOD, {0, 1}, parameter="n")
    with pytest.raises(Failed):
        streams.indices(chats(chat_chunk("a", index=1)), {0, 1}, parameter="n")
    with pytest.raises(Failed):
        streams.indices([], {0, 1}, parameter="n")


def test_usage_is_read():
    counted = [*GOOD, *chats({**chat_chunk(), "choices": [], "usage": USAGE})]
    assert streams.usage(counted).total_tokens == 5
    with pytest.raises(Failed, match="not asked for"):
        streams.no_usage(counted)
    with pytest.raises(Failed, match="without a choice"):
        streams.every_chunk_has_a_choice(counted)


def test_no_usage_is_silent():
    with pytest.raises(Silent, match="include_usage"):
        streams.usage(GOOD)
    with pytest.raises(Silent):
        streams.usage([])


@pytest.mark.parametrize(
    "chunks",
    [
        [chat_chunk("a", "stop", usage=USAGE)],
        [{**chat_chunk(), "choices": [], "usage": USAGE}, chat_chunk("a", "stop")],
        [chat_chunk("a", "stop", usage=USAGE), {**chat_chunk(), "choices": [], "usage": USAGE}],
    ],
    ids=["with-a-choice", "not-last", "twice"],
)
def test_usage_out_of_place_fails(chunks):
    with pytest.raises(Failed, match="usage chunk"):
        streams.usage(chats(*chunks))


def test_texts_are_compared():
    streams.same_text("🙂", "🙂")
    with pytest.raises(Failed, match="differs"):
        streams.same_text("Hello there", "Hello  there")
    with pytest.raises(Failed, match="U\\+FFFD"):
        streams.same_text("\ufffd\ufffd", "🙂")


def test_an_answer_in_ascii_shows_nothing_about_utf8():
    assert streams.several_bytes("é") == "é"
    with pytest.raises(Inconclusive):
        streams.several_bytes("e")
    with pytest.raises(Inconclusive):
        streams.several_bytes("")


def test_a_stop_string_lies_across_pieces():
    assert streams.stop_across(["one", " two", " three", " four"], "one two three four") == "wo t"


def test_a_stop_string_is_found_where_pieces_do_not_help():
    assert streams.stop_across(["one two three"], "one two three") == "two "
    assert streams.stop_across(["one", "two", "three", "four"], "one two three") == "two "
    with pytest.raises(Inconclusive):
        streams.stop_across(["one"], "one")


@pytest.mark.parametrize(
    ("text", "reason", "judgement"),
    [
        ("one t", "stop", None),
        ("one two three", "stop", Silent),
        ("one two th", "stop", Failed),
        ("one tw", "stop", Failed),
        ("one", "stop", Failed),
        ("", "stop", Failed),
        ("something else", "stop", Failed),
        ("one t", "length", Failed),
        ("one t", None, Failed),
    ],
)
def test_a_stopped_stream_is_judged(text, reason, judgement):
    chunks = chats(chat_chunk(text, reason))
    if judgement is None:
        streams.stopped_before(chunks, "wo", "one two three")
    else:
        with pytest.raises(judgement):
            streams.stopped_before(chunks, "wo", "one two three")


def test_tokens_are_read():
    entry = {"token": "a", "logprob": -0.1, "bytes": [97], "top_logprobs": []}
    scored = chats(chat_chunk("a", logprobs={"content": [entry]}), chat_chunk("", "stop"))
    assert streams.chat_tokens(scored) == ["a"]
    legacy = stream(
        completion_chunk("a", logprobs={"tokens": ["a"], "token_logprobs": [-0.1]})
    ).completion_chunks()
    assert streams.completion_tokens(legacy) == ["a"]


def test_tokens_left_out_are_silent():
    with pytest.raises(Silent):
        streams.chat_tokens(GOOD)
    with pytest.raises(Silent):
        streams.completion_tokens(LEGACY)
    with pytest.raises(Silent):
        streams.chat_tokens(chats(chat_chunk("a", logprobs={"content": None})))


def test_an_answer_that_was_cut_shows_no_natural_end():
    def answer(reason):
        return Answer("x", reason, ["x"], [0], [reason], None)

    streams.ended_by_itself(answer("stop"))
    with pytest.raises(Inconclusive):
        streams.ended_by_itself(answer("length"))


# Framing -----------------------------------------------------------------------------------------


def sse(raw: bytes):
    return response(raw, kind="text/event-stream")


def test_good_framing_passes():
    good = sse(events(chat_chunk("a"), "[DONE]"))
    streams.unnamed_events(good)
    streams.done_once(good)
    streams.json_objects(good)


@pytest.mark.parametrize(
    ("check", "raw"),
    [
        (streams.unnamed_events, b"event: chunk\ndata: {}\n\ndata: [DONE]\n\n"),
        (streams.unnamed_events, b"data: {}\n\ndata: [DONE]"),
        (streams.done_once, b""),
        (streams.done_once, b"data: {}\n\n"),
        (streams.done_once, b"data: [DONE]\n\ndata: [DONE]\n\n"),
        (streams.done_once, b"data: [DONE]\n\ndata: {}\n\n"),
        (streams.json_objects, b""),
        (streams.json_objects, b"data: [DONE]\n\n"),
        (streams.json_objects, b"data: []\n\ndata: [DONE]\n\n"),
        (streams.json_objects, b"data: {\n\ndata: [DONE]\n\n"),
    ],
)
def test_bad_framing_fails(check, raw):
    with pytest.raises(Failed):
        check(sse(raw))


def test_a_stream_that_was_not_asked_for_fails():
    streams.not_a_stream(response(chat_answer()))
    with pytest.raises(Failed):
        streams.not_a_stream(sse(events(chat_chunk("a"), "[DONE]")))
    with pytest.raises(Failed):
        streams.not_a_stream(response(chat_answer(), kind="text/plain"))


# Pace --------------------------------------------------------------------------------------------


def paced(moments: list[float], elapsed_s: float):
    arrivals = [(moment, b"data: x\n\n") for moment in moments]
    whole = response(kind="text/event-stream", arrivals=arrivals, elapsed_s=elapsed_s)
    return streams.Stream(whole, [])


@pytest.mark.parametrize(
    ("moments", "share"),
    [
        ([n / 24 for n in range(1, 25)], 0.5),
        ([1.0] * 24, 0.0),
        ([1.0], 0.0),
        ([0.0] + [1.0] * 23, 0.0),
        ([0.9 + n / 240 for n in range(1, 25)], 0.05),
    ],
    ids=["steady", "burst", "one-piece", "role-then-burst", "late"],
)
def test_the_middle_half_is_timed(moments, share):
    found = streams.middle_half(paced(moments, 1.0).response)
    assert found == pytest.approx(share, abs=0.01)


def test_comments_that_keep_a_connection_open_are_no_answer():
    kept_open = [(n / 10, b": keepalive\n\n") for n in range(10)]
    arrivals = [*kept_open, (1.0, b"data: x\n\n" * 24)]
    whole = response(kind="text/event-stream", arrivals=arrivals, elapsed_s=1.0)
    assert streams.middle_half(whole) == 0.0


def test_nothing_at_all_has_no_pace():
    assert streams.middle_half(response(b"", elapsed_s=0.0)) == 0.0


def test_one_answer_that_grows_is_enough():
    burst, steady = paced([1.0] * 24, 1.0), paced([n / 24 for n in range(24)], 1.0)
    streams.sent_while_generating(steady, again=lambda: pytest.fail("not needed"))
    answers = iter([burst, steady])
    streams.sent_while_generating(burst, again=lambda: next(answers))


def test_three_bursts_are_silent():
    burst = paced([1.0] * 24, 1.0)
    with pytest.raises(Silent, match="one burst"):
        streams.sent_while_generating(burst, again=lambda: burst)


def test_bursts_that_the_suite_was_kept_from_watching_show_nothing(monkeypatch):
    pauses = []
    monkeypatch.setattr(streams.time, "sleep", pauses.append)
    burst = paced([1.0] * 24, 1.0)
    unseen = streams.Stream(replace(burst.response, held_up_s=0.9), [])
    with pytest.raises(Inconclusive, match="too busy"):
        streams.sent_while_generating(unseen, again=lambda: unseen)
    assert pauses == [streams.PAUSE_S] * streams.MOST_STREAMS
    pauses.clear()
    answers = iter([burst, unseen, burst])
    with pytest.raises(Silent, match="one burst"):
        streams.sent_while_generating(unseen, again=lambda: next(answers, burst))
    assert len(pauses) == 2


def test_a_short_answer_shows_no_growth():
    with pytest.raises(Inconclusive):
        streams.long_enough(stream(chat_chunk("a")))
    streams.long_enough(stream(chat_chunk("a" * 40)))
