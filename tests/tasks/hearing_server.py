"""A server of transcriptions and translations over transformers, right or with one fault."""

from __future__ import annotations

import io
import json
import wave
from email import message_from_bytes
from functools import cache
from typing import Any

import numpy as np
import torch
from tiny_server import Refused, TinyServer
from transformers import AutoTokenizer, WhisperFeatureExtractor, WhisperForConditionalGeneration

import fixtures.models
from fixtures.models.tasks.whisper import END, IDS, LANGUAGES, LENGTH, NO_TIMES, SECONDS, START
from fixtures.sounds import RATE

FORMATS = ("json", "text", "verbose_json", "srt", "vtt")
LARGEST = 25 * 1024 * 1024
RANGES = {"temperature": (0, 2), "top_p": (0, 1), "min_p": (0, 1), "presence_penalty": (-2, 2)}
COMMON = {"model", "language", "response_format", "temperature", "stream", "seed", "prompt"}


@cache
def _loaded() -> tuple[Any, Any, Any]:
    folder = fixtures.models.path("whisper-audio")
    model = WhisperForConditionalGeneration.from_pretrained(folder).eval()
    extractor = WhisperFeatureExtractor.from_pretrained(folder)
    return AutoTokenizer.from_pretrained(folder), extractor, model


@cache
def _heard(samples: bytes) -> Any:
    """The encoder's output for up to 30 seconds of float32 samples."""
    _, extractor, model = _loaded()
    sound = np.frombuffer(samples, dtype=np.float32)
    features = extractor(sound, sampling_rate=RATE, return_tensors="pt").input_features
    with torch.inference_mode():
        return model.model.encoder(features)


class HearingServer(TinyServer):
    """Serves "whisper-audio" at `target.base_url`; `fault` names what it does wrong."""

    limit = LENGTH

    def __init__(self) -> None:
        self.model, self.fault, self.asked = "whisper-audio", "", 0
        self.tokenizer, _, self.network = _loaded()

    def read(self, sent: bytes, kind: str) -> dict[str, Any]:
        if len(sent) > LARGEST:
            if self.fault != "takes-anything":
                raise Refused("Too large.", 413)
            return {"model": self.model, "file": None}
        form = message_from_bytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + sent)
        body: dict[str, Any] = {"file": None}
        for part in form.get_payload():
            name = part.get_param("name", header="content-disposition")
            content = part.get_payload(decode=True)
            body[str(name)] = content if name == "file" else content.decode()
        return body

    def audio_transcriptions(self, body: dict[str, Any]) -> dict[str, Any] | str:
        return self._write(body, "transcribe")

    def audio_translations(self, body: dict[str, Any]) -> dict[str, Any] | str:
        return self._write(body, "translate")

    def _write(self, body: dict[str, Any], task: str) -> dict[str, Any] | str:
        if self.fault != "takes-anything":
            self._check(body)
        form, language = body.get("response_format", "json"), body.get("language", "en")
        sound = self._samples(body["file"])
        window = SECONDS * RATE
        parts = [sound[at : at + window] for at in range(0, max(len(sound), 1), window)]
        if self.fault == "ends-at-30-s":
            parts = parts[:1]
        tokens = [token for part in parts for token in self._tokens(part, body, task, language)]
        texts = [self.tokenizer.decode([each], skip_special_tokens=True) for each in tokens]
        text = "".join(texts)
        self.asked += 1
        if self.fault == "never-twice":
            text += f" {self.asked}"
        if self.fault == "confused-by-fields" and set(body) - COMMON - {"file"}:
            text += " what?"
        seconds = len(sound) / RATE
        segment = {"id": 0, "start": 0.0, "end": 1.0, "text": text, "tokens": tokens}
        segment |= {"avg_logprob": -1.0, "compression_ratio": 1.0, "temperature": 0.0}
        if self.fault == "no-times":
            segment["end"] = 0.0
        if self.fault == "ignores-format":
            form = "json"
        if body.get("stream") == "true" and self.fault != "takes-anything":
            return self._events(texts, tokens, body)
        if form == "verbose_json":
            found = {"duration": seconds, "language": language, "text": text}
            return {**found, "segments": [] if self.fault == "no-segments" else [segment]}
        if form in ("srt", "vtt"):
            head = "WEBVTT\n\n" if form == "vtt" else "1\n"
            return f"{head}00:00:00.000 --> 00:00:01.000\n{text}\n"
        if form == "text" and self.fault == "another-text":
            text = text.upper() + "!"
        whole = 0 if self.fault == "bills-nothing" else int(np.ceil(seconds))
        usage = {"type": "duration", "seconds": whole}
        return {"transcript" if self.fault == "no-text" else "text": text, "usage": usage}

    def _events(self, texts: list[str], tokens: list[int], body: dict[str, Any]) -> str:
        pieces = texts[1:] if self.fault == "loses-a-piece" else texts
        if self.fault == "all-at-once":
            pieces = ["".join(texts)]
        head = {"id": "t", "object": "transcription.chunk", "model": self.model}
        asked = body.get("stream_include_usage") == "true" and self.fault != "no-usage"
        often = body.get("stream_continuous_usage_stats") == "true"
        often = often and self.fault != "usage-at-the-end"

        def usage(count: int) -> dict[str, int]:
            told = {"prompt_tokens": 4, "completion_tokens": count}
            return {**told, "total_tokens": 4 + count + (self.fault == "adds-wrongly")}

        events: list[dict[str, Any]] = []
        for number, piece in enumerate(pieces, 1):
            reason = "stop" if number == len(pieces) and self.fault != "no-reason" else None
            choice = {"delta": {"content": piece}, "finish_reason": reason}
            more = {"usage": usage(number)} if often else {}
            events.append({**head, "choices": [choice], **more})
        if asked:
            events.append({**head, "choices": [], "usage": usage(len(tokens))})
        return "".join(f"data: {json.dumps(each)}\n\n" for each in events) + "data: [DONE]\n\n"

    def _check(self, body: dict[str, Any]) -> None:
        """Refuses what is wrong in a request, before its sound is read."""
        if self.fault == "knows-few-fields" and set(body) - COMMON - {"file"}:
            raise Refused("No such field.")
        if self.fault == "needs-a-language" and "language" not in body:
            raise Refused("No language.")
        if body.get("language", "en") not in LANGUAGES:
            raise Refused("No such language.")
        if body.get("response_format", "json") not in FORMATS:
            raise Refused("No such format.")
        if body.get("response_format") == "verbose_json" and body.get("stream") == "true":
            raise Refused("No form for it.")
        if body.get("timestamp_granularities[]", "segment") != "segment":
            raise Refused("No such granularity.")
        for name, (low, high) in RANGES.items():
            try:
                value = float(body.get(name, low))
            except ValueError:
                raise Refused(f"No number: {name}.") from None
            if not low <= value <= high:
                raise Refused(f"Not in its range: {name}.")

    def _samples(self, file: bytes | None) -> np.ndarray:
        """16,000 samples a second, float32."""
        try:
            with wave.open(io.BytesIO(file or b"")) as reader:
                raw = reader.readframes(reader.getnframes())
                channels, rate = reader.getnchannels(), reader.getframerate()
        except (wave.Error, EOFError):
            if self.fault == "takes-anything":
                return np.zeros(RATE, np.float32)
            raise Refused("No sound.", 500 if self.fault == "breaks" else 400) from None
        sound = np.frombuffer(raw, "<i2").astype(np.float32) / 32768
        if channels == 2 and self.fault != "one-channel":
            sound = sound.reshape(-1, 2).mean(1)
        if rate != RATE and self.fault != "one-speed":
            sound = sound[:: rate // RATE]
        return np.zeros(RATE, np.float32) if self.fault == "deaf" else sound

    def _tokens(
        self, sound: np.ndarray, body: dict[str, Any], task: str, language: str
    ) -> list[int]:
        """What is written down of a sound, the end included."""
        if self.fault == "one-language":
            language = "de"
        before = [IDS[each] for each in (START, f"<|{language}|>", f"<|{task}|>", NO_TIMES)]
        if "prompt" in body and self.fault != "ignores-prompt":
            said = self.tokenizer(body["prompt"], add_special_tokens=False)["input_ids"]
            before = [IDS["<|startofprev|>"], *said, *before]
        most = int(body.get("max_completion_tokens", LENGTH))
        if self.fault == "ignores-the-limit":
            most = LENGTH
        seed = None if self.fault == "ignores-seed" else int(body.get("seed", 0))
        draw, state = np.random.default_rng(seed), _heard(sound.tobytes())
        ids: list[int] = []
        while len(ids) < min(most, LENGTH - len(before)) and ids[-1:] != [IDS[END]]:
            told = torch.tensor([before + ids])
            with torch.inference_mode():
                logits = self.network(encoder_outputs=state, decoder_input_ids=told).logits[0, -1]
            ids.append(self._next(logits.double().numpy(), ids, body, draw))
        return ids

    def _next(
        self, logits: np.ndarray, ids: list[int], body: dict[str, Any], draw: np.random.Generator
    ) -> int:
        if self.fault != "ignores-penalties":
            counts = np.bincount(ids, minlength=len(logits))
            repetition = float(body.get("repetition_penalty", 1))
            punished = np.where(logits > 0, logits / repetition, logits * repetition)
            logits = np.where(counts > 0, punished, logits)
            logits = logits - counts * float(body.get("frequency_penalty", 0))
            logits = logits - (counts > 0) * float(body.get("presence_penalty", 0))
        sure = body.get("top_k") == "1" or float(body.get("top_p", 1)) < 1e-3 or "min_p" in body
        if self.fault == "ignores-sampling":
            sure = False
        temperature = float(body.get("temperature", 0))
        if sure or temperature <= 0 or self.fault == "ignores-temperature":
            return int(logits.argmax())
        weights = np.exp((logits - logits.max()) / temperature)
        return int(draw.choice(len(logits), p=weights / weights.sum()))
