"""The events of a streamed response: their types, their order, and what they add up to.

A stream has `response.created`, `response.in_progress`, its items one after the other, each with
its parts inside, and one last event with the whole response. vLLM calls the last one
`response.completed` also where the response is incomplete; OpenAI then calls it
`response.incomplete`. Parts of reasoning were `response.reasoning_part.…` in vLLM 0.27.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from openai.types.responses import ResponseOutputItem, ResponseStreamEvent
from pydantic import BaseModel, TypeAdapter, ValidationError

from conformance.api import expect
from conformance.api.ask import Stream, event_stream
from conformance.api.responses import reading
from conformance.api.responses.reading import Body, Said
from conformance.api.tools.turns import Turn
from conformance.compare import sse
from conformance.outcomes import Failed
from conformance.targets.client import Response

FIRST = ["response.created", "response.in_progress"]
LAST = frozenset({"response.completed", "response.incomplete"})

_EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
_ITEM: TypeAdapter[Any] = TypeAdapter(ResponseOutputItem)

Event = dict[str, Any]


class _Last(BaseModel):
    response: Body


@dataclass(frozen=True)
class Events:
    """A finished stream: the raw response and its events, parsed."""

    response: Response
    events: list[Event]

    @classmethod
    def read(cls, response: Response) -> Events:
        """The events of a streamed response.

        Raises:
            Unsupported, Silent: as `ask.event_stream`.
            Failed: an event is not JSON with a type, or says that something went wrong.
        """
        event_stream(response)
        found = []
        for event in sse.parse(response.body):
            if event.data == sse.DONE:
                continue
            body = event.json()
            if not isinstance(body, dict) or not isinstance(body.get("type"), str):
                raise Failed("An event has no type", expected="an object", actual=event.data)
            if body["type"] in ("error", "response.failed"):
                raise Failed("The stream carries an error", expected="events", actual=event.data)
            found.append(body)
        if not found:
            raise Failed("The stream has no event", expected="events", actual="none")
        return cls(response, found)

    @property
    def types(self) -> list[str]:
        """The type of each event."""
        return [event["type"] for event in self.events]

    @property
    def plain(self) -> Stream:
        """As streams of other operations are."""
        return Stream(self.response, [json.dumps(event) for event in self.events])

    def said(self) -> Said:
        """The whole response that the last event carries. Raises Failed."""
        last = self.events[-1]
        if last["type"] not in LAST:
            raise Failed(
                "The stream ends without the whole response", expected=LAST, actual=last["type"]
            )
        return reading.over(expect.typed_json(json.dumps(last), _Last).response)

    def text(self) -> str:
        """The deltas of the text, joined."""
        return "".join(self.deltas("response.output_text.delta"))

    def deltas(self, type: str) -> list[str]:
        """The `delta` of each event of one type, empty ones left out."""
        found = [event.get("delta") for event in self.events if event["type"] == type]
        return [delta for delta in found if isinstance(delta, str) and delta]

    def items(self) -> list[Any]:
        """The items as their `response.output_item.done` tells them. Raises Failed."""
        done = [e.get("item") for e in self.events if e["type"] == "response.output_item.done"]
        try:
            return [_ITEM.validate_json(json.dumps(item), strict=True) for item in done]
        except ValidationError as invalid:
            raise Failed("A finished item is not what the API defines", actual=invalid) from None

    def turn(self) -> Turn:
        """What the finished items say together; it ends as the whole response does."""
        return reading.turn(self.items(), self.said().reason)


def named_as_typed(events: Events) -> None:
    """Each event's `event` field is its type. Raises Failed."""
    for event in sse.parse(events.response.body):
        if event.data != sse.DONE and event.type != event.json().get("type"):
            raise Failed(
                "An event's name is not its type",
                expected=event.json().get("type"),
                actual=event.type,
            )


def typed(events: Events) -> None:
    """Every event is, strictly, one of the client's. Raises Failed."""
    for event in events.events:
        if isinstance(event.get("response"), dict):
            body = event["response"]
            expect.typed_json(json.dumps(body), Body)
            continue
        named = event["type"].replace("reasoning_part", "content_part")
        try:
            _EVENT.validate_json(json.dumps({**event, "type": named}), strict=True)
        except ValidationError as invalid:
            first = invalid.errors()[0]
            raise Failed(
                f"An event of type {event['type']} is not what the API defines",
                expected=f"{first['loc'][-1] if first['loc'] else ''}: {first['msg']}",
                actual=json.dumps(event)[:400],
            ) from None


def numbered(events: Events) -> None:
    """Sequence numbers count the events from 0. Raises Failed."""
    found = [event.get("sequence_number") for event in events.events]
    if found != list(range(len(found))):
        raise Failed(
            "`sequence_number` does not count the events",
            expected=f"0 to {len(found) - 1}",
            actual=found,
        )


def begun_and_ended(events: Events) -> None:
    """The first two events and the last are those that frame a response, and come once.

    Raises:
        Failed: they are not, or tell different responses.
    """
    types = events.types
    if types[:2] != FIRST or types[-1] not in LAST:
        raise Failed(
            "The stream does not begin or end as a response does",
            expected=[*FIRST, "…", "response.completed"],
            actual=[*types[:2], "…", types[-1]],
        )
    if again := [type for type in types[2:-1] if type in LAST.union(FIRST)]:
        raise Failed("A response begins or ends within its stream", expected="once", actual=again)
    framed = [events.events[0], events.events[1], events.events[-1]]
    found = [event["response"].get("id") for event in framed]
    if len(set(found)) != 1:
        raise Failed("The id changes within one stream", expected="one id", actual=found)
    if (status := framed[0]["response"].get("status")) not in ("in_progress", "queued"):
        raise Failed("A response is created over", expected="in_progress", actual=status)


def nested(events: Events) -> None:
    """Items come one after the other and parts within their item; deltas add up to what is done.

    Raises:
        Failed: an event is out of its place, or a finished text is not its deltas' sum.
    """
    inner = iter(events.events[2:-1])
    for index, opened in enumerate(inner):
        _expect(opened, "response.output_item.added", output_index=index)
        item = opened["item"]
        if item.get("status") not in ("in_progress", None):
            raise Failed("An item is added finished", expected="in_progress", actual=item)
        where = {"output_index": index, "item_id": item.get("id")}
        said = _call(inner, where) if item["type"] == "function_call" else _parts(inner, where)
        done = said.pop()
        _expect(done, "response.output_item.done", output_index=index)
        if done["item"].get("id") != item.get("id"):
            raise Failed("An item ends with another id", expected=item, actual=done["item"])
        _adds_up(_content(done["item"]), [event["said"] for event in said], done)


def same_ids(events: Events) -> None:
    """Items and calls keep their ids in the whole response. Raises Failed."""
    ids = [(item.id, getattr(item, "call_id", None)) for item in events.items()]
    whole = [(item.id, getattr(item, "call_id", None)) for item in events.said().body.output]
    if ids != whole:
        raise Failed(
            "Items have other ids in the whole response than in its stream",
            expected=ids,
            actual=whole,
        )


def _parts(inner: Iterator[Event], where: dict[str, Any]) -> list[Event]:
    """The parts of a message or of reasoning, each with what it `said`, and the item's end."""
    parts: list[Event] = []
    for event in inner:
        if event["type"] == "response.output_item.done":
            return [*parts, event]
        place = {**where, "content_index": len(parts)}
        _expect(event, "part.added", **place)
        said, deltas = "", []
        for event in inner:
            if event["type"].endswith("_part.done"):
                _expect(event, "part.done", **place)
                _adds_up([event["part"].get("text")], [said], event)
                break
            _expect(event, "text.", **place)
            if event["type"].endswith(".delta"):
                deltas.append(event["delta"])
            else:
                said = event["text"]
                _adds_up([said], ["".join(deltas)], event)
        parts.append({**event, "said": said})
    raise Failed("An item of the stream has no end", expected="response.output_item.done")


def _call(inner: Iterator[Event], where: dict[str, Any]) -> list[Event]:
    """The arguments of a call, with what was `said`, and the item's end."""
    deltas: list[str] = []
    for event in inner:
        if event["type"] == "response.output_item.done":
            return [{"said": "".join(deltas)}, event]
        _expect(event, "function_call_arguments.", **where)
        if event["type"].endswith(".delta"):
            deltas.append(event["delta"])
        else:
            _adds_up([event["arguments"]], ["".join(deltas)], event)
    raise Failed("A call of the stream has no end", expected="response.output_item.done")


def _expect(event: Event, type: str, **place: object) -> None:
    found = {name: event.get(name) for name in place}
    if type not in event["type"] or found != place:
        raise Failed(
            "An event of the stream is out of its place",
            expected={"type": f"…{type}…", **place},
            actual={"type": event["type"], **found},
        )


def _content(item: Event) -> list[str | None]:
    if item["type"] == "function_call":
        return [item.get("arguments")]
    return [part.get("text") for part in item.get("content") or []]


def _adds_up(done: Sequence[str | None], said: Sequence[str], event: Event) -> None:
    if list(done) != list(said):
        raise Failed(
            f"{event['type']} does not say what its deltas add up to",
            expected=list(said),
            actual=list(done),
        )
