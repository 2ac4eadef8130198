"""Asking for responses: the model's name and modest defaults filled in."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from conformance.api import optional
from conformance.api.ask import OMIT
from conformance.api.optional import Once
from conformance.api.responses import reading
from conformance.api.responses.events import Events
from conformance.api.responses.reading import Said
from conformance.api.tools.errands import Errand
from conformance.targets.client import Client, Response

PATH = "/responses"
WHAT = "The Responses API"

Input = str | list[dict[str, Any]]


class Responses:
    """Requests to the Responses API of one target.

    Defaults: this target's model, `temperature` 0, `max_output_tokens` 16. A default is left out
    with the value `OMIT`. The same request is sent once in a process, unless `anew` is asked for.

    Every method raises Absent where the target does not serve the API.
    """

    def __init__(self, client: Client, model: str, once: Once) -> None:
        self.client, self.model, self._once = client, model, once

    def send(self, input: Input, *, anew: bool = False, **parameters: Any) -> Response:
        """POST /responses, whatever comes of it."""
        body = {"model": self.model, "temperature": 0, "max_output_tokens": 16, "input": input}
        body = {name: value for name, value in (body | parameters).items() if value is not OMIT}
        if anew:
            response = self.client.post(PATH, body)
        else:
            response = self._once.post(self.client, PATH, body)
        return optional.served(response, what=WHAT)

    def say(self, input: Input, **parameters: Any) -> Said:
        """What the model says to it. Raises as `reading.said`."""
        return reading.said(self.send(input, **parameters))

    def stream(self, input: Input, **parameters: Any) -> Events:
        """A streamed response, read to its end. Raises as `Events.read`."""
        return Events.read(self.send(input, stream=True, **parameters))

    def run(self, errand: Errand, **parameters: Any) -> Said:
        """What the model makes of an errand with tools, which a target need not serve."""
        response = self._run(_request(errand, parameters))
        return reading.said(optional.offered(response, what="A tool"))

    def run_stream(self, errand: Errand, **parameters: Any) -> Events:
        """As `run`, streamed."""
        response = self._run({**_request(errand, parameters), "stream": True})
        return Events.read(optional.offered(response, what="A tool"))

    def _run(self, request: dict[str, Any]) -> Response:
        if request.get("tools", OMIT) is not OMIT:
            optional.tools(self.client, self.model, self._once)
        return self.send(**request)

    def retrieve(self, id: str, **query: object) -> Response:
        """GET /responses/{id}, whatever comes of it."""
        asked = "?" + urlencode(query) if query else ""
        return self.client.get(f"{PATH}/{id}{asked}")

    def cancel(self, id: str) -> Response:
        """POST /responses/{id}/cancel, whatever comes of it."""
        return self.client.post(f"{PATH}/{id}/cancel", {})


def items(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A conversation in chat's form as input items: calls and their results are items too."""
    found: list[dict[str, Any]] = []
    for message in messages:
        if message["role"] == "tool":
            result = {"call_id": message["tool_call_id"], "output": message["content"]}
            found.append({"type": "function_call_output", **result})
            continue
        if message["content"] is not None:
            found.append({"role": message["role"], "content": message["content"]})
        for call in message.get("tool_calls", []):
            found.append({"type": "function_call", "call_id": call["id"], **call["function"]})
    return found


def flat(tool: dict[str, Any]) -> dict[str, Any]:
    """A tool in chat's form as the Responses API takes it."""
    return {"type": "function", **tool["function"]}


def named(tool: dict[str, Any]) -> dict[str, Any]:
    """The `tool_choice` of one function."""
    return {"type": "function", "name": tool["function"]["name"]}


def _request(errand: Errand, more: dict[str, Any]) -> dict[str, Any]:
    asked = {"input": items(errand.messages), **errand.parameters, **more}
    if "max_tokens" in asked:
        asked["max_output_tokens"] = asked.pop("max_tokens")
    if isinstance(asked.get("tools"), list):
        asked["tools"] = [flat(tool) if "function" in tool else tool for tool in asked["tools"]]
    return asked
