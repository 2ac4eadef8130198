"""OpenAI's protocol for the canned model: what is refused, and how answers and chunks look."""

from __future__ import annotations

import time
from itertools import accumulate
from typing import Any

from tests.misbehaving import constrained
from tests.misbehaving.canned import (
    END,
    VOCABULARY,
    Generated,
    chat_script,
    generate,
    text_script,
    tokenize,
)

MODEL = "canned"
MAX_MODEL_LEN = 512
CREATED = int(time.time())

_NUMBER = (int, float)
_FIELDS: dict[str, tuple[Any, float, float]] = {
    "temperature": (_NUMBER, 0, 2),
    "top_p": (_NUMBER, 1e-9, 1),
    "presence_penalty": (_NUMBER, -2, 2),
    "frequency_penalty": (_NUMBER, -2, 2),
    "max_tokens": (int, 1, MAX_MODEL_LEN),
    "max_completion_tokens": (int, 1, MAX_MODEL_LEN),
    "n": (int, 1, 16),
    "top_logprobs": (int, 0, 20),
    "seed": (int, -(2**63), 2**63),
}


class Refused(Exception):
    """An invalid request: status, message and the parameter at fault."""

    def __init__(self, status: int, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.param = status, message, param

    def body(self) -> dict[str, Any]:
        error = {"message": self.message, "type": "BadRequestError", "param": self.param}
        return {"error": {**error, "code": self.status}}


def check(route: str, body: Any) -> None:
    """Raise Refused for what vLLM refuses."""
    if not isinstance(body, dict):
        raise Refused(400, "The body must be a JSON object.")
    for name, (kind, low, high) in _FIELDS.items():
        value = body.get(name)
        if value is not None and (not isinstance(value, kind) or not low <= value <= high):
            raise Refused(400, f"{name} must be a number from {low} to {high}.", name)
    if not isinstance(body.get("stream", False), bool | None):
        raise Refused(400, "stream must be a boolean.", "stream")
    if body.get("stream_options") is not None and not body.get("stream"):
        raise Refused(400, "stream_options needs stream.", "stream_options")
    _check_stop(body.get("stop"))
    _check_bias(body.get("logit_bias"))
    if body.get("suffix") is not None:
        raise Refused(400, "suffix is not supported.", "suffix")
    if fault := constrained.wrong(body):
        raise Refused(400, " ".join(fault) + ".", fault[0])
    _check_chat(body) if route == "chat" else _check_completion(body)
    if body.get("model") not in (None, MODEL):
        raise Refused(404, f"The model `{body['model']}` does not exist.", "model")


def _check_stop(stop: Any) -> None:
    listed = [stop] if isinstance(stop, str) else stop or []
    if not isinstance(listed, list) or not all(isinstance(each, str) and each for each in listed):
        raise Refused(400, "stop must be a string or a list of strings.", "stop")


def _check_bias(bias: Any) -> None:
    bias = {} if bias is None else bias
    if not isinstance(bias, dict) or not all(
        key.isdigit() and int(key) < len(VOCABULARY) and isinstance(value, _NUMBER)
        for key, value in bias.items()
    ):
        raise Refused(400, "logit_bias must map token ids to numbers.", "logit_bias")


def _check_chat(body: dict[str, Any]) -> None:
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise Refused(400, "messages must be a list of messages.", "messages")
    for message in messages:
        valid = isinstance(message, dict) and isinstance(message.get("role"), str)
        if not valid or not isinstance(message.get("content"), str | list | None):
            raise Refused(400, "A message has a role and content.", "messages")
    if not isinstance(body.get("logprobs"), bool | None):
        raise Refused(400, "logprobs must be a boolean.", "logprobs")
    # No token is longer than 16 bytes: what is surely too long need not be counted.
    too_long = len(str(messages[-1].get("content"))) > 16 * MAX_MODEL_LEN
    if too_long or chat_script(messages)[0] >= MAX_MODEL_LEN:
        raise Refused(400, f"The context is {MAX_MODEL_LEN} tokens long.", "messages")


def _check_completion(body: dict[str, Any]) -> None:
    prompt = body.get("prompt")
    if not isinstance(prompt, str | list) or not prompt:
        raise Refused(400, "prompt must be a text, token ids, or a list of them.", "prompt")
    logprobs = body.get("logprobs")
    if logprobs is not None and (not isinstance(logprobs, int) or not 0 <= logprobs <= 20):
        raise Refused(400, "logprobs must be from 0 to 20.", "logprobs")


def answers(route: str, body: dict[str, Any]) -> list[Generated]:
    """What the canned model says: n answers to each prompt."""
    if route == "chat":
        prompts: list[Any] = [body["messages"]]
        script: Any = chat_script
        if (text := constrained.text(body)) is not None:
            words = [[id] for id in tokenize(text)]
            script = lambda messages: (chat_script(messages)[0], iter([*words, [END]]))  # noqa: E731
            body = {**body, "temperature": 0, "frequency_penalty": 0}  # nothing else is allowed
    else:
        prompt = body["prompt"]
        single = isinstance(prompt, str) or isinstance(prompt[0], int)
        prompts, script = [prompt] if single else prompt, text_script
    return [
        generate(*script(each), body, choice)
        for each in prompts
        for choice in range(body.get("n") or 1)
    ]


def models() -> dict[str, Any]:
    entry = {"id": MODEL, "object": "model", "created": CREATED, "owned_by": "nobody"}
    return {"object": "list", "data": [{**entry, "max_model_len": MAX_MODEL_LEN}]}


def whole(route: str, body: dict[str, Any], generated: list[Generated]) -> dict[str, Any]:
    """The answer in one piece."""
    choices = []
    for index, answer in enumerate(generated):
        logprobs = _logprobs(route, body, answer, range(len(answer.tokens)))
        choice = {"index": index, "finish_reason": answer.finish_reason, "logprobs": logprobs}
        if route == "chat":
            choice["message"] = {"role": "assistant", "content": answer.text}
            if called := constrained.calls(body):
                choice["message"] |= {"content": None, "tool_calls": called}
                choice["finish_reason"] = "tool_calls"
        else:
            text = body["prompt"] + answer.text if body.get("echo") else answer.text
            choice["text"] = text
        choices.append(choice)
    name = "chat.completion" if route == "chat" else "text_completion"
    return {**_head(name), "choices": choices, "usage": _usage(generated)}


def chunks(route: str, body: dict[str, Any], generated: list[Generated]) -> list[dict[str, Any]]:
    """The answer as a stream's chunks."""
    head = _head("chat.completion.chunk" if route == "chat" else "text_completion")
    found: list[dict[str, Any]] = []
    for index, answer in enumerate(generated):
        if route == "chat":
            delta = {"role": "assistant", "content": ""}
            found.append({"index": index, "delta": delta, "finish_reason": None})
            if called := constrained.deltas(constrained.calls(body)):
                found += [{"index": index, "delta": d, "finish_reason": None} for d in called]
                found.append({"index": index, "delta": {}, "finish_reason": "tool_calls"})
                continue
        for number, piece in enumerate(answer.pieces):
            choice: dict[str, Any] = {"index": index, "finish_reason": None}
            choice |= {"delta": {"content": piece}} if route == "chat" else {"text": piece}
            choice["logprobs"] = _logprobs(route, body, answer, range(number, number + 1))
            found.append(choice)
        if answer.finish_reason == "stop":
            said = {"delta": {"content": ""}} if route == "chat" else {"text": ""}
            found.append({"index": index, **said})
        found[-1]["finish_reason"] = answer.finish_reason
    stream = [{**head, "choices": [choice]} for choice in found]
    if (body.get("stream_options") or {}).get("include_usage"):
        stream.append({**head, "choices": [], "usage": _usage(generated)})
    return stream


def _head(name: str) -> dict[str, Any]:
    kind = "chatcmpl" if name.startswith("chat") else "cmpl"
    id = f"{kind}-{time.monotonic_ns():x}"
    return {"id": id, "object": name, "created": int(time.time()), "model": MODEL}


def _usage(generated: list[Generated]) -> dict[str, int]:
    prompt = generated[0].prompt_tokens
    completion = sum(answer.completion_tokens for answer in generated)
    total = prompt + completion
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": total}


def _logprobs(route: str, body: dict[str, Any], answer: Generated, which: range) -> Any:
    asked = body.get("logprobs")
    if asked is None or asked is False:
        return None
    if route != "chat":
        tops = [list(answer.tops[i].items())[:asked] for i in which]
        scored: dict[str, Any] = {
            "tokens": [answer.names[i] for i in which],
            "token_logprobs": [answer.logprobs[i] for i in which],
            "top_logprobs": [{_name(token): value for token, value in top} for top in tops],
        }
        if body.get("echo"):
            prompt = [_name(VOCABULARY[id]) for id in tokenize(body["prompt"])]
            scored["tokens"][:0] = prompt
            scored["token_logprobs"][:0] = [None] + [-1.0] * (len(prompt) - 1)
            scored["top_logprobs"][:0] = [None] + [{name: -1.0} for name in prompt[1:]]
        ends = accumulate(
            map(len, scored["tokens"]), initial=len("".join(answer.names[: which[0]]))
        )
        return {**scored, "text_offset": list(ends)[:-1]}
    top_count = body.get("top_logprobs") or 0
    return {
        "content": [
            {
                **_entry(answer.tokens[i], answer.logprobs[i]),
                "top_logprobs": [
                    _entry(token, value)
                    for token, value in list(answer.tops[i].items())[:top_count]
                ],
            }
            for i in which
        ]
    }


def _name(token: bytes) -> str:
    return token.decode(errors="replace")


def _entry(token: bytes, logprob: float) -> dict[str, Any]:
    return {"token": _name(token), "logprob": logprob, "bytes": list(token)}
