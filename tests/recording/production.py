"""A small production: a server with a distribution that tests know, and only the offers they want.

Its model has `WORDS` as vocabulary and a distribution that depends on the last three tokens and the
position. `Offers` says what the API has of it; `bend` may change each answer before it is sent.
"""

from __future__ import annotations

import json
import math
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

WORDS = ["<unk>", *"abcdefghijklmnopqrstuvwxyz", "▁z"]
"""The last has the text of the one before: Metaspace decodes both to "z"."""

END = 3
CONTEXT = 400
Body = dict[str, Any]
Model = Callable[[list[int]], list[float]]
"""Token ids to the log probabilities of all tokens after them."""


def logprobs_after(ids: list[int]) -> list[float]:
    """The model."""
    dice = random.Random(f"{len(ids)} {ids[-3:]}")
    logits = [dice.gauss(0, 2) for _ in WORDS]
    total = math.log(sum(math.exp(logit) for logit in logits))
    return [logit - total for logit in logits]


def greedy(ids: list[int], count: int, model: Model = logprobs_after) -> list[int]:
    """`count` tokens after these, fewer where the model ends."""
    found: list[int] = []
    while len(found) < count and END not in found:
        scores = model([*ids, *found])
        found.append(scores.index(max(scores)))
    return found


@dataclass(frozen=True)
class Offers:
    """What the API has.

    Attributes:
        missing: status of what is not there; `refusal`: of what is refused.
        extras: whether vLLM's parameters are "honoured", "ignored" or "refused".
        limit: alternatives a position that are allowed; more are refused.
        cap: alternatives that are given without a word, where more are allowed.
        names_limit: whether a refusal says what the limit is.
        goes_on: whether the chat endpoint can go on with an answer that a conversation ends with.
        text: whether answers have a text, as `spoken` spells it.
        model: what it computes.
    """

    prompt_logprobs: bool = True
    echo: bool = True
    ids: bool = True
    lists: bool = True
    logprobs: bool = True
    completions: bool = True
    chat: bool = True
    tokenize: bool = True
    missing: int = 404
    refusal: int = 400
    extras: str = "honoured"
    limit: int = 20
    cap: int | None = None
    names_limit: bool = True
    goes_on: bool = True
    text: bool = False
    model: Model = logprobs_after
    bend: Callable[[Body, Body], Any] = lambda answer, body: answer


class Refusal(Exception):
    pass


@contextmanager
def serving(offers: Offers | None = None) -> Iterator[str]:
    """Serves, and yields the base URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    server.offers = offers or Offers()  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        server.server_close()


def checkpoint(folder: Path, words: list[str] = WORDS, *, spaced: bool = False) -> Path:
    """A folder with the tokenizer, as a platform team has it.

    Args:
        spaced: its text of several tokens can be read again, and the end is a special token.
    """
    tokenizer = Tokenizer(
        models.WordLevel({word: id for id, word in enumerate(words)}, unk_token="<unk>")
    )
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.decoder = decoders.Metaspace()
    if spaced:
        tokenizer.add_special_tokens([AddedToken(words[END], single_word=True, special=True)])
        apart = decoders.WordPiece(prefix="##", cleanup=False)
        tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", ""), apart])
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "config.json").write_text(json.dumps({"vocab_size": len(words)}))
    template = "{% for message in messages %}{{ message['content'] }} {% endfor %}"
    (folder / "tokenizer_config.json").write_text(json.dumps({"chat_template": template}))
    return folder


def tokenized(text: str) -> list[int]:
    return [WORDS.index(word) if word in WORDS else 0 for word in text.split()]


def spoken(ids: list[int]) -> str:
    """The text of an answer; its end is not said."""
    return " ".join(_name(id, False) for id in ids if id != END)


class _Handler(BaseHTTPRequestHandler):
    @property
    def offers(self) -> Offers:
        return self.server.offers  # type: ignore[attr-defined, no-any-return]

    def log_message(self, format: str, *arguments: Any) -> None:
        pass

    def do_GET(self) -> None:
        if self.path == "/v1/models":
            self._send(200, {"data": [{"id": "prod", "max_model_len": CONTEXT}]})
        elif self.path == "/version":
            self._send(200, {"version": "9.9"})
        else:
            self._send(404, {"error": {"message": "Not found"}})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        offered = {
            "/tokenize": (self.offers.tokenize, self._tokenize),
            "/v1/completions": (self.offers.completions, self._completions),
            "/v1/chat/completions": (self.offers.chat, self._chat),
        }
        has, answer = offered.get(self.path, (False, self._tokenize))
        if not has:
            return self._send(self.offers.missing, {"error": {"message": "Not found"}})
        try:
            found = answer(body)
        except Refusal as refusal:
            return self._send(self.offers.refusal, {"error": {"message": str(refusal)}})
        self._send(200, self.offers.bend(found, body))

    def _send(self, status: int, answer: Any) -> None:
        raw = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def _tokenize(self, body: Body) -> Body:
        return {"tokens": self._ids(body)}

    def _ids(self, body: Body) -> list[int]:
        if "messages" in body:
            if body["messages"][-1]["role"] == "assistant" and not (
                self.offers.goes_on and body.get("continue_final_message")
            ):
                body = {"messages": [*body["messages"], {"content": "a"}]}  # a turn of its own
            return tokenized(" ".join(message["content"] for message in body["messages"]))
        if isinstance(body["prompt"], list) and not self.offers.ids:
            raise Refusal("prompt must be a text")
        return body["prompt"] if isinstance(body["prompt"], list) else tokenized(body["prompt"])

    def _check(self, body: Body, *wanted: Any) -> bool:
        """Whether vLLM's parameters count."""
        if "return_token_ids" in body and self.offers.extras == "refused":
            raise Refusal("return_token_ids is not a parameter")
        for asked in wanted:
            if asked is not None and asked > self.offers.limit:
                limit = f", at most {self.offers.limit}" if self.offers.names_limit else ""
                raise Refusal(f"Error 400: {asked} logprobs are too many{limit}")
        return body.get("return_token_ids", False) and self.offers.extras == "honoured"

    def _completions(self, body: Body) -> Body:
        prompt = body["prompt"]
        several = isinstance(prompt, list) and isinstance(prompt[0], list)
        if several and not self.offers.lists:
            raise Refusal("one prompt only")
        found = [self._completion({**body, "prompt": each}) for each in prompt] if several else []
        found = found or [self._completion(body)]
        for index, choice in enumerate(found):
            choice["index"] = index
        usage = {
            "prompt_tokens": sum(choice.pop("prompt_tokens") for choice in found),
            "completion_tokens": sum(choice.pop("completion_tokens") for choice in found),
        }
        usage["total_tokens"] = sum(usage.values())
        return {**_about("text_completion"), "choices": found[::-1], "usage": usage}

    def _completion(self, body: Body) -> Body:
        vllm = self._check(body, body.get("logprobs"), body.get("prompt_logprobs"))
        if body.get("echo") and not self.offers.echo:
            raise Refusal("echo is not supported")
        ids = self._ids(body)
        said = greedy(ids, body["max_tokens"], self.offers.model)
        choice: Body = {"prompt_tokens": len(ids), "completion_tokens": len(said)}
        choice |= {"finish_reason": "stop", "text": spoken(said) if self.offers.text else "…"}
        if vllm:
            choice |= {"prompt_token_ids": ids, "token_ids": said}
        if self.offers.prompt_logprobs and body.get("prompt_logprobs"):
            choice["prompt_logprobs"] = [None] + [
                {str(id): {"logprob": value} for id, value in self._top(ids, place, body)}
                for place in range(1, len(ids))
            ]
        whole = ids + said
        places = range(0 if body.get("echo") else len(ids), len(whole))
        scored = [dict(self._top(whole, place, body)) if place else None for place in places]
        if self.offers.logprobs:
            choice["logprobs"] = {
                "tokens": [_name(whole[place], vllm) for place in places],
                "token_logprobs": [
                    top and top[whole[place]] for top, place in zip(scored, places, strict=True)
                ],
                "top_logprobs": [
                    top and {_name(id, vllm): value for id, value in top.items()} for top in scored
                ],
            }
        return choice

    def _chat(self, body: Body) -> Body:
        vllm = self._check(body, body.get("top_logprobs"))
        ids = self._ids(body)
        said = greedy(ids, body["max_tokens"], self.offers.model)
        whole = ids + said
        content = []
        for place in range(len(ids), len(whole)):
            top = dict(self._top(whole, place, {"logprobs": body.get("top_logprobs", 1)}))
            entries = [{"token": _name(id, vllm), "logprob": value} for id, value in top.items()]
            own = next(e for e in entries if e["token"] == _name(whole[place], vllm))
            content.append({**own, "top_logprobs": entries})
        text = spoken(said) if self.offers.text else "…"
        message = {"role": "assistant", "content": text}
        choice: Body = {"index": 0, "finish_reason": "stop", "message": message}
        choice["logprobs"] = {"content": content} if self.offers.logprobs else None
        usage = {"prompt_tokens": len(ids), "completion_tokens": len(said), "total_tokens": 0}
        answer: Body = {**_about("chat.completion"), "choices": [choice], "usage": usage}
        if vllm:
            choice["token_ids"] = said
            answer["prompt_token_ids"] = ids
        return answer

    def _top(self, ids: list[int], place: int, body: Body) -> list[tuple[int, float]]:
        """The token at a place and the likeliest instead of it, in no order, as vLLM's are."""
        scores = self.offers.model(ids[:place])
        ranked = sorted(range(len(scores)), key=lambda id: -scores[id])
        asked = body.get("logprobs") or 1
        count = min(asked, self.offers.cap or asked)
        kept = dict.fromkeys([ids[place], *ranked[:count]])
        return [(id, scores[id]) for id in kept]


def _about(kind: str) -> Body:
    return {"id": "1", "object": kind, "created": 0, "model": "prod"}


def _name(id: int, as_id: bool) -> str:
    return f"token_id:{id}" if as_id else WORDS[id].replace("▁", "")
