"""A server of chats with images over transformers, right or with one fault."""

from __future__ import annotations

import base64
import binascii
import json
import struct
import time
import zlib
from functools import cache
from typing import Any

import numpy as np
import torch
from tiny_server import Refused, TinyServer
from transformers import AutoTokenizer, Idefics3ForConditionalGeneration

import fixtures.models
from fixtures.images import PICTURES, mosaic_jpeg
from fixtures.models.tasks.idefics import AROUND, IMAGE, LENGTH, SIDE, TOKENS, WHOLE

WRITTEN = f"{AROUND}{WHOLE}{IMAGE * TOKENS}{AROUND}"


@cache
def _loaded() -> tuple[Any, Any]:
    folder = fixtures.models.path("idefics-images")
    model = Idefics3ForConditionalGeneration.from_pretrained(folder).eval()
    return AutoTokenizer.from_pretrained(folder), model


class SeeingServer(TinyServer):
    """Serves "idefics-images" at `target.base_url`; `fault` names what it does wrong."""

    limit = LENGTH

    def __init__(self) -> None:
        self.model, self.fault = "idefics-images", ""
        self.tokenizer, self.network = _loaded()
        self.by_size: dict[tuple[int, ...], np.ndarray] = {}
        self.flying: list[list[np.ndarray]] = []
        self.blind = False

    # Operations ------------------------------------------------------------------------------

    def chat_completions(self, body: dict[str, Any]) -> dict[str, Any] | str:
        found = self._say(body["messages"], body["max_tokens"])
        content = [
            {**_scored(token, logprob), "top_logprobs": [_scored(*each) for each in top]}
            for token, logprob, top in found["steps"]
        ]
        head = {"id": "c", "created": 1, "model": self.model}
        if body.get("stream"):
            pieces = [token for token, _, _ in found["steps"]]
            if self.fault == "loses-a-piece":
                pieces = pieces[1:]
            kind = {**head, "object": "chat.completion.chunk"}
            deltas = [{"role": "assistant", "content": ""}, *({"content": p} for p in pieces), {}]
            choices = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
            choices[-1]["finish_reason"] = "length"
            events = [{**kind, "choices": [choice]} for choice in choices]
            events.append({**kind, "choices": [], "usage": found["usage"]})
            return "".join(f"data: {json.dumps(each)}\n\n" for each in events) + "data: [DONE]\n\n"
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": found["text"]},
            "finish_reason": "length",
            "logprobs": {"content": content} if body.get("logprobs") else None,
        }
        return {**head, "object": "chat.completion", "choices": [choice], "usage": found["usage"]}

    def responses(self, body: dict[str, Any]) -> dict[str, Any]:
        parts = [
            {"type": "text", "text": part["text"]}
            if part["type"] == "input_text"
            else _shown(part["image_url"])
            for part in body["input"][0]["content"]
            if part["type"] == "input_text" or self.fault != "blind-elsewhere"
        ]
        found = self._say([{"role": "user", "content": parts}], body["max_output_tokens"])
        text = {"type": "output_text", "text": found["text"], "annotations": []}
        message = {"type": "message", "id": "m", "role": "assistant", "status": "completed"}
        usage = {
            "input_tokens": found["usage"]["prompt_tokens"],
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": found["usage"]["completion_tokens"],
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": found["usage"]["total_tokens"],
        }
        return {
            "id": "r",
            "object": "response",
            "created_at": 1.0,
            "model": self.model,
            "status": "incomplete",
            "incomplete_details": {"reason": "max_output_tokens"},
            "output": [{**message, "content": [text]}],
            "parallel_tool_calls": True,
            "tool_choice": "auto",
            "tools": [],
            "usage": usage,
        }

    def messages(self, body: dict[str, Any]) -> dict[str, Any]:
        parts = [
            part
            if part["type"] == "text"
            else _shown(f"data:image/png;base64,{part['source']['data']}")
            for part in body["messages"][0]["content"]
            if part["type"] == "text" or self.fault != "blind-elsewhere"
        ]
        found = self._say([{"role": "user", "content": parts}], body["max_tokens"])
        counted = found["usage"]
        return {
            "id": "m",
            "type": "message",
            "role": "assistant",
            "content": [{"type": "text", "text": found["text"]}],
            "model": self.model,
            "stop_reason": "max_tokens",
            "stop_sequence": None,
            "usage": {
                "input_tokens": counted["prompt_tokens"],
                "output_tokens": counted["completion_tokens"],
            },
        }

    # What is shown ---------------------------------------------------------------------------

    def _say(self, messages: list[dict[str, Any]], steps: int) -> dict[str, Any]:
        prompt, images, blind = "", [], self.blind
        self.blind = False
        for message in messages:
            prompt += f"<|im_start|>{message['role']}\n"
            content = message["content"]
            parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
            if self.fault == "images-first":
                parts = sorted(parts, key=lambda part: part["type"] == "text")
            for part in parts:
                if part["type"] == "text":
                    prompt += part["text"]
                    continue
                try:
                    image = self._image(part)
                except Refused as refusal:
                    if self.fault == "takes-anything":
                        continue
                    self.blind = self.fault == "blind-after-a-refusal"
                    if self.fault == "breaks":
                        raise Refused(str(refusal), 500) from None
                    raise
                earlier = message is not messages[-1] and self.fault == "forgets-turns"
                if image is not None and not earlier:
                    prompt += WRITTEN
                    images.append(image)
            prompt += "<|im_end|>\n"
        if self.fault == "last-only" and images:
            prompt, images = prompt.replace(WRITTEN, "", len(images) - 1), images[-1:]
        if self.fault == "blind" or blind:
            prompt, images = prompt.replace(WRITTEN, ""), []
        if self.fault == "sees-black":
            images = [np.zeros_like(each) for each in images]
        self.flying.append(images)
        if self.fault == "mixes":
            time.sleep(0.5)  # long enough that others come meanwhile
            others = [each for each in self.flying if len(each) == len(images)]
            shown = others[0]
        else:
            shown = images
        try:
            return self._generate(prompt + "<|im_start|>assistant\n", shown, steps)
        finally:
            self.flying = [each for each in self.flying if each is not images]

    def _generate(self, prompt: str, images: list[np.ndarray], steps: int) -> dict[str, Any]:
        ids = self.tokenizer(prompt)["input_ids"]
        if len(ids) > LENGTH:
            if self.fault != "takes-anything":
                raise Refused("Too long.")
            ids, images = ids[-30:], []
            ids = [each for each in ids if each < 512]
        asked, given, found = len(ids), {}, []
        if images:
            values = (np.stack(images).astype(np.float32) / 255 - 0.5) / 0.5
            if self.fault == "swaps-colours":
                values = values[..., ::-1]
            given["pixel_values"] = torch.from_numpy(values.transpose(0, 3, 1, 2)[None].copy())
        for _ in range(steps):
            with torch.inference_mode():
                row = self.network(input_ids=torch.tensor([ids]), **given).logits[0, -1]
            best = row.double().log_softmax(-1).topk(10)
            pairs = zip(best.indices.tolist(), best.values.tolist(), strict=True)
            top = [(self.tokenizer.decode([token]), logprob) for token, logprob in pairs]
            found.append((*top[0], top))
            ids.append(int(best.indices[0]))
        if self.fault == "counts-text-only":
            asked -= (TOKENS + 3) * len(images)
        total = asked + steps + (self.fault == "adds-wrongly")
        usage = {"prompt_tokens": asked, "completion_tokens": steps, "total_tokens": total}
        return {"steps": found, "text": "".join(each[0] for each in found), "usage": usage}

    def _image(self, part: dict[str, Any]) -> np.ndarray | None:
        """Pixels as the model sees them, `[SIDE, SIDE, 3]`; None where a fault leaves them out."""
        given = part.get("image_url")
        address = given.get("url") if isinstance(given, dict) else None
        if not isinstance(address, str) or given.get("detail", "auto") not in {
            "auto",
            "low",
            "high",
        }:
            raise Refused("No such part.")
        head, comma, data = address.partition(",")
        if not comma or not head.startswith("data:") or not head.endswith(";base64"):
            raise Refused("No such address.")
        try:
            pixels = decoded(base64.b64decode(data, validate=True), self.fault)
        except (binascii.Error, zlib.error, struct.error, ValueError, IndexError):
            raise Refused("No picture.") from None
        if self.fault == "drops-detailed" and "detail" in given:
            return None
        if self.fault == "drops-named" and "uuid" in part:
            return None
        if self.fault == "drops-others" and pixels.shape[:2] != (SIDE, SIDE):
            return None
        if self.fault == "keeps-by-size":
            pixels = self.by_size.setdefault(pixels.shape, pixels)
        rows, columns = (np.arange(SIDE) * size // SIDE for size in pixels.shape[:2])
        return pixels[rows][:, columns]


def decoded(file: bytes, fault: str = "") -> np.ndarray:
    """The pixels of one of the fixture's PNG files, or of its JPEG, `[height, width, 3]`.

    Raises:
        ValueError, zlib.error, struct.error: it is neither.
    """
    if file == mosaic_jpeg():
        pixels = np.array(PICTURES["mosaic"])
        return pixels // 2 if fault == "reads-jpeg-darkly" else pixels
    if not file.startswith(b"\x89PNG\r\n\x1a\n"):
        raise ValueError
    at, chunks = 8, {}
    while at < len(file):
        length, kind = struct.unpack(">I4s", file[at : at + 8])
        if at + 12 + length > len(file):
            raise ValueError
        chunks[kind] = file[at + 8 : at + 8 + length]
        at += 12 + length
    width, height, _, colours = struct.unpack(">IIBB", chunks[b"IHDR"][:10])
    samples = {2: 3, 6: 4, 3: 1}[colours]
    raw = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8)
    rows = raw.reshape(height, 1 + width * samples)[:, 1:].reshape(height, width, samples)
    if not rows.size:
        raise ValueError
    if colours == 3 and fault == "reads-no-palette":
        return np.repeat(rows, 3, axis=2)
    if colours == 3:
        return np.frombuffer(chunks[b"PLTE"], np.uint8).reshape(-1, 3)[rows[..., 0]]
    return rows[..., 1:] if fault == "alpha-first" and samples == 4 else rows[..., :3]


def _shown(address: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": address}}


def _scored(token: str, logprob: float, *_: object) -> dict[str, Any]:
    return {"token": token, "logprob": logprob, "bytes": list(token.encode())}
