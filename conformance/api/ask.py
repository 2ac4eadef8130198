"""Asking a target for an answer: the model's name and modest defaults filled in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from openai.types.chat import ChatCompletionChunk

from conformance.api import expect
from conformance.compare import sse
from conformance.outcomes import Failed, Silent
from conformance.targets.client import Client, Response

Messages = str | list[dict[str, Any]]


@dataclass(frozen=True)
class Stream:
    """A finished event stream: the raw response and its JSON events, `[DONE]` left out."""

    response: Response
    payloads: list[str]

    def chat_chunks(self) -> list[ChatCompletionChunk]:
        """Every event as the client's typed chunk. Raises Failed where one is not."""
        return [expect.chunk(payload) for payload in self.payloads]

    def completion_chunks(self) -> list[expect.CompletionChunk]:
        """Every event of a legacy completion stream as a typed chunk."""
        return [expect.completion_chunk(payload) for payload in self.payloads]

    def chat_text(self, index: int = 0) -> str:
        """The content deltas of one choice, joined."""
        return "".join(
            choice.delta.content or ""
            for chunk in self.chat_chunks()
            for choice in chunk.choices
            if choice.index == index
        )


class Ask:
    """Chat and legacy completion requests to one target.

    Defaults: this target's model, `temperature` 0, `max_tokens` 8. A default is left out with
    the value `OMIT`.
    """

    def __init__(self, client: Client, model: str) -> None:
        self.client = client
        self.model = model

    def chat(self, messages: Messages, **parameters: Any) -> Response:
        """POST /chat/completions; a plain string becomes one user message."""
        return self.client.post("/chat/completions", self.chat_body(messages, **parameters))

    def complete(self, prompt: str | list[Any], **parameters: Any) -> Response:
        """POST /completions; `prompt` may be text, texts, token ids or lists of them."""
        return self.client.post("/completions", self._body({"prompt": prompt}, parameters))

    def chat_stream(self, messages: Messages, **parameters: Any) -> Stream:
        """A streamed chat completion, read to its end."""
        return read_stream(self.chat(messages, stream=True, **parameters))

    def complete_stream(self, prompt: str | list[Any], **parameters: Any) -> Stream:
        """A streamed legacy completion, read to its end."""
        return read_stream(self.complete(prompt, stream=True, **parameters))

    def chat_body(self, messages: Messages, **parameters: Any) -> dict[str, Any]:
        """The JSON body that `chat` sends."""
        return self._body({"messages": conversation(messages)}, parameters)

    def _body(self, own: dict[str, Any], parameters: dict[str, Any]) -> dict[str, Any]:
        defaults: dict[str, Any] = {"model": self.model, "temperature": 0}
        if "max_completion_tokens" not in parameters:
            defaults["max_tokens"] = 8
        body = {**defaults, **own, **parameters}
        return {name: value for name, value in body.items() if value is not OMIT}


class _Omit:
    """Marks a default that is to be left out of the request."""


OMIT = _Omit()


def conversation(messages: Messages) -> list[dict[str, Any]]:
    """A list of messages; a plain string is one user message."""
    return [{"role": "user", "content": messages}] if isinstance(messages, str) else messages


def event_stream(response: Response) -> None:
    """The response to a request for a stream is an event stream.

    Raises:
        Unsupported: streaming is refused honestly.
        Silent: the whole answer came as JSON.
        Failed: another status or content type.
    """
    if response.status != 200:
        expect.ok(response)
    kind = response.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind == "application/json":
        expect.ok(response)
        raise Silent("`stream` is accepted and ignored", expected="text/event-stream", actual=kind)
    if kind != "text/event-stream":
        raise Failed(
            "A stream was asked for and the content type says otherwise",
            expected="text/event-stream",
            actual=kind or "no content type",
        )


def read_stream(response: Response) -> Stream:
    """The events of a streamed answer.

    Raises:
        Unsupported, Silent: as `event_stream`.
        Failed: the response is no event stream, carries an error, or does not end with `[DONE]`.
    """
    event_stream(response)
    events = sse.parse(response.body)
    if not events or events[-1].data != sse.DONE:
        raise Failed(
            "The stream does not end with [DONE]",
            expected="data: [DONE]",
            actual=events[-1].data[:200] if events else "no event at all",
        )
    payloads = [event.data for event in events[:-1]]
    for event in events[:-1]:
        if isinstance(body := event.json(), dict) and "error" in body:
            raise Failed("The stream carries an error", expected="an answer", actual=event.data)
    return Stream(response, payloads)
