"""Transcriptions and translations: asked for, read and compared."""

from __future__ import annotations

from typing import Any

from openai.types import CompletionUsage
from pydantic import BaseModel

from conformance.api import expect
from conformance.api.ask import read_stream
from conformance.outcomes import Failed, Inconclusive, Silent
from conformance.targets.client import Client, Response
from conformance.targets.multipart import multipart
from conformance.targets.server import ServerTarget, short_name
from fixtures.goldens.tasks import Transcript, transcripts
from fixtures.models.tasks.whisper import WHISPER
from fixtures.sounds import sound

TRANSCRIBE, TRANSLATE = "transcriptions", "translations"
TASKS = {TRANSCRIBE: "transcribe", TRANSLATE: "translate"}


class _Delta(BaseModel):
    content: str | None = None


class _Choice(BaseModel):
    delta: _Delta
    finish_reason: str | None = None


class Chunk(BaseModel):
    """One event of a streamed transcript, as vLLM sends it: OpenAI's are of another form."""

    id: str
    object: str
    model: str
    choices: list[_Choice]
    usage: CompletionUsage | None = None


class Segment(BaseModel):
    """A part of a transcript with its times, seconds."""

    id: int
    start: float
    end: float
    text: str
    tokens: list[int]
    avg_logprob: float
    compression_ratio: float
    temperature: float


class Verbose(BaseModel):
    """An answer of `verbose_json`."""

    duration: float
    language: str
    text: str
    segments: list[Segment] | None = None


class Listener:
    """Requests to one target that send a sound.

    Defaults: the fixture's sound "low", `language` "en"; a default is left out with None.
    """

    def __init__(self, client: Client, target: ServerTarget) -> None:
        self.client, self.target = client, target

    def post(
        self, task: str = TRANSCRIBE, /, *, file: bytes | None = b"low", **fields: Any
    ) -> Response:
        """POST /audio/transcriptions or /audio/translations.

        Args:
            file: content of the file, or the name of a fixture's sound; None leaves it out.
        """
        whole = {"model": self.target.model, "language": "en", **fields}
        told = [
            (name, str(each).lower() if isinstance(each, bool) else str(each))
            for name, value in whole.items()
            if value is not None
            for each in (value if isinstance(value, list) else [value])
        ]
        content = sound(file.decode()) if file is not None and len(file) in range(1, 8) else file
        body, headers = multipart(told, content)
        return self.client.request("POST", f"/audio/{task}", content=body, headers=headers)

    def text(self, task: str = TRANSCRIBE, /, **more: Any) -> str:
        """What is written down. Raises as `expect.ok`, and Failed without a text."""
        found = expect.ok(self.post(task, **more)).get("text")
        if not isinstance(found, str):
            raise Failed("A transcript has no text", expected="text", actual=found)
        return found

    def verbose(self, task: str = TRANSCRIBE, /, **more: Any) -> Verbose:
        """The answer of `verbose_json`.

        Raises:
            Silent: it is that of `json`.
        """
        response = self.post(task, response_format="verbose_json", **more)
        if "duration" not in expect.ok(response):
            raise Silent(
                "`response_format: verbose_json` is accepted and ignored",
                expected="duration, language, segments",
                actual=response.exchange.response[:200],
            )
        return expect.typed_json(response.body, Verbose)

    def stream(self, task: str = TRANSCRIBE, /, **more: Any) -> list[Chunk]:
        """The events of a streamed transcript. Raises as `read_stream`."""
        response = self.post(task, stream=True, **more)
        return [expect.typed_json(each, Chunk) for each in read_stream(response).payloads]

    def golden(self, name: str, task: str = TRANSCRIBE, language: str = "en") -> Transcript:
        """What PyTorch writes down of a fixture's sound.

        Raises:
            Inconclusive: the served model is another one.
        """
        if short_name(self.target.model) != WHISPER.name:
            raise Inconclusive(
                f"What is right is known of {WHISPER.name} only: serving that would decide",
                cause=f"Needs the model {WHISPER.name}",
            )
        return transcripts(WHISPER.name)[name, TASKS[task], language]


def joined(chunks: list[Chunk]) -> str:
    """The text of a stream."""
    return "".join(choice.delta.content or "" for each in chunks for choice in each.choices)


def written(found: str, right: Transcript) -> None:
    """A transcript is the golden's, as far as that is certain.

    What follows the first decision that hangs on rounding is anybody's, and is not compared.
    """
    whole = right.certain == right.text
    if (found != right.text) if whole else not found.startswith(right.certain):
        raise Failed(
            "Something else is written down than the checkpoint says",
            expected=right.text if whole else f"{right.certain}…",
            actual=found,
        )
