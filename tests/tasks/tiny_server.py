"""A server of the encoders' operations over transformers, right or with one fault."""

from __future__ import annotations

import base64
import json
import threading
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import torch
from transformers import AutoModel, AutoModelForSequenceClassification, AutoTokenizer

import fixtures.models
from conformance.targets.server import ServerTarget

torch.set_num_threads(1)  # the machine is shared, and the models are tiny

LIMIT = 256
LABELS = ("calm", "glad", "cross")


class Refused(Exception):
    """What the server does not take: 400, or another status."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


@cache
def _loaded(name: str) -> tuple[Any, Any]:
    folder = fixtures.models.path(name)
    auto = AutoModel if name == "bert-embedding" else AutoModelForSequenceClassification
    return AutoTokenizer.from_pretrained(folder), auto.from_pretrained(folder).eval()


class TinyServer:
    """Serves one fixture model at `target.base_url`; `fault` names what it does wrong."""

    limit = LIMIT

    def __init__(self, model: str) -> None:
        self.model, self.fault = model, ""
        self.tokenizer, self.network = _loaded(model)

    def __enter__(self) -> TinyServer:
        tiny = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                sent = self.rfile.read(int(self.headers["Content-Length"]))
                answer: dict[str, Any] | str
                try:
                    kind = self.headers["Content-Type"]
                    status, answer = 200, tiny.answer(self.path, tiny.read(sent, kind))
                except Refused as refusal:
                    status = refusal.status
                    error = {"message": str(refusal), "type": "BadRequestError"}
                    answer = {"error": {**error, "param": None, "code": status}}
                streamed = isinstance(answer, str)
                raw = answer.encode() if isinstance(answer, str) else json.dumps(answer).encode()
                self.send_response(status)
                kind = "text/event-stream" if streamed else "application/json"
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, *args: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._http.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._http.shutdown()

    @property
    def target(self) -> ServerTarget:
        url = f"http://127.0.0.1:{self._http.server_address[1]}/v1"
        return ServerTarget(self.model, url, self.model, max_model_len=self.limit)

    def read(self, sent: bytes, kind: str) -> dict[str, Any]:
        """The request's fields, of a body of this content type."""
        del kind
        read: dict[str, Any] = json.loads(sent)
        return read

    def answer(self, path: str, body: dict[str, Any]) -> dict[str, Any] | str:
        """The JSON, or the events of a stream."""
        if body["model"] != self.model and self.fault != "takes-any-model":
            raise Refused("There is no such model.", 404)
        operation = path.removeprefix("/v1").removeprefix("/v2")
        name = operation.strip("/").replace("/", "_")
        return getattr(self, name)(body)

    # Operations ------------------------------------------------------------------------------

    def embeddings(self, body: dict[str, Any]) -> dict[str, Any]:
        if "input" not in body or body["input"] in ([], [[]]) or isinstance(body["input"], int):
            if self.fault == "takes-anything":
                body["input"] = "a"
            else:
                raise Refused("No input.")
        rows = [self._ids(each, body) for each in _several(body["input"])]
        found = self._vectors(rows)
        size, format = body.get("dimensions"), body.get("encoding_format", "float")
        if format not in ("float", "base64") and self.fault != "takes-anything":
            raise Refused("No such format.")
        if size is not None and self.fault != "ignores-dimensions":
            if size not in (32, 64) and self.fault != "takes-anything":
                raise Refused("No such size.")
            found = found[:, : size or None]
            if self.fault != "cuts-only":
                found = found / np.linalg.norm(found, axis=1, keepdims=True)
        if self.fault == "not-unit":
            found = found * 3
        if self.fault == "backwards":
            found = found[::-1]
        if self.fault == "one-less" and len(found) > 1:
            found = found[1:]
        order = ">f4" if self.fault == "big-endian" else "<f4"
        data = []
        for number, vector in enumerate(found):
            encoded: Any = vector.tolist()
            if format == "base64" and self.fault != "ignores-base64":
                encoded = base64.b64encode(vector.astype(order).tobytes()).decode()
            index = 0 if self.fault == "index-zero" else number
            data.append({"object": "embedding", "index": index, "embedding": encoded})
        tokens = sum(len(row) for row in rows) - (2 * len(rows) if self.fault == "counts" else 0)
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        return {"object": "list", "model": self.model, "data": data, "usage": usage}

    def rerank(self, body: dict[str, Any]) -> dict[str, Any]:
        if not body.get("query") or not body.get("documents"):
            raise Refused("No query, or no document.")
        documents = [body["documents"]] if isinstance(body["documents"], str) else body["documents"]
        scores, tokens = self._scores([(body["query"], each) for each in documents])
        if body.get("use_activation") is False and self.fault != "ignores-activation":
            scores = np.log(scores / (1 - scores))
        order = list(np.argsort(-scores, kind="stable"))
        if self.fault == "unordered":
            order = sorted(order)
        if self.fault == "worst-first":
            order = order[::-1]
        if body.get("top_n") and self.fault != "ignores-top-n":
            order = order[: body["top_n"]]
        results = [
            {
                "index": place if self.fault == "index-of-rank" else int(number),
                "relevance_score": float(scores[number]),
                "document": {"text": documents[number]},
            }
            for place, number in enumerate(order)
        ]
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        return {"id": "r", "model": self.model, "results": results, "usage": usage}

    def score(self, body: dict[str, Any]) -> dict[str, Any]:
        queries, documents = (_several(body.get(name, [])) for name in ("queries", "documents"))
        if len(queries) == 1:
            queries = queries * len(documents)
        uneven = len(queries) != len(documents) or not queries
        if uneven and self.fault != "pairs-what-there-is":
            raise Refused("Not as many.")
        pairs = list(zip(queries, documents, strict=False)) or [("", "")]
        scores, tokens = self._scores(pairs)
        data = [
            {"object": "score", "index": number, "score": float(score)}
            for number, score in enumerate(scores)
        ]
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        return {"object": "list", "model": self.model, "data": data, "usage": usage}

    def classify(self, body: dict[str, Any]) -> dict[str, Any]:
        rows = [self._ids(each, body) for each in _several(body["input"])]
        data = []
        for number, row in enumerate(rows):
            with torch.inference_mode():
                logits = self.network(input_ids=torch.tensor([row])).logits[0]
            probs = logits if body.get("use_activation") is False else logits.softmax(-1)
            if self.fault == "sigmoid":
                probs = logits.sigmoid()
            best = int(logits.argmin() if self.fault == "worst-label" else logits.argmax())
            label = f"LABEL_{best}" if self.fault == "no-names" else LABELS[best]
            entry = {"index": number, "label": label, "probs": probs.tolist()}
            data.append({**entry, "num_classes": len(LABELS)})
        tokens = sum(len(row) for row in rows)
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        return {"object": "list", "model": self.model, "data": data, "usage": usage}

    # The model -------------------------------------------------------------------------------

    def _ids(self, given: Any, body: dict[str, Any]) -> list[int]:
        if isinstance(given, str):
            special = body.get("add_special_tokens", True) or self.fault == "ignores-special"
            ids = self.tokenizer(
                given, add_special_tokens=special and self.fault != "no-special-tokens"
            )["input_ids"]
        else:
            ids = given
        cut = body.get("truncate_prompt_tokens")
        if cut and self.fault != "ignores-truncation":
            ids = ids[-cut:] if body.get("truncation_side") == "left" else ids[:cut]
        if len(ids) > LIMIT and self.fault == "cuts-silently":
            ids = ids[:LIMIT]
        if len(ids) > LIMIT:
            raise Refused("Too long.")
        if any(not 0 <= each < 512 for each in ids):
            if self.fault != "takes-anything":
                raise Refused("No such token.")
            ids = [each % 512 for each in ids]
        return list(ids) or [self.tokenizer.pad_token_id]

    def _vectors(self, rows: list[list[int]]) -> np.ndarray:
        """The mean of the states, `[N, size]`; what is faulty is done as servers do it."""
        longest = max(map(len, rows))
        found = []
        for row in rows:
            padding = longest - len(row) if self.fault == "averages-padding" else 0
            ids = torch.tensor([row + [3] * padding])
            if self.fault == "no-order":
                ids = ids.sort().values
            with torch.inference_mode():
                states = self.network(input_ids=ids).last_hidden_state[0]
            vector = states[0] if self.fault == "first-token" else states.mean(0)
            found.append((vector / vector.norm()).numpy())
        return np.stack(found)

    def _scores(self, pairs: list[tuple[str, str]]) -> tuple[np.ndarray, int]:
        found, tokens = [], 0
        for query, document in pairs:
            texts = ("", document) if self.fault == "ignores-query" else (query, document)
            if self.fault == "sorts-the-pair":
                texts = tuple(sorted(texts))
            encoded = self.tokenizer(*texts, return_tensors="pt")
            if encoded["input_ids"].shape[1] > LIMIT:
                if self.fault != "cuts-silently":
                    raise Refused("Too long.")
                encoded = {name: tensor[:, :LIMIT] for name, tensor in encoded.items()}
            if self.fault == "one-segment":
                encoded["token_type_ids"] = torch.zeros_like(encoded["token_type_ids"])
            tokens += encoded["input_ids"].shape[1]
            with torch.inference_mode():
                found.append(float(self.network(**encoded).logits[0, 0].sigmoid()))
        return np.array(found), tokens


def _several(given: Any) -> list[Any]:
    if isinstance(given, str) or (given and isinstance(given[0], int)):
        return [given]
    return list(given)
