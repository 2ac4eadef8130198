"""Streamed legacy completions."""

from conformance.api import answers, expect, streams
from conformance.api.ask import Ask
from conformance.api.prompts import Prompts
from conformance.requirements import MUST, SHOULD, requirement

CREATE = "OpenAI completions.create"


@requirement("api/completions/stream-chunks", MUST, source=f"{CREATE}: stream", honours="stream")
def test_stream_chunks(ask: Ask, prompts: Prompts) -> None:
    """Every event of a streamed completion before [DONE] MUST be a text_completion object.

    Code editors complete text over this route; their clients read `choices[0].text` of each event.
    """
    streams.identity(ask.complete_stream(prompts.series, max_tokens=4).completion_chunks())


@requirement(
    "api/completions/stream-finish-length",
    MUST,
    source=f"{CREATE}: finish_reason",
    honours="stream",
)
def test_stream_finish_length(ask: Ask, prompts: Prompts) -> None:
    """A stream that `max_tokens` cuts MUST say `length`, once, on the last chunk of the choice.

    An editor that does not see it takes a line that breaks off for a complete one.
    """
    chunks = ask.complete_stream(prompts.series, max_tokens=2).completion_chunks()
    streams.ended_with(chunks, "length")


@requirement("api/completions/stream-choices", MUST, source=f"{CREATE}: choices", honours="stream")
def test_stream_choices(ask: Ask, prompts: Prompts) -> None:
    """Every chunk MUST carry a choice unless usage was asked for.

    Nearly all code written for streams reads `choices[0]` of each chunk; an empty list breaks it.
    """
    chunks = ask.complete_stream(prompts.series, max_tokens=2).completion_chunks()
    streams.every_chunk_has_a_choice(chunks)


@requirement(
    "api/completions/stream-usage",
    MUST,
    source=f"{CREATE}: stream_options.include_usage",
    honours="stream, stream_options",
)
def test_stream_usage(ask: Ask, prompts: Prompts) -> None:
    """With `include_usage` the last chunk, and only it, MUST carry the counts, without a choice.

    A usage chunk that carries a choice (llama.cpp, seen by ogx #6612) is taken for text.
    """
    asked = {"include_usage": True}
    chunks = ask.complete_stream(
        prompts.series, max_tokens=2, stream_options=asked
    ).completion_chunks()
    whole = answers.completion(ask.complete(prompts.series, max_tokens=2)).usage
    expect.same_counts(streams.usage(chunks), whole, what="a stream")


@requirement(
    "api/completions/stream-text", MUST, source=f"{CREATE}: stream", alone=True, honours="stream"
)
def test_stream_text(ask: Ask, prompts: Prompts) -> None:
    """The texts of a stream, joined, MUST be the text of the same request answered at once.

    A space lost or doubled at a chunk's edge breaks the code that an editor inserts.
    """
    whole = answers.completion(ask.complete(prompts.series, max_tokens=12)).text
    chunks = ask.complete_stream(prompts.series, max_tokens=12).completion_chunks()
    streams.same_text(streams.text(chunks), whole)


@requirement(
    "api/completions/stream-utf8", MUST, source="RFC 3629, section 3", alone=True, honours="stream"
)
def test_stream_utf8(ask: Ask, prompts: Prompts) -> None:
    """A stream MUST NOT break a character whose bytes belong to several tokens.

    Emoji and most scripts of the world lie across tokens; decoded one token at a time they arrive
    as replacement characters and cannot be put together again.
    """
    whole = answers.completion(ask.complete(prompts.emoji_text, max_tokens=12)).text
    chunks = ask.complete_stream(prompts.emoji_text, max_tokens=12).completion_chunks()
    streams.same_text(streams.text(chunks), streams.several_bytes(whole))


@requirement(
    "api/completions/stream-logprobs",
    MUST,
    source=f"{CREATE}: logprobs",
    alone=True,
    honours="stream, logprobs",
)
def test_stream_logprobs(ask: Ask, prompts: Prompts) -> None:
    """A stream asked for `logprobs` MUST give the same tokens as the answer given at once.

    Evaluations read them as they come; tokens that go missing shift all that follow.
    """
    _, whole = answers.completion_logprobs(ask.complete(prompts.series, max_tokens=4, logprobs=1))
    chunks = ask.complete_stream(prompts.series, max_tokens=4, logprobs=1).completion_chunks()
    tokens = streams.completion_tokens(chunks)
    expect.same(tokens, whole.tokens, what="The list of a stream's tokens")


@requirement(
    "api/completions/stream-stop",
    MUST,
    source=f"{CREATE}: stop",
    alone=True,
    honours="stream, stop",
)
def test_stream_stop(ask: Ask, prompts: Prompts) -> None:
    """A stream MUST end before a stop string that begins in one chunk and ends in the next.

    Editors stop at a line's or block's end; a marker that leaks is inserted into the code.
    """
    whole = answers.completion(ask.complete(prompts.series, max_tokens=12)).text
    parts = streams.pieces(ask.complete_stream(prompts.series, max_tokens=12).completion_chunks())
    stop = streams.stop_across(parts, whole)
    chunks = ask.complete_stream(prompts.series, max_tokens=12, stop=[stop]).completion_chunks()
    streams.stopped_before(chunks, stop, whole)


@requirement(
    "api/completions/stream-prompts",
    SHOULD,
    source=f"{CREATE}: prompt, index",
    honours="stream, prompt",
)
def test_stream_prompts(ask: Ask, prompts: Prompts) -> None:
    """A stream for a list of prompts SHOULD carry a choice for each, with its own index and end.

    Batch jobs send many prompts in one request; the answers to all but the first would be lost.
    """
    chunks = ask.complete_stream([prompts.series, prompts.second], max_tokens=2).completion_chunks()
    streams.indices(chunks, {0, 1}, parameter="prompt")
    streams.finish_reason(chunks, 0)
    streams.finish_reason(chunks, 1)
