"""Streamed chat completions."""

from conformance.api import answers, expect, streams
from conformance.api.ask import Ask, Stream
from conformance.api.prompts import GREETING, Prompts
from conformance.requirements import MUST, SHOULD, requirement

CHUNK = "OpenAI chat.completion.chunk object"
USAGE = "OpenAI chat.completions.create: stream_options.include_usage"


@requirement("api/chat/stream-chunks", MUST, source=CHUNK, honours="stream")
def test_stream_chunks(ask: Ask) -> None:
    """Every event of a streamed chat completion before [DONE] MUST be a chat.completion.chunk.

    Typed clients (the official ones in TypeScript, Go, Java, .NET) refuse what does not fit the
    schema, and untyped ones fail later, at the first missing field.
    """
    streams.identity(ask.chat_stream(GREETING, max_tokens=4).chat_chunks())


@requirement(
    "api/chat/stream-identity", MUST, source=f"{CHUNK}: id, created, model", honours="stream"
)
def test_stream_identity(ask: Ask) -> None:
    """All chunks of one stream MUST have the same `id`, `created` and `model`.

    Gateways and tracing tools put an answer together by its id.
    """
    _, _, model = streams.identity(ask.chat_stream(GREETING, max_tokens=4).chat_chunks())
    expect.same(model, ask.model, what="A stream's `model`")


@requirement("api/chat/stream-role-first", MUST, source=f"{CHUNK}: delta.role", honours="stream")
def test_stream_role_first(ask: Ask) -> None:
    """The first chunk of a choice MUST carry the role `assistant`.

    Clients that add deltas up get a message without a role otherwise, and send it back with the
    next request, which is then refused.
    """
    roles = streams.roles(ask.chat_stream(GREETING, max_tokens=2).chat_chunks())
    expect.same(roles[:1], ["assistant"], what="The role of a stream's first delta")


@requirement(
    "api/chat/stream-role-once", SHOULD, source="vLLM: the role is sent once", honours="stream"
)
def test_stream_role_once(ask: Ask) -> None:
    """No chunk of a choice after the first SHOULD carry a role.

    A client that adds deltas up field by field makes "assistantassistant" of it.
    """
    roles = streams.roles(ask.chat_stream(GREETING, max_tokens=4).chat_chunks())
    expect.same(set(roles[1:]), {None}, what="The role of a stream's later deltas")


@requirement(
    "api/chat/stream-finish-length", MUST, source=f"{CHUNK}: finish_reason", honours="stream"
)
def test_stream_finish_length(ask: Ask) -> None:
    """A stream that `max_tokens` cuts MUST say `length`, once, on the last chunk of the choice.

    Clients that see `stop` take a sentence that breaks off for the whole answer (mlx-vlm #1215).
    """
    streams.ended_with(ask.chat_stream(GREETING, max_tokens=2).chat_chunks(), "length")


@requirement(
    "api/chat/stream-finish-stop",
    MUST,
    source=f"{CHUNK}: finish_reason",
    alone=True,
    honours="stream",
)
def test_stream_finish_stop(ask: Ask, prompts: Prompts) -> None:
    """A stream that the model ends MUST say `stop`, once, on the last chunk of the choice.

    Agents wait for the reason to know that the turn is over: a stream that ends with null (vllm-mlx
    #628) leaves them waiting or retrying.
    """
    streams.ended_by_itself(answers.chat(ask.chat(prompts.words, max_tokens=16)))
    streams.ended_with(ask.chat_stream(prompts.words, max_tokens=16).chat_chunks(), "stop")


@requirement("api/chat/stream-choices", MUST, source=f"{CHUNK}: choices", honours="stream")
def test_stream_choices(ask: Ask) -> None:
    """Every chunk MUST carry a choice unless usage was asked for.

    Nearly all code written for streams reads `choices[0]` of each chunk; an empty list breaks it.
    """
    chunks = ask.chat_stream(GREETING, max_tokens=2).chat_chunks()
    streams.every_chunk_has_a_choice(chunks)


@requirement("api/chat/stream-no-usage", SHOULD, source=USAGE, honours="stream")
def test_stream_no_usage(ask: Ask) -> None:
    """A stream SHOULD NOT carry `usage` unless it was asked for.

    Gateways that add up usage count such answers twice: once from the chunk, once on their own.
    """
    streams.no_usage(ask.chat_stream(GREETING, max_tokens=2).chat_chunks())


@requirement("api/chat/stream-usage", MUST, source=USAGE, honours="stream, stream_options")
def test_stream_usage(ask: Ask) -> None:
    """With `include_usage` the last chunk, and only it, MUST carry `usage`, without a choice.

    Billing, rate limits and context-length bars of chat front ends read it there; one that never
    comes counts as zero tokens.
    """
    asked = {"include_usage": True}
    chunks = ask.chat_stream(GREETING, max_tokens=2, stream_options=asked).chat_chunks()
    streams.usage(chunks)


@requirement(
    "api/chat/stream-usage-counts", MUST, source=USAGE, alone=True, honours="stream, stream_options"
)
def test_stream_usage_counts(ask: Ask, prompts: Prompts) -> None:
    """The usage of a stream MUST be that of the same request answered at once.

    A count that depends on how the answer travels (the end token counted or not) makes costs and
    context lengths differ between two front ends of the same server.
    """
    whole = answers.chat(ask.chat(prompts.words, max_tokens=16)).usage
    asked = {"include_usage": True}
    chunks = ask.chat_stream(prompts.words, max_tokens=16, stream_options=asked).chat_chunks()
    expect.same_counts(streams.usage(chunks), whole, what="a stream")


@requirement(
    "api/chat/stream-text", MUST, source=f"{CHUNK}: delta.content", alone=True, honours="stream"
)
def test_stream_text(ask: Ask, prompts: Prompts) -> None:
    """The deltas of a stream, joined, MUST be the text of the same request answered at once.

    A space lost or doubled at a chunk's edge breaks code and tables that a model writes.
    """
    whole = answers.chat(ask.chat(prompts.words, max_tokens=16)).text
    chunks = ask.chat_stream(prompts.words, max_tokens=16).chat_chunks()
    streams.same_text(streams.text(chunks), whole)


@requirement(
    "api/chat/stream-logprobs",
    MUST,
    source=f"{CHUNK}: logprobs",
    alone=True,
    honours="stream, logprobs",
)
def test_stream_logprobs(ask: Ask, prompts: Prompts) -> None:
    """A stream asked for `logprobs` MUST give the same tokens as the answer given at once.

    Confidence meters and evaluations read them while the answer comes; tokens that go missing at a
    chunk's edge shift all that follow.
    """
    chunks = ask.chat_stream(prompts.words, max_tokens=4, logprobs=True).chat_chunks()
    streamed = streams.chat_tokens(chunks)
    whole = answers.chat_logprobs(ask.chat(prompts.words, max_tokens=4, logprobs=True))
    tokens = [entry.token for entry in whole]
    expect.same(streamed, tokens, what="The list of a stream's tokens")


@requirement(
    "api/chat/stream-options-empty",
    SHOULD,
    source="OpenAI chat.completions.create: stream_options, all fields optional",
    honours="stream",
    accepts="stream_options",
)
def test_stream_options_empty(ask: Ask) -> None:
    """An empty `stream_options` SHOULD stream as none does, to the end.

    Clients that fill in only what was set send it so.
    """
    chunks = ask.chat_stream(GREETING, max_tokens=2, stream_options={}).chat_chunks()
    streams.ended_with(chunks, "length")


@requirement(
    "api/chat/stream-logprobs-finish",
    MUST,
    source=f"{CHUNK}: finish_reason",
    honours="stream",
    accepts="logprobs",
)
def test_stream_logprobs_finish(ask: Ask) -> None:
    """A stream asked for `logprobs` MUST still say its `finish_reason`.

    It was lost where the two meet (litellm #10686), and clients waited for an end that never came.
    """
    chunks = ask.chat_stream(GREETING, max_tokens=2, logprobs=True).chat_chunks()
    streams.ended_with(chunks, "length")


@requirement(
    "api/chat/stream-stop",
    MUST,
    source="OpenAI chat.completions.create: stop",
    alone=True,
    honours="stream, stop",
)
def test_stream_stop(ask: Ask, prompts: Prompts) -> None:
    """A stream MUST end before a stop string that begins in one chunk and ends in the next.

    What was sent cannot be taken back: a server that does not hold back the beginning of a stop
    string shows agents half a marker.
    """
    whole = answers.chat(ask.chat(prompts.words, max_tokens=16)).text
    parts = streams.pieces(ask.chat_stream(prompts.words, max_tokens=16).chat_chunks())
    stop = streams.stop_across(parts, whole)
    chunks = ask.chat_stream(prompts.words, max_tokens=16, stop=[stop]).chat_chunks()
    streams.stopped_before(chunks, stop, whole)


@requirement(
    "api/chat/stream-n", SHOULD, source="OpenAI chat.completions.create: n", honours="stream, n"
)
def test_stream_n(ask: Ask) -> None:
    """A stream with `n` 2 SHOULD carry both choices, each with its own index and end.

    Front ends that offer a choice of answers show the second one empty, or mixed into the first.
    """
    chunks = ask.chat_stream(GREETING, max_tokens=2, n=2, temperature=0.8).chat_chunks()
    streams.indices(chunks, {0, 1}, parameter="n")
    streams.finish_reason(chunks, 0)
    streams.finish_reason(chunks, 1)


@requirement(
    "api/chat/stream-incremental",
    MUST,
    source="OpenAI chat.completions.create: stream",
    alone=True,
    honours="stream",
)
def test_stream_incremental(ask: Ask, prompts: Prompts) -> None:
    """A streamed answer MUST be sent while it is generated.

    An answer held back until it is complete looks right in every field, and people stare at an
    empty window for as long as it takes.
    """

    def stream() -> Stream:
        return ask.chat_stream(prompts.long, max_tokens=prompts.long_tokens)

    streams.sent_while_generating(streams.long_enough(stream()), again=stream)


@requirement(
    "api/chat/stream-begun",
    MUST,
    source="OpenAI chat.completions.create: stream",
    alone=True,
    honours="stream",
)
def test_stream_begun(ask: Ask, prompts: Prompts) -> None:
    """The first event of a stream MUST be there before the larger part of the others.

    However busy the machine, an answer that is mostly there when it begins to come was held back.
    """
    body = ask.chat_body(prompts.long, max_tokens=prompts.long_tokens, stream=True)
    whole = streams.long_enough(ask.chat_stream(prompts.long, max_tokens=prompts.long_tokens))
    streams.begins_before_it_ends(ask.client, body, len(whole.payloads))
