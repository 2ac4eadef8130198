"""Server-sent events, read as the WHATWG HTML standard (section 9.2) says, from raw bytes."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from conformance.outcomes import Failed

DONE = "[DONE]"
_LINE_END = re.compile(r"\r\n|\n|\r")


@dataclass(frozen=True)
class Event:
    """One dispatched event: its `data` (lines joined by a newline) and its type."""

    data: str
    type: str = "message"

    def json(self) -> Any:
        """The event's data as JSON.

        Raises:
            Failed: the data is not JSON.
        """
        try:
            return json.loads(self.data)
        except (ValueError, RecursionError) as error:  # the latter where it is nested too deeply
            raise Failed(
                "An event of the stream is not JSON", expected="JSON or [DONE]",
                actual=f"{error}: {self.data[:200]!r}",
            ) from None  # fmt: skip


def parse(body: bytes) -> list[Event]:
    """The events of a complete stream.

    Raises:
        Failed: the stream is not UTF-8, has a line that is no field, or ends inside an event
            (the standard discards such an event, so a client loses it).
    """
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise Failed(
            "The stream is not valid UTF-8",
            expected="UTF-8",
            actual=f"byte {body[error.start]:#04x} at offset {error.start}",
        ) from None
    events: list[Event] = []
    data: list[str] = []
    type = "message"
    *lines, last = _LINE_END.split(text.removeprefix("\ufeff"))
    for line in lines:
        if line == "":
            if data:
                events.append(Event("\n".join(data), type))
            data, type = [], "message"
            continue
        if line.startswith(":"):
            continue
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            data.append(value)
        elif field == "event":
            type = value
        elif field not in ("id", "retry"):
            raise Failed(
                "The stream has a line that is no SSE field",
                expected="data:, event:, id:, retry:, a comment or an empty line",
                actual=line[:200],
            )
    if data or last:
        raise Failed(
            "The stream ends inside an event",
            expected="an empty line after the last event",
            actual=repr((data and data[-1]) or last)[:200],
        )
    return events
