"""The events of a streamed message: their order, and what they add up to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from conformance.api.ask import Stream, event_stream
from conformance.api.messages import reading
from conformance.api.messages.reading import Block, Body, Said
from conformance.compare import sse
from conformance.outcomes import Failed
from conformance.targets.client import Response

Event = dict[str, Any]

DELTAS: dict[str, dict[str, str]] = {
    "text": {"text_delta": "text"},
    "thinking": {"thinking_delta": "thinking", "signature_delta": "signature"},
    "tool_use": {"input_json_delta": "partial_json"},
}
"""By type of block, the deltas that it has, and the field of each."""

_BLOCK: TypeAdapter[Block] = TypeAdapter(Block)


@dataclass(frozen=True)
class Events:
    """A finished stream: the raw response and its events, parsed; pings are left out."""

    response: Response
    events: list[Event]

    @classmethod
    def read(cls, response: Response) -> Events:
        """The events of a streamed message.

        Raises:
            Unsupported, Silent: as `ask.event_stream`.
            Failed: an event is not JSON with a type, or says that something went wrong.
        """
        if response.status != 200:
            reading.ok(response)
        event_stream(response)
        found = []
        for event in sse.parse(response.body):
            body = event.json()
            if not isinstance(body, dict) or not isinstance(body.get("type"), str):
                raise Failed("An event has no type", expected="an object", actual=event.data)
            if body["type"] == "error":
                raise Failed("The stream carries an error", expected="events", actual=event.data)
            if body["type"] != "ping":
                found.append(body)
        if not found:
            raise Failed("The stream has no event", expected="events", actual="none")
        return cls(response, found)

    @property
    def plain(self) -> Stream:
        """As streams of other operations are."""
        return Stream(self.response, [json.dumps(event) for event in self.events])

    def deltas(self, field: str) -> list[str]:
        """The pieces of one field of `DELTAS`, empty ones left out."""
        pieces = [event.get("delta", {}).get(field) for event in self.events]
        return [piece for piece in pieces if isinstance(piece, str) and piece]

    def said(self) -> Said:
        """The message that the events add up to. Raises as `framed` and `blocks`."""
        head, inner, end = framed(self)
        usage = {**head.get("usage", {}), **(end.get("usage") or {})}
        body = {**head, **end.get("delta", {}), "usage": usage}
        body["content"] = [block.model_dump() for block in blocks(inner)]
        try:
            return reading.whole(Body.model_validate_json(json.dumps(body), strict=True))
        except ValidationError as invalid:
            first = invalid.errors()[0]
            raise Failed(
                "The events do not add up to a message",
                expected=f"{'.'.join(map(str, first['loc']))}: {first['msg']}",
                actual=body,
            ) from None


def named_as_typed(events: Events) -> None:
    """Each event's `event` field is its type. Raises Failed."""
    for event in sse.parse(events.response.body):
        if event.type != event.json().get("type"):
            raise Failed(
                "An event's name is not its type",
                expected=event.json().get("type"),
                actual=event.type,
            )


def framed(events: Events) -> tuple[Event, list[Event], Event]:
    """The message as it begins, its blocks' events, and the `message_delta`. Raises Failed."""
    types = [event["type"] for event in events.events]
    if types[0] != "message_start" or types[-2:] != ["message_delta", "message_stop"]:
        raise Failed(
            "The stream does not begin or end as a message does",
            expected=["message_start", "…", "message_delta", "message_stop"],
            actual=[*types[:1], "…", *types[-2:]],
        )
    inner = events.events[1:-2]
    if strange := [event for event in inner if not event["type"].startswith("content_block_")]:
        raise Failed(
            "An event within a message is of no block",
            expected="content_block_…",
            actual=strange[0],
        )
    head = events.events[0].get("message")
    if not isinstance(head, dict) or head.get("content") != [] or head.get("stop_reason"):
        raise Failed(
            "A message begins with content, or with its end",
            expected="content [] and stop_reason null",
            actual=head,
        )
    return head, inner, events.events[-2]


def blocks(inner: list[Event]) -> list[Block]:
    """The blocks, one after the other, each filled by its deltas. Raises Failed."""
    found: list[Block] = []
    rest = iter(inner)
    for event in rest:
        _expect(event, "content_block_start", len(found))
        block = _filled(dict(event["content_block"]), rest, len(found))
        try:
            found.append(_BLOCK.validate_json(json.dumps(block), strict=True))
        except ValidationError as invalid:
            raise Failed(
                "A block of the stream is not what the API defines",
                expected=invalid.errors()[0]["msg"],
                actual=block,
            ) from None
    return found


def _filled(block: Event, rest: Iterator[Event], index: int) -> Event:
    """The block with its deltas, up to its stop."""
    known = DELTAS.get(block.get("type", ""), {})
    pieces: dict[str, str] = dict.fromkeys(known.values(), "")
    for event in rest:
        if event["type"] == "content_block_stop":
            _expect(event, "content_block_stop", index)
            written = pieces.pop("partial_json", None)
            if written is None:
                return {**block, **pieces}
            return {**block, "input": _parsed(written)}
        _expect(event, "content_block_delta", index)
        delta = event["delta"]
        if (field := known.get(delta.get("type"))) is None:
            raise Failed(
                "A delta is of another type than its block",
                expected=list(known),
                actual=(block.get("type"), delta),
            )
        pieces[field] += delta.get(field) or ""
    raise Failed("A block of the stream has no end", expected="content_block_stop", actual="none")


def _parsed(written: str) -> Any:
    try:
        return json.loads(written or "{}")
    except ValueError as error:
        raise Failed(
            "The deltas of a call do not add up to JSON",
            expected="JSON",
            actual=f"{error}: {written!r}",
        ) from None


def _expect(event: Event, type: str, index: int) -> None:
    if event["type"] != type or event.get("index") != index:
        raise Failed(
            "An event of a block is out of its place",
            expected={"type": type, "index": index},
            actual={"type": event["type"], "index": event.get("index")},
        )
