"""The API over the engine: requests read as vLLM reads them, and answers in its form."""

from __future__ import annotations

import itertools
import json
import threading
import time
import zlib
from collections import Counter
from typing import Any

import numpy as np

from tests.faithful.answers import Answer, generate
from tests.faithful.engine import Engine
from tests.faithful.faults import Fault

Body = dict[str, Any]
NAME = "scripted"
SALT = 1
"""Decides all draws: with some, a sound server leaves a case undecided, as chance has it."""

_numbers = itertools.count(1)


class Refused(Exception):
    """The request is refused with 400."""


class Api:
    """Answers bodies."""

    def __init__(self, engine: Engine, fault: Fault) -> None:
        self.engine, self.fault = engine, fault
        self.serving = 0
        self.times: Counter[bytes] = Counter()
        self.lock = threading.Lock()
        self.seen: set[tuple[int, ...]] = set()
        self.last: list[int] = []

    def models(self) -> Body:
        about = {"id": NAME, "object": "model", "created": 0, "owned_by": "maccord"}
        return {"object": "list", "data": [{**about, "max_model_len": self.engine.context}]}

    def _generated(self, body: Body, prompt: list[int]) -> list[Answer]:
        """All choices of one prompt, drawn anew each time: the same in each run of the tests."""
        asked = json.dumps([body, prompt], sort_keys=True).encode()
        with self.lock:
            self.times[asked] += 1
            entropy = zlib.crc32(asked, SALT) + (self.times[asked] << 32)
        return generate(self.engine, body, prompt, self.fault, entropy)

    # Prompts -----------------------------------------------------------------------------------

    def rendered(self, body: Body) -> str:
        """The text that the chat template makes."""
        options = {**(body.get("chat_template_kwargs") or {})}
        if (effort := body.get("reasoning_effort")) is not None:
            options.setdefault("enable_thinking", effort != "none")
        text: str = self.engine.tokenizer.apply_chat_template(
            body["messages"],
            tools=body.get("tools"),
            documents=body.get("documents"),
            chat_template=body.get("chat_template"),
            add_generation_prompt=body.get("add_generation_prompt", True),
            continue_final_message=body.get("continue_final_message", False),
            tokenize=False,
            **options,
        )
        return text

    def prompts(self, body: Body) -> list[list[int]]:
        """Token ids of each prompt, cut as asked."""
        if "messages" in body:
            special = bool(body.get("add_special_tokens", False))
            found = [self.engine.encode(self.rendered(body), special=special)]
        else:
            given, special = body["prompt"], body.get("add_special_tokens", True)
            several = isinstance(given, list) and given and not isinstance(given[0], int)
            found = [
                self.engine.encode(each, special=special)
                if isinstance(each, str)
                else self._ids(each)
                for each in (given if several else [given])
            ]
        if (length := body.get("truncate_prompt_tokens")) is not None and length >= 0:
            right = body.get("truncation_side") == "right"
            found = [ids[:length] if right else ids[len(ids) - length :] for ids in found]
        return found

    def _ids(self, ids: list[int]) -> list[int]:
        if self.fault.retokenises:
            return self.engine.encode(self.engine.decode(ids, special=False).strip())
        return list(ids)

    # Answers -----------------------------------------------------------------------------------

    def answer(self, route: str, body: Body) -> Body | list[Body]:
        """The whole answer, or a stream's events."""
        body = self.fault.heeded(body)
        if body.get("thinking_token_budget") or body.get("prompt_embeds"):
            raise Refused("The server was not started for it.")
        prompts = self.prompts(body)
        if self.fault.sorts:
            prompts = sorted(prompts, key=len)
        self.serving += 1
        try:
            together = [
                (prompt, answer)
                for prompt in prompts
                for answer in self._generated(body, self._looked_at(prompt))
            ]
            time.sleep(0.002)  # so that requests meet
        finally:
            self.serving -= 1
        if body.get("stream"):
            return self._events(route, body, together)
        return self._whole(route, body, together)

    def _looked_at(self, prompt: list[int]) -> list[int]:
        """The prompt that the model gets."""
        stale = self.fault.stale and tuple(prompt) in self.seen
        self.seen.add(tuple(prompt))
        stranger, self.last = self.last, prompt
        if self.fault.leaks and self.serving > 1:
            return stranger
        return prompt[:-2] if stale else prompt

    def batch(self, body: Body) -> Body:
        """Several conversations in one request."""
        if self.fault.batch_ignores:
            body = {name: value for name, value in body.items() if name in self.fault.kept}
        single = [{**body, "messages": messages} for messages in body["messages"]]
        whole = [self.answer("chat", each) for each in single]
        found = whole[0] if isinstance(whole[0], dict) else {}
        choices = [
            {**each["choices"][0], "index": number}
            for number, each in enumerate(whole)
            if isinstance(each, dict)
        ]
        if self.fault.sorts:
            choices = [{**each, "index": len(choices) - 1 - each["index"]} for each in choices]
        usage = {
            name: sum(each["usage"][name] for each in whole if isinstance(each, dict))
            for name in ("prompt_tokens", "completion_tokens", "total_tokens")
        }
        return {**found, "choices": choices, "usage": usage}

    def tokenize(self, body: Body) -> Body:
        body = self.fault.heeded(body)
        ids = self.prompts(body)[0]
        found: Body = {"count": len(ids), "max_model_len": self.engine.context, "tokens": ids}
        if body.get("return_token_strs"):
            found["token_strs"] = self.engine.tokenizer.convert_ids_to_tokens(ids)
        if self.fault.miscounts:
            found["count"] += 1
        return found

    def detokenize(self, body: Body) -> Body:
        text = self.engine.decode(body["tokens"], special=True)
        return {"prompt": text.strip() if self.fault.retokenises else text}

    # Forms -------------------------------------------------------------------------------------

    def _head(self, route: str, body: Body, kind: str) -> Body:
        id = body.get("request_id") or f"{next(_numbers):x}"
        prefix = "chatcmpl" if route == "chat" else "cmpl"
        head = {"id": f"{prefix}-{id}", "object": kind, "created": int(time.time())}
        return {**head, "model": NAME}

    def _usage(self, together: list[tuple[list[int], Answer]]) -> Body:
        prompts = {id(prompt): len(prompt) for prompt, _ in together}
        asked = sum(prompts.values()) + 3 * self.fault.miscounts
        said = sum(len(answer.ids) for _, answer in together)
        return {
            "prompt_tokens": asked,
            "completion_tokens": said,
            "total_tokens": asked + said,
        }

    def _whole(self, route: str, body: Body, together: list[tuple[list[int], Answer]]) -> Body:
        kind = "chat.completion" if route == "chat" else "text_completion"
        found = self._head(route, body, kind)
        choices = []
        for index, (prompt, answer) in enumerate(together):
            choice: Body = {"index": index, "finish_reason": answer.finish_reason}
            if body.get("return_token_ids"):
                choice["token_ids"] = answer.ids
                (found if route == "chat" else choice)["prompt_token_ids"] = prompt
            if (count := self._scored_prompt(route, body)) is not None:
                scored = self._prompt_logprobs(prompt, count)
                (found if route == "chat" else choice)["prompt_logprobs"] = scored
            choice["logprobs"] = self._logprobs(route, body, prompt, answer)
            if route == "chat":
                choice["message"] = self._message(body, answer)
            else:
                echoed = self.engine.decode(prompt, special=False) if body.get("echo") else ""
                choice["text"] = echoed + answer.text
            choices.append(choice)
        if body.get("return_prompt_text"):
            found["prompt_text"] = self.rendered(body)
        return {**found, "choices": choices, "usage": self._usage(together)}

    def _message(self, body: Body, answer: Answer) -> Body:
        text = answer.text
        if body.get("echo"):
            text = body["messages"][-1]["content"] + text
        message: Body = {"role": "assistant", "content": text}
        thinks = (body.get("chat_template_kwargs") or {}).get("enable_thinking")
        if thinks and "</think>" in text:
            thought, _, said = text.removeprefix("<think>").partition("</think>")
            message["content"] = said
            if body.get("include_reasoning", True):
                message["reasoning"] = thought
        return message

    def _events(
        self, route: str, body: Body, together: list[tuple[list[int], Answer]]
    ) -> list[Body]:
        kind = "chat.completion.chunk" if route == "chat" else "text_completion"
        head, found = self._head(route, body, kind), []
        for index, (_, answer) in enumerate(together):
            every = body.get("stream_interval") or 1
            cuts = [0, 1, *range(1 + every, len(answer.ids), every), len(answer.ids)]
            spans = [(a, b) for a, b in itertools.pairwise(cuts) if b > a]
            for begin, end in spans:
                text = "".join(answer.pieces[begin:end])
                last = (begin, end) == spans[-1]
                if self.fault.tears and begin <= len(answer.ids) - 2 < end:
                    text = ""
                choice: Body = {"index": index, "finish_reason": None}
                choice |= {"delta": {"content": text}} if route == "chat" else {"text": text}
                choice["finish_reason"] = answer.finish_reason if last else None
                if body.get("return_token_ids"):
                    choice["token_ids"] = answer.ids[begin:end]
                found.append({**head, "choices": [choice]})
        if (body.get("stream_options") or {}).get("include_usage"):
            found.append({**head, "choices": [], "usage": self._usage(together)})
        return found

    # Scores ------------------------------------------------------------------------------------

    def _scored_prompt(self, route: str, body: Body) -> int | None:
        count: int | None = body.get("prompt_logprobs")
        return count

    def _of_prompt(self, prompt: list[int]) -> list[np.ndarray]:
        rows = self.engine.all_logits(prompt)[: len(prompt) - 1]
        scores = [row - np.logaddexp.reduce(row) for row in rows]
        return [*scores[1:], scores[-1]] if self.fault.off_by_one else scores

    def _prompt_logprobs(self, prompt: list[int], count: int) -> list[Body | None]:
        found: list[Body | None] = [None]
        for token, scores in zip(prompt[1:], self._of_prompt(prompt), strict=True):
            ids = {token, *np.argsort(-scores)[:count].tolist()}
            found.append({str(id): {"logprob": float(scores[id]), "rank": 1} for id in ids})
        return found

    def _named(self, body: Body, id: int) -> str:
        if body.get("return_tokens_as_token_ids"):
            return f"token_id:{id}"
        return self.engine.texts[id]

    def _alternatives(self, body: Body, scores: np.ndarray, token: int, count: int) -> list[int]:
        if ids := body.get("logprob_token_ids"):
            return [token, *(id for id in ids if id != token)]
        return [int(id) for id in np.argsort(-scores)[:count]]

    def _logprobs(self, route: str, body: Body, prompt: list[int], answer: Answer) -> Any:
        asked = body.get("logprobs")
        if asked is None or asked is False:
            return None
        rows = list(zip(answer.ids, answer.scores, strict=False))
        if route == "chat":
            content = [
                {
                    **self._entry(body, id, scores),
                    "top_logprobs": [
                        self._entry(body, each, scores)
                        for each in self._alternatives(
                            body, scores, id, body.get("top_logprobs") or 0
                        )
                    ],
                }
                for id, scores in rows
            ]
            return {"content": content}
        first: list[tuple[int, np.ndarray | None]] = []
        if body.get("echo"):
            first = [(prompt[0], None), *zip(prompt[1:], self._of_prompt(prompt), strict=True)]
        names = [self._named(body, id) for id, _ in [*first, *rows]]
        return {
            "tokens": names,
            "token_logprobs": [
                None if scores is None else float(scores[id]) for id, scores in [*first, *rows]
            ],
            "top_logprobs": [
                None
                if scores is None
                else {
                    self._named(body, each): float(scores[each])
                    for each in {id, *self._alternatives(body, scores, id, int(asked))}
                }
                for id, scores in [*first, *rows]
            ],
            "text_offset": [sum(map(len, names[:place])) for place in range(len(names))],
        }

    def _entry(self, body: Body, id: int, scores: np.ndarray) -> Body:
        text = self.engine.texts[id]
        return {
            "token": self._named(body, id),
            "logprob": float(min(scores[id], 0.0)),
            "bytes": list(text.encode()),
        }
