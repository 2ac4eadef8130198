"""Asking in Anthropic's form: the model's name and modest defaults filled in."""

from __future__ import annotations

import json
from typing import Any

from conformance.api import optional
from conformance.api.ask import OMIT, Messages, conversation
from conformance.api.messages import reading
from conformance.api.messages.events import Events
from conformance.api.messages.reading import Said
from conformance.api.optional import Once
from conformance.api.tools.errands import Errand
from conformance.targets.client import Client, Response

PATH, COUNT = "/messages", "/messages/count_tokens"
WHAT = "Anthropic's Messages API"


class MessagesApi:
    """Anthropic-style requests to one target.

    Conversations are in chat's form and become Anthropic's. Defaults: this target's model,
    `temperature` 0, `max_tokens` 16. A default is left out with the value `OMIT`. The same request
    is sent once in a process, unless `anew` is asked for.

    Every method raises Absent where the target does not serve the API.
    """

    def __init__(self, client: Client, model: str, once: Once) -> None:
        self.client, self.model, self._once = client, model, once

    def send(self, messages: Messages, *, anew: bool = False, **parameters: Any) -> Response:
        """POST /messages, whatever comes of it."""
        own = {"model": self.model, "temperature": 0, "max_tokens": 16, **translated(messages)}
        return self._post(PATH, {**own, **parameters}, anew)

    def say(self, messages: Messages, **parameters: Any) -> Said:
        """What the model says to it. Raises as `reading.said`."""
        return reading.said(self.send(messages, **parameters))

    def stream(self, messages: Messages, **parameters: Any) -> Events:
        """A streamed message, read to its end. Raises as `Events.read`."""
        return Events.read(self.send(messages, stream=True, **parameters))

    def run(self, errand: Errand, **parameters: Any) -> Said:
        """What the model makes of an errand with tools, which a target need not serve."""
        return reading.said(self._offered(self.send(errand.messages, **_asked(errand, parameters))))

    def run_stream(self, errand: Errand, **parameters: Any) -> Events:
        """As `run`, streamed."""
        asked = {"stream": True, **_asked(errand, parameters)}
        return Events.read(self._offered(self.send(errand.messages, **asked)))

    def count(self, messages: Messages, **parameters: Any) -> int:
        """The tokens that POST /messages/count_tokens counts. Raises as `reading.counted`."""
        body = {"model": self.model, **translated(messages), **parameters}
        return reading.counted(self._post(COUNT, body, anew=False))

    def _post(self, path: str, body: dict[str, Any], anew: bool) -> Response:
        body = {name: value for name, value in body.items() if value is not OMIT}
        if anew:
            response = self.client.post(path, body)
        else:
            response = self._once.post(self.client, path, body)
        return optional.served(response, what=WHAT)

    def _offered(self, response: Response) -> Response:
        return reading.offered(response, what="A tool")


def translated(messages: Messages) -> dict[str, Any]:
    """A conversation in chat's form as `messages` and `system`.

    Calls are blocks of the model's message, and results are blocks of the user's next one.
    """
    found: list[dict[str, Any]] = []
    system = []
    for message in conversation(messages):
        if message["role"] == "system":
            system.append(message["content"])
        elif message["role"] == "tool":
            result = {"type": "tool_result", "tool_use_id": message["tool_call_id"]}
            block = {**result, "content": message["content"]}
            before = found[-1]
            if before["role"] == "user" and isinstance(before["content"], list):
                before["content"].append(block)
            else:
                found.append({"role": "user", "content": [block]})
        elif calls := message.get("tool_calls"):
            text = [{"type": "text", "text": message["content"]}] if message["content"] else []
            found.append({"role": "assistant", "content": [*text, *map(_tool_use, calls)]})
        else:
            found.append({"role": message["role"], "content": message["content"]})
    return {"messages": found, **({"system": "\n".join(system)} if system else {})}


def tool(chat: dict[str, Any]) -> dict[str, Any]:
    """A tool in chat's form as Anthropic has it."""
    function = chat["function"]
    renamed = {"parameters": "input_schema"}
    return {renamed.get(name, name): value for name, value in function.items()}


def _tool_use(call: dict[str, Any]) -> dict[str, Any]:
    function = call["function"]
    given = json.loads(function["arguments"])
    return {"type": "tool_use", "id": call["id"], "name": function["name"], "input": given}


def _asked(errand: Errand, more: dict[str, Any]) -> dict[str, Any]:
    asked = {**errand.parameters, **more}
    asked.pop("frequency_penalty", None)  # Anthropic has none
    if isinstance(asked.get("tools"), list):
        asked["tools"] = [tool(each) if "function" in each else each for each in asked["tools"]]
    return asked
