"""The event stream itself, byte by byte."""

from conformance.api import streams
from conformance.api.ask import Ask, event_stream
from conformance.api.prompts import GREETING
from conformance.requirements import MUST, requirement

WHATWG = "WHATWG HTML, section 9.2 (server-sent events)"
STREAMING = "OpenAI chat.completions.create: stream"


@requirement(
    "api/transport/sse-content-type", MUST, source=WHATWG, honours="chat.completions.create: stream"
)
def test_sse_content_type(ask: Ask) -> None:
    """A streamed answer MUST have the content type text/event-stream.

    Browsers close an event stream of another type, and proxies buffer it.
    """
    event_stream(ask.chat(GREETING, max_tokens=2, stream=True))


@requirement(
    "api/transport/sse-framing", MUST, source=WHATWG, honours="chat.completions.create: stream"
)
def test_sse_framing(ask: Ask) -> None:
    """Events MUST be unnamed `data` fields, each ended by an empty line, in valid UTF-8.

    Clients discard an event that is not ended and may ignore one that is named: its text is lost
    without an error.
    """
    streams.unnamed_events(ask.chat(GREETING, max_tokens=2, stream=True))


@requirement(
    "api/transport/sse-done",
    MUST,
    source=f"{STREAMING}; vLLM",
    honours="chat.completions.create: stream",
)
def test_sse_done(ask: Ask) -> None:
    """A stream MUST end with one event [DONE], and nothing after it.

    Without it a client cannot tell a finished answer from a broken connection (vllm-metal #199).
    """
    streams.done_once(ask.chat(GREETING, max_tokens=2, stream=True))


@requirement(
    "api/transport/sse-json", MUST, source=STREAMING, honours="chat.completions.create: stream"
)
def test_sse_json(ask: Ask) -> None:
    """Every event before [DONE] MUST be one JSON object.

    One event that does not parse ends the whole answer in most clients.
    """
    streams.json_objects(ask.chat(GREETING, max_tokens=4, stream=True))


@requirement(
    "api/transport/sse-not-asked", MUST, source=STREAMING, honours="chat.completions.create: stream"
)
def test_sse_not_asked(ask: Ask) -> None:
    """A request with `stream` false MUST be answered with JSON, not with a stream.

    Clients write the default out; they read one object and fail on `data:`.
    """
    streams.not_a_stream(ask.chat(GREETING, max_tokens=1, stream=False))
