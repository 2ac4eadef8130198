"""POST /audio/transcriptions and /audio/translations: what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from conformance.api import expect
from conformance.api.hearing import TRANSCRIBE, TRANSLATE, Listener
from conformance.requirements import MUST, SHOULD, requirement
from fixtures import sounds

LISTEN = "audio.{task}.create: "
BOTH = pytest.mark.parametrize("task", [TRANSCRIBE, TRANSLATE])

FILES: dict[str, bytes | None] = {
    "none": None,
    "empty": b"",
    "text": b"This is not a sound, but a text of a line.",
    "cut-in-its-head": sounds.sound("low")[:30],
}

WRONG: dict[str, tuple[str, dict[str, Any]]] = {
    "language": ("language", {"language": "xx"}),
    "format": ("response_format", {"response_format": "morse"}),
    "temperature": ("temperature", {"temperature": "hot"}),
    "temperature-negative": ("temperature", {"temperature": -1}),
    "stream": ("stream", {"stream": "perhaps"}),
    "top-p": ("top_p", {"top_p": 3}),
    "top-k": ("top_k", {"top_k": "few"}),
    "min-p": ("min_p", {"min_p": 2}),
    "seed": ("seed", {"seed": "lucky"}),
    "max-tokens": ("max_completion_tokens", {"max_completion_tokens": 0}),
    "repetition": ("repetition_penalty", {"repetition_penalty": -1}),
    "frequency": ("frequency_penalty", {"frequency_penalty": 3}),
    "presence": ("presence_penalty", {"presence_penalty": -3}),
    "beams": ("use_beam_search", {"use_beam_search": "perhaps"}),
    "n": ("n", {"n": "two"}),
    "length": ("length_penalty", {"length_penalty": "long"}),
    "stop-string": ("include_stop_str_in_output", {"include_stop_str_in_output": "perhaps"}),
    "usage-of-no-stream": ("stream_include_usage", {"stream_include_usage": True}),
    "stats-of-no-stream": (
        "stream_continuous_usage_stats",
        {"stream_continuous_usage_stats": True},
    ),
    "to-language": ("to_language", {"to_language": "xx"}),
}

OF_TRANSCRIPTIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "xargs": ("vllm_xargs", {"vllm_xargs": "{"}),
    "granularity": ("timestamp_granularities", {"timestamp_granularities[]": ["phrase"]}),
}


@requirement(
    "api/audio/wrong-file",
    MUST,
    source="OpenAI audio.transcriptions.create: file; vLLM answers 400",
    refuses=f"{LISTEN}file",
)
@pytest.mark.parametrize("case", FILES)
@BOTH
def test_wrong_file(listener: Listener, task: str, case: str) -> None:
    """A request without a sound that can be read MUST be refused with 400 or 422 and an OpenAI
    error, and the next valid one answered.

    A model that is given nothing writes something down, and it is believed.
    """
    response = listener.post(task, file=FILES[case])
    expect.refused(response, what="A file that is no sound")
    listener.text(task)


@requirement(
    "api/audio/too-large",
    SHOULD,
    source="OpenAI: files of up to 25 MB; vLLM answers 400",
    refuses="audio.transcriptions.create: file",
    profiles=("api",),
)
def test_too_large(listener: Listener) -> None:
    """A file of more than 25 MB SHOULD be refused, with 400, 413 or 422.

    It is where production ends, and clients cut their files.
    """
    large = sounds.wav(bytes(27 * 1024 * 1024))
    response = listener.post(file=large)
    expect.refused(response, what="A file of 27 MB", statuses=(400, 413, 422))


@requirement(
    "api/audio/refused",
    SHOULD,
    source="OpenAI audio.transcriptions.create, and vLLM's own fields; vLLM 0.32 answers 400",
    refuses={
        f"{task}-{case}": f"audio.{task}.create: {field}"
        for case, (field, _) in WRONG.items()
        for task in (TRANSCRIBE, TRANSLATE)
    },
    profiles=("api",),
)
@pytest.mark.parametrize("case", WRONG)
@BOTH
def test_refused(listener: Listener, task: str, case: str) -> None:
    """A wrong value SHOULD be refused with 400 or 422 and an OpenAI error.

    A server that drops what it does not understand writes something else down than was asked for.
    """
    field, fields = WRONG[case]
    expect.refused(listener.post(task, **fields), what=f"A wrong `{field}`")


@requirement(
    "api/audio/refused-of-transcriptions",
    SHOULD,
    source="OpenAI audio.transcriptions.create, and vLLM's own fields; vLLM 0.32 answers 400",
    refuses={
        case: f"audio.transcriptions.create: {field}"
        for case, (field, _) in OF_TRANSCRIPTIONS.items()
    },
    profiles=("api",),
)
@pytest.mark.parametrize("case", OF_TRANSCRIPTIONS)
def test_refused_of_transcriptions(listener: Listener, case: str) -> None:
    """A wrong value of a field that only transcriptions have SHOULD be refused.

    As above.
    """
    field, fields = OF_TRANSCRIPTIONS[case]
    expect.refused(listener.post(**fields), what=f"A wrong `{field}`")


@requirement(
    "api/audio/verbose-stream",
    SHOULD,
    source="vLLM answers 400 to verbose_json with stream",
    refuses=f"{LISTEN}stream, response_format",
)
@BOTH
def test_verbose_stream(listener: Listener, task: str) -> None:
    """`verbose_json` with `stream` SHOULD be refused: there is no form for it.

    Half of it would be missing without a word.
    """
    response = listener.post(task, response_format="verbose_json", stream=True)
    expect.refused(response, what="`verbose_json` with `stream`")


@requirement(
    "api/audio/unknown-model",
    MUST,
    source="OpenAI errors: 404 model_not_found; vLLM answers 404",
    refuses=f"{LISTEN}model",
)
@BOTH
def test_unknown_model(listener: Listener, task: str) -> None:
    """A model that is not served MUST be refused with 404, 400 or 422.

    Another one writes down something else.
    """
    response = listener.post(task, model="no-such-model")
    expect.refused(response, what="An unknown model", statuses=(404, 400, 422))
