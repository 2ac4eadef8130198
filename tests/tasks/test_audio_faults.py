"""Requirements on transcripts hold for a right server and catch each fault."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hearing_server import HearingServer

from conformance.api.audio import test_audio as audio
from conformance.api.audio import test_refusals as refusals
from conformance.api.hearing import TRANSCRIBE, TRANSLATE, Listener
from conformance.outcomes import Failed, Judgement, Silent, Unsupported
from conformance.targets.client import Client

Case = tuple[str, Callable[..., None], tuple[Any, ...], type[Judgement]]

FAULTS: list[Case] = [
    ("one-language", audio.test_golden, (TRANSCRIBE, "low", "en"), Failed),
    ("one-speed", audio.test_forms, (TRANSCRIBE, "48-kHz"), Failed),
    ("one-channel", audio.test_forms, (TRANSCRIBE, "stereo"), Failed),
    ("no-text", audio.test_create, (TRANSCRIBE,), Failed),
    ("bills-nothing", audio.test_usage, (TRANSCRIBE, "slow", 3), Failed),
    ("never-twice", audio.test_repeated, (TRANSLATE,), Failed),
    ("deaf", audio.test_sound_matters, (TRANSCRIBE,), Failed),
    ("ends-at-30-s", audio.test_long, (TRANSCRIBE,), Failed),
    ("needs-a-language", audio.test_language_detected, (TRANSCRIBE,), Unsupported),
    ("ignores-prompt", audio.test_prompt, (TRANSCRIBE,), Silent),
    ("another-text", audio.test_format_text, (TRANSCRIBE,), Failed),
    ("ignores-format", audio.test_format_verbose, (TRANSCRIBE,), Silent),
    ("no-times", audio.test_format_verbose, (TRANSCRIBE,), Failed),
    ("no-segments", audio.test_granularity, (), Silent),
    ("ignores-format", audio.test_format_subtitles, (TRANSCRIBE, "srt"), Silent),
    ("ignores-format", audio.test_format_subtitles, (TRANSCRIBE, "vtt"), Silent),
    ("loses-a-piece", audio.test_stream, (TRANSCRIBE,), Failed),
    ("no-reason", audio.test_stream, (TRANSCRIBE,), Failed),
    ("all-at-once", audio.test_stream, (TRANSLATE,), Silent),
    ("no-usage", audio.test_stream_usage, (TRANSCRIBE, False), Silent),
    ("adds-wrongly", audio.test_stream_usage, (TRANSCRIBE, False), Failed),
    ("usage-at-the-end", audio.test_stream_usage, (TRANSCRIBE, True), Silent),
    ("ignores-sampling", audio.test_sampling_greedy, (TRANSCRIBE, "top_k"), Silent),
    ("ignores-sampling", audio.test_sampling_greedy, (TRANSCRIBE, "min_p"), Silent),
    ("ignores-temperature", audio.test_seed, (TRANSCRIBE,), Silent),
    ("ignores-seed", audio.test_seed, (TRANSCRIBE,), Failed),
    ("ignores-penalties", audio.test_penalty, (TRANSCRIBE, "repetition_penalty"), Silent),
    ("ignores-penalties", audio.test_penalty, (TRANSCRIBE, "presence_penalty"), Silent),
    ("ignores-the-limit", audio.test_max_completion_tokens, (TRANSCRIBE,), Silent),
    ("knows-few-fields", audio.test_beams, (TRANSCRIBE,), Unsupported),
    ("confused-by-fields", audio.test_without_effect, (TRANSCRIBE, "hotwords"), Failed),
    ("knows-few-fields", audio.test_of_openai, ("keywords",), Unsupported),
    ("takes-anything", refusals.test_wrong_file, (TRANSCRIBE, "text"), Silent),
    ("breaks", refusals.test_wrong_file, (TRANSLATE, "empty"), Failed),
    ("takes-anything", refusals.test_too_large, (), Silent),
    ("takes-anything", refusals.test_refused, (TRANSCRIBE, "format"), Silent),
    ("takes-anything", refusals.test_refused, (TRANSLATE, "temperature-negative"), Silent),
    ("takes-anything", refusals.test_refused_of_transcriptions, ("granularity",), Silent),
    ("takes-anything", refusals.test_verbose_stream, (TRANSCRIBE,), Silent),
    ("takes-any-model", refusals.test_unknown_model, (TRANSLATE,), Silent),
]


@pytest.fixture(scope="module")
def heard() -> Iterator[tuple[HearingServer, Listener]]:
    with HearingServer() as server, Client(server.target.base_url) as client:
        yield server, Listener(client, server.target)


@pytest.mark.parametrize(
    ("fault", "requirement", "arguments", "outcome"),
    [pytest.param(*c, id="-".join((c[0], c[1].__name__, *map(str, c[2])))) for c in FAULTS],
)
def test_a_fault_of_transcripts_is_caught(
    heard: tuple[HearingServer, Listener],
    fault: str,
    requirement: Callable[..., None],
    arguments: tuple[Any, ...],
    outcome: type[Judgement],
) -> None:
    server, listener = heard
    server.fault = ""
    requirement(listener, *arguments)
    server.fault = fault
    with pytest.raises(outcome):
        requirement(listener, *arguments)
