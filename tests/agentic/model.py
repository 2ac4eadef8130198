"""What the server in memory says: the scripted model's conversations by heart, and anything else as
the canned model does."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from fixtures.models.scripted import description
from tests.misbehaving import canned, constrained
from tests.misbehaving.canned import END, chat_script, generate, tokenize

CONTEXT = 512

Body = dict[str, Any]


@dataclass
class Turn:
    """One answer: its text as pieces, its thoughts, its calls, and the counts of tokens."""

    pieces: list[str]
    reasoning: str = ""
    calls: list[dict[str, Any]] = field(default_factory=list)
    finish: str = "stop"
    stopped: str | None = None
    prompt: list[str] = field(default_factory=list)
    completion: int = 0
    scores: list[dict[str, Any]] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(self.pieces)


class Wrong(Exception):
    """A request that is refused: status and message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


def _key(messages: list[Body], tools: object) -> str:
    """A conversation as it is known by heart: whatever the ids of its calls are."""
    ids: dict[str, int] = {}
    told = []
    for message in messages:
        calls = []
        for call in message.get("tool_calls", []):
            ids[call["id"]] = len(ids)
            function = call["function"]
            calls.append([function["name"], json.loads(function["arguments"])])
        result = ids.get(message.get("tool_call_id", ""))
        told.append([message["role"], message["content"], calls, result])
    return json.dumps([told, bool(tools)], sort_keys=True)


_SCRIPTS = {
    _key(_plain["messages"], _plain.get("tools")): _plain
    for _plain in description()["scripts"]
    if "messages" in _plain and _plain.get("chat_template_kwargs", {}).get("enable_thinking", True)
}


def answer(body: Body) -> Turn:
    """The answer to a chat request.

    Raises:
        Wrong: it cannot be answered.
    """
    _check(body)
    messages = [_in_words(message) for message in body["messages"]]
    prompt = _prompt(messages, body)
    if len(prompt) > CONTEXT:
        if not body.get("truncate"):
            raise Wrong(400, f"The context is {CONTEXT} tokens long.")
        prompt = prompt[-(CONTEXT - 1) :]
    if body.get("continue"):
        prompt = prompt[:-2]  # the end of the last message, and the begin of the next
    limit = body.get("max_tokens") or 256
    known = _SCRIPTS.get(_key(messages, body.get("tools")))
    if known and not _constrained(body) and body.get("tool_choice") in (None, "auto"):
        turn = _by_heart(known, body)
        if body.get("thinks") is not False and len(prompt) <= CONTEXT:
            prompt = ["word"] * len(known["prompt_token_ids"])
    else:
        turn = _by_rule(messages, body, limit)
    turn.prompt = prompt
    if turn.completion > limit:
        turn.finish, turn.completion, turn.calls = "length", limit, []
        turn.pieces = turn.pieces[:limit]
    return turn


def _by_heart(known: Body, body: Body) -> Turn:
    if known.get("reasoning") and not body.get("thinks"):
        return Turn(["17 plus 25 ", "is 42."], completion=12)
    functions = [
        {"name": call["name"], "arguments": json.dumps(call["arguments"], ensure_ascii=False)}
        for call in known.get("tool_calls", [])
    ]
    calls = [{**each, "id": next(_ids)} for each in functions]
    if body.get("parallel") is False:
        calls = calls[:1]
    text = known["content"] or ""
    pieces = [text[n : n + 4] for n in range(0, len(text), 4)]
    finish = "tool_calls" if calls else "stop"
    count = len(pieces) + 10 * len(calls) + len(known.get("reasoning") or "") // 4 + 1
    return Turn(pieces, known.get("reasoning") or "", calls, finish, completion=count)


def _by_rule(messages: list[Body], body: Body, limit: int) -> Turn:
    if forced := constrained.calls(body):
        calls = [{"id": call["id"], **call["function"]} for call in forced]
        return Turn([], calls=calls, finish="tool_calls", completion=12)
    script = chat_script(messages)
    if (text := _constrained(body)) is not None:
        script = script[0], iter([*[[id] for id in tokenize(text)], [END]])
        body = {**body, "temperature": 0, "frequency_penalty": 0}
    elif body.get("ignore_eos"):
        script = script[0], _endless(list(script[1]), body)
    if body.get("stop_token_ids"):
        body = {**body, "stop": [canned.VOCABULARY[body["stop_token_ids"][0]].decode()]}
    seed = body.get("seed")
    asked = {
        **body,
        "max_tokens": limit,
        "seed": f"of request {body['number']}" if seed is None else seed,
    }
    said = generate(*script, asked, 0)
    turn = Turn(said.pieces, finish=said.finish_reason, completion=said.completion_tokens)
    whole = "".join(said.names)
    stops = body.get("stop") or []
    stops = [stops] if isinstance(stops, str) else stops
    turn.stopped = next((stop for stop in stops if stop in whole), None)
    if turn.stopped and body.get("include_stop_str_in_output"):
        turn.pieces = [*turn.pieces, turn.stopped]
    for token, logprob, top in zip(said.tokens, said.logprobs, said.tops, strict=True):
        alternatives = list(top.items())[: body.get("top_logprobs") or 0]
        scored = [_score(each, value) for each, value in alternatives]
        turn.scores.append({**_score(token, logprob), "top_logprobs": scored})
    return turn


def _constrained(body: Body) -> str | None:
    try:
        return constrained.text(body)
    except (KeyError, TypeError):
        raise Wrong(400, "The schema is not known.") from None


def _endless(script: list[list[int]], body: Body) -> Any:
    yield from script[:-1]
    if body.get("skip_special_tokens") is False:
        yield from ([id] for id in tokenize("<end>"))
    while True:
        yield [ord("x")]


def _score(token: bytes, logprob: float) -> Body:
    return {"token": token.decode(errors="replace"), "logprob": logprob, "bytes": list(token)}


def _check(body: Body) -> None:
    if body.get("model") != "canned":
        raise Wrong(404, "There is no such model.")
    if not body["messages"]:
        raise Wrong(400, "There is no message.")
    if (body.get("temperature") or 0) < 0:
        raise Wrong(400, "The temperature is negative.")
    if body.get("cache_salt") == "":
        raise Wrong(400, "The salt is empty.")
    if fault := constrained.wrong(body):
        raise Wrong(400, " ".join(fault))
    for message in body["messages"]:
        for part in message["content"] if isinstance(message.get("content"), list) else []:
            if "image" in part.get("type", ""):
                raise Wrong(400, "The model has no eyes.")


def _prompt(messages: list[Body], body: Body) -> list[str]:
    """The prompt's tokens, as words: some for each message, and those of the tools."""
    words: list[str] = []
    for message in messages:
        told = json.dumps(message.get("tool_calls", ""))
        words += ["<", message["role"], *str(message.get("content")).split(), *told.split(), ">"]
    for tool in body.get("tools") or []:
        words += json.dumps(tool["function"], sort_keys=True).split()
    return [*words, "<thinks>"] if body.get("thinks") is False else words


def _in_words(message: Body) -> Body:
    """A message whose text is text, in the scripts' own form."""
    content = message.get("content")
    if isinstance(content, list):
        content = "".join(part.get("text", "") for part in content)
    found = {**message, "content": content}
    if message["role"] == "developer":
        found["role"] = "system"
    return found


def _numbered() -> Any:
    number = 0
    while True:
        number += 1
        yield f"call_of_{number}"


_ids = _numbered()
