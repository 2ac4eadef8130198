"""A stream, put together to what the whole answer would have been."""

from __future__ import annotations

import json

from conformance.api.ask import Stream
from conformance.api.extensions.ways import Said
from conformance.compare import streamed
from conformance.outcomes import Silent


def whole_of(stream: Stream) -> Said:
    """The first choice of a stream that was asked for its usage. What else is wrong with its form
    is told by other requirements.

    Raises:
        Silent: there is no usage.
    """
    bodies = [json.loads(payload) for payload in stream.payloads]
    usage = [body["usage"] for body in bodies if body.get("usage")]
    if not usage:
        raise Silent(
            "`stream_options` is accepted and ignored", expected="a chunk with usage", actual="none"
        )
    reasons = [choice.get("finish_reason") for choice in streamed.choices(stream.payloads)]
    reason = next((each for each in reversed(reasons) if each is not None), None)
    counts = int(usage[-1]["prompt_tokens"]), int(usage[-1]["completion_tokens"])
    return Said("".join(streamed.texts(stream.payloads)), reason, *counts, {}, {})
