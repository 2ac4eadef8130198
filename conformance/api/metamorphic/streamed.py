"""A stream, put together to what the whole answer would have been."""

from __future__ import annotations

from conformance.api import streams
from conformance.api.ask import Stream
from conformance.api.extensions.ways import Said


def whole_of(way: str, stream: Stream) -> Said:
    """The first choice of a stream that was asked for its usage.

    Raises: as `streams.finish_reason` and `streams.usage`.
    """
    chunks: streams.Chunks = stream.chat_chunks() if way == "chat" else stream.completion_chunks()
    usage = streams.usage(chunks)
    counts = usage.prompt_tokens, usage.completion_tokens
    return Said(streams.text(chunks), streams.finish_reason(chunks), *counts, {}, {})
