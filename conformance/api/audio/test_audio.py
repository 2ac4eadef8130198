"""POST /audio/transcriptions and /audio/translations: what is written down of a sound."""

from __future__ import annotations

from typing import Any

import pytest

from conformance.api import expect
from conformance.api.hearing import TASKS, TRANSCRIBE, TRANSLATE, Listener, joined, written
from conformance.outcomes import Failed, Silent
from conformance.requirements import MAY, MUST, SHOULD, requirement
from fixtures import sounds
from fixtures.goldens.tasks import transcripts
from fixtures.models.tasks.whisper import WHISPER

BOTH = pytest.mark.parametrize("task", [TRANSCRIBE, TRANSLATE])
EACH = "audio.{task}.create: "
SURE = [
    (path, name, language)
    for (name, task, language), right in transcripts(WHISPER.name).items()
    for path in (TRANSCRIBE, TRANSLATE)
    if TASKS[path] == task and len(right.certain) >= 8
]
"""What a wrong reading does not begin with by chance: a few words of a text."""

OF_MODEL = "vLLM: sampling of its own beside OpenAI's fields"


@requirement(
    "api/audio/golden",
    MUST,
    source="transformers in float32 on a CPU: fixtures/goldens/tasks",
    accepts=f"{EACH}file, model, language",
    honours=f"{EACH}file, language",
)
@pytest.mark.parametrize(("task", "name", "language"), SURE, ids=["-".join(case) for case in SURE])
def test_golden(listener: Listener, task: str, name: str, language: str) -> None:
    """Greedy text MUST be the checkpoint's own, as far as each token is ahead by more than twice
    what bfloat16 is off on a CPU.

    A spectrum with another window, or one language token for another, gives text all the same.
    """
    right = listener.golden(name, task, language)
    written(listener.text(task, file=name.encode(), language=language), right)


@requirement(
    "api/audio/create",
    MUST,
    source="OpenAI audio.transcriptions.create, audio.translations.create: text",
    accepts=f"{EACH}file, model",
    honours="audio.{task}.create:",
)
@BOTH
def test_create(listener: Listener, task: str) -> None:
    """The server MUST answer a WAV file with `text`, in JSON.

    Every client reads just this.
    """
    response = listener.post(task)
    expect.json_content_type(response)
    listener.text(task)


@requirement(
    "api/audio/usage",
    SHOULD,
    source="OpenAI audio.transcriptions.create: usage; vLLM: by duration, rounded up",
    honours=f"{EACH}file",
)
@pytest.mark.parametrize(("name", "seconds"), [("rising", 1), ("slow", 3)], ids=["0.8s", "2.2s"])
@pytest.mark.parametrize("task", [TRANSCRIBE])
def test_usage(listener: Listener, task: str, name: str, seconds: int) -> None:
    """A transcription's `usage` SHOULD be its seconds, rounded up.

    Costs are computed from it.
    """
    found = expect.ok(listener.post(task, file=name.encode())).get("usage")
    expect.same(found, {"type": "duration", "seconds": seconds}, what="`usage`")


@requirement(
    "api/audio/repeated",
    MUST,
    source="OpenAI audio.transcriptions.create: temperature 0",
    accepts=f"{EACH}temperature",
    honours=f"{EACH}temperature",
)
@BOTH
def test_repeated(listener: Listener, task: str) -> None:
    """Temperature 0 MUST be what no temperature is, and give the same text each time.

    Minutes of a meeting do not change by being read again.
    """
    plain = listener.text(task)
    expect.same(listener.text(task, temperature=0), plain, what="The text at temperature 0")


@requirement(
    "api/audio/sound-matters", MUST, source="a transcript is of a sound", honours=f"{EACH}file"
)
@BOTH
def test_sound_matters(listener: Listener, task: str) -> None:
    """Another sound MUST give another text.

    A server that never reads the file answers just as quickly.
    """
    listener.golden("low", task)
    if listener.text(task) == listener.text(task, file=b"steady"):
        raise Failed("Two sounds have one transcript", expected="two texts", actual="one")


@requirement(
    "api/audio/forms-of-a-sound",
    MUST,
    source="OpenAI audio.transcriptions.create: file",
    honours=f"{EACH}file",
)
@pytest.mark.parametrize("form", ["stereo", "48-kHz"])
@pytest.mark.parametrize("task", [TRANSCRIBE])
def test_forms(listener: Listener, task: str, form: str) -> None:
    """The same sound on two channels, or with more samples a second, MUST be heard as the same.

    Recordings come as the microphone makes them; one that is read at the wrong speed is another
    sound.
    """
    right = listener.golden("low", task)
    if form == "stereo":
        written(listener.text(task, file=sounds.stereo(sounds.sound("low"))), right)
        return
    found = listener.text(task, file=sounds.chirp(*sounds.SOUNDS["low"], rate=48_000))
    # A filter comes between: what is certain of the beginning stays.
    first = right.certain.split()[0]
    if not found.startswith(first):
        raise Failed("The sound is read at another speed", expected=f"{first}…", actual=found)


@requirement(
    "api/audio/long",
    SHOULD,
    source="vLLM: a sound of more than 30 s is cut into several",
    honours=f"{EACH}file",
)
@BOTH
def test_long(listener: Listener, task: str) -> None:
    """A sound that is longer than the model hears at once SHOULD be written down to its end.

    Meetings last an hour.
    """
    # The long one begins with the short one: cut there, it has the same text.
    short = listener.text(task, file=sounds.chirp(30.0, 120.0, 400.0))
    found = listener.text(task, file=sounds.chirp(80.0, 120.0, 400.0))
    if len(found) <= len(short):
        raise Failed(
            "Of a long sound no more is written than of a short one",
            expected=f"more than {len(short)} characters",
            actual=found,
        )


@requirement(
    "api/audio/language-detected",
    SHOULD,
    source="OpenAI audio.transcriptions.create: language is optional; vLLM 0.32 detects it",
    honours=f"{EACH}language",
)
@BOTH
def test_language_detected(listener: Listener, task: str) -> None:
    """Without `language` a sound SHOULD be written down all the same.

    Most programs do not know it.
    """
    listener.text(task, language=None)


@requirement(
    "api/audio/prompt",
    SHOULD,
    source="OpenAI audio.transcriptions.create: prompt",
    accepts=f"{EACH}prompt",
    honours=f"{EACH}prompt",
)
@BOTH
def test_prompt(listener: Listener, task: str) -> None:
    """`prompt` SHOULD have an effect on the text.

    Names are spelt as it spells them.
    """
    listener.golden("low", task)
    if listener.text(task, prompt="The cat") == listener.text(task):
        raise Silent("`prompt` is accepted and ignored", expected="another text", actual="the same")


@requirement(
    "api/audio/format-text",
    SHOULD,
    source="OpenAI audio.transcriptions.create: response_format; vLLM 0.32 sends the JSON of "
    "`json` for `text` as well",
    accepts=f"{EACH}response_format",
    honours=f"{EACH}response_format",
)
@BOTH
def test_format_text(listener: Listener, task: str) -> None:
    """`response_format: "text"` SHOULD give the same text, plain or, as production does, in JSON.

    Shell scripts ask for it.
    """
    plain, response = listener.text(task), listener.post(task, response_format="text")
    if response.status != 200:
        expect.ok(response)
    body = response.text().strip()
    found = expect.json_object(response).get("text") if body.startswith("{") else body
    expect.same(str(found).strip(), plain.strip(), what="The text")


@requirement(
    "api/audio/format-verbose",
    SHOULD,
    source="OpenAI audio.transcriptions.create: response_format verbose_json",
    accepts=f"{EACH}response_format",
    honours=f"{EACH}response_format, language",
)
@BOTH
def test_format_verbose(listener: Listener, task: str) -> None:
    """`verbose_json` SHOULD tell duration and language, and segments whose texts are the text,
    within the sound, one after the other.

    Subtitles and players jump by them.
    """
    listener.golden("slow", task)
    found = listener.verbose(task, file=b"slow", language="de")
    expect.same((found.duration, found.language), (2.2, "de"), what="Duration and language")
    segments = found.segments or []
    expect.same([each.id for each in segments], list(range(len(segments))), what="The numbering")
    text = "".join(each.text for each in segments)
    expect.same(text.replace(" ", ""), found.text.replace(" ", ""), what="The segments' text")
    if not segments or not 0 <= segments[0].start < segments[0].end <= 30:
        raise Failed("A segment has no time", expected="0 ≤ start < end", actual=segments)


@requirement(
    "api/audio/granularity",
    MAY,
    source="OpenAI audio.transcriptions.create: timestamp_granularities; vLLM has segments only",
    accepts="audio.transcriptions.create: timestamp_granularities",
    honours="audio.transcriptions.create: timestamp_granularities",
)
def test_granularity(listener: Listener) -> None:
    """`timestamp_granularities` of "segment" MAY be asked for, and gives segments.

    It is what `verbose_json` has by default.
    """
    listener.golden("low")
    found = listener.verbose(**{"timestamp_granularities[]": ["segment"]})
    if not found.segments:
        raise Silent(
            "`timestamp_granularities` is accepted and ignored", expected="segments", actual="none"
        )


@requirement(
    "api/audio/format-subtitles",
    MAY,
    source="OpenAI audio.transcriptions.create: response_format srt, vtt; vLLM 0.32 refuses both",
    honours=f"{EACH}response_format",
)
@pytest.mark.parametrize("form", ["srt", "vtt"])
@BOTH
def test_format_subtitles(listener: Listener, task: str, form: str) -> None:
    """A server MAY give subtitles, and they are of the form that was asked for.

    A player reads nothing else.
    """
    response = listener.post(task, response_format=form)
    if response.status != 200:
        expect.ok(response)
    text = response.text()
    if "-->" not in text or (form == "vtt") != text.lstrip().startswith("WEBVTT"):
        raise Silent(
            f"`response_format: {form}` is accepted and ignored", expected=form, actual=text[:200]
        )


@requirement(
    "api/audio/stream",
    SHOULD,
    source="vLLM: stream, chunks as those of a chat; OpenAI's events are of another form",
    accepts=f"{EACH}stream",
    honours=f"{EACH}stream",
)
@BOTH
def test_stream(listener: Listener, task: str) -> None:
    """`stream` SHOULD give the same text in pieces, one id and one model throughout, and say at its
    end why it ended.

    Live captions are shown as they come.
    """
    chunks = listener.stream(task)
    expect.same(joined(chunks), listener.text(task), what="The text of the stream")
    expect.same(len({each.id for each in chunks}), 1, what="The number of ids")
    reasons = [choice.finish_reason for each in chunks for choice in each.choices]
    expect.same(reasons[-1:], ["stop"], what="The last `finish_reason`")
    if len(chunks) < 3:
        raise Silent("`stream` is accepted and ignored", expected="pieces", actual=len(chunks))


@requirement(
    "api/audio/stream-usage",
    SHOULD,
    source="vLLM: stream_include_usage, stream_continuous_usage_stats",
    accepts=f"{EACH}stream_include_usage, stream_continuous_usage_stats",
    honours=f"{EACH}stream_include_usage, stream_continuous_usage_stats",
)
@pytest.mark.parametrize("continuous", [False, True], ids=["at-the-end", "continuous"])
@BOTH
def test_stream_usage(listener: Listener, task: str, continuous: bool) -> None:
    """`stream_include_usage` SHOULD end the stream with its usage, and with
    `stream_continuous_usage_stats` every piece has the usage so far.

    Gateways bill by it.
    """
    right = listener.golden("low", task)
    more = {"stream_continuous_usage_stats": True} if continuous else {}
    chunks = listener.stream(task, stream_include_usage=True, **more)
    last = chunks[-1].usage
    if last is None:
        raise Silent("`stream_include_usage` is accepted and ignored", expected="usage", actual="")
    expect.same(last.total_tokens, last.prompt_tokens + last.completion_tokens, what="The total")
    if right.certain == right.text:
        expect.same(last.completion_tokens, right.tokens, what="`completion_tokens`")
    counted = [each.usage.completion_tokens for each in chunks if each.usage]
    if continuous and (len(counted) != len(chunks) or counted != sorted(counted)):
        raise Silent(
            "`stream_continuous_usage_stats` is accepted and ignored",
            expected="a usage in every piece",
            actual=counted,
        )


CERTAIN: dict[str, dict[str, Any]] = {
    "top_k": {"temperature": 1, "top_k": 1},
    "top_p": {"temperature": 1, "top_p": 1e-6},
    "min_p": {"temperature": 1, "min_p": 1.0},
}


@requirement(
    "api/audio/sampling-greedy",
    SHOULD,
    source=OF_MODEL,
    accepts=f"{EACH}{{name}}",
    honours=f"{EACH}{{name}}",
)
@pytest.mark.parametrize("name", CERTAIN)
@BOTH
def test_sampling_greedy(listener: Listener, task: str, name: str) -> None:
    """A parameter that leaves only the likeliest token SHOULD give the greedy text at any
    temperature.

    It is the only use of them that can be told from chance.
    """
    found = [listener.text(task, seed=seed, **CERTAIN[name]) for seed in (1, 2, 3)]
    plain = listener.text(task)
    if set(found) != {plain}:
        free = {listener.text(task, temperature=1, seed=seed) for seed in (1, 2, 3)}
        kind = Silent if set(found) == free else Failed
        raise kind(f"`{name}` is accepted and ignored", expected=plain, actual=sorted(set(found)))


@requirement(
    "api/audio/seed",
    SHOULD,
    source=OF_MODEL,
    accepts=f"{EACH}seed, temperature",
    honours=f"{EACH}seed, temperature",
)
@BOTH
def test_seed(listener: Listener, task: str) -> None:
    """At a high temperature a `seed` SHOULD give the same text again, and others other texts.

    A finding can be shown again.
    """
    listener.golden("low", task)
    found = [listener.text(task, temperature=1.5, seed=seed) for seed in (1, 1, 2, 3)]
    if len(set(found)) == 1:
        raise Silent("`temperature` is accepted and ignored", expected="other texts", actual=found)
    expect.same(found[1], found[0], what="The text of the same seed")


PENALTIES = {"repetition_penalty": 5.0, "frequency_penalty": 2.0, "presence_penalty": 2.0}


@requirement(
    "api/audio/penalty",
    SHOULD,
    source=OF_MODEL,
    accepts=f"{EACH}{{name}}",
    honours=f"{EACH}{{name}}",
)
@pytest.mark.parametrize("name", PENALTIES)
@BOTH
def test_penalty(listener: Listener, task: str, name: str) -> None:
    """A penalty on tokens that were there SHOULD make a text that repeats itself another.

    It is the usual cure for a Whisper that stammers.
    """
    listener.golden("low", task)
    plain = listener.text(task)
    if listener.text(task, **{name: PENALTIES[name]}) == plain:
        raise Silent(f"`{name}` is accepted and ignored", expected="another text", actual=plain)


@requirement(
    "api/audio/max-completion-tokens",
    SHOULD,
    source="vLLM: max_completion_tokens",
    accepts=f"{EACH}max_completion_tokens",
    honours=f"{EACH}max_completion_tokens",
)
@BOTH
def test_max_completion_tokens(listener: Listener, task: str) -> None:
    """`max_completion_tokens` SHOULD end the text after so many tokens.

    A Whisper that stammers does so to its limit.
    """
    plain, found = listener.text(task), listener.text(task, max_completion_tokens=5)
    if found == plain:
        raise Silent("`max_completion_tokens` is accepted and ignored", expected=5, actual=found)
    if not plain.startswith(found):
        raise Failed("A shorter text is another text", expected=plain, actual=found)


@requirement(
    "api/audio/beams",
    MAY,
    source="vLLM 0.32: use_beam_search, n, length_penalty",
    accepts=f"{EACH}use_beam_search, n, length_penalty",
    profiles=("api",),
)
@BOTH
def test_beams(listener: Listener, task: str) -> None:
    """A server MAY search for the best of several beginnings.

    It is slower, and better on noise.
    """
    beams = {"use_beam_search": True, "n": 2, "length_penalty": 1.0}
    listener.text(task, max_completion_tokens=3, **beams)


HARMLESS: dict[str, Any] = {
    "hotwords": "cat",
    "to_language": "de",
    "vllm_xargs": '{"of": "a plug-in"}',
    "include_stop_str_in_output": True,
    "watermarking": False,
}


@requirement(
    "api/audio/without-effect",
    SHOULD,
    source="vLLM: fields that Whisper, or a request without a stop string, does not use",
    accepts=f"{EACH}{{name}}",
)
@pytest.mark.parametrize("name", HARMLESS)
@BOTH
def test_without_effect(listener: Listener, task: str, name: str) -> None:
    """A field that this model has no use for SHOULD be accepted, and leave the text.

    Programs send what other models take.
    """
    found = listener.text(task, **{name: HARMLESS[name]})
    expect.same(found, listener.text(task), what=f"The text with `{name}`")


OF_OPENAI: dict[str, Any] = {
    "chunking_strategy": "auto",
    "include[]": ["logprobs"],
    "keywords": "cat",
    "known_speaker_names[]": ["Ada"],
    "known_speaker_references[]": ["data:audio/wav;base64,UklGRg=="],
    "languages": "en",
}


@requirement(
    "api/audio/of-openai",
    SHOULD,
    source="OpenAI audio.transcriptions.create; vLLM has no such fields and ignores them",
    accepts={name: f"audio.transcriptions.create: {name.removesuffix('[]')}" for name in OF_OPENAI},
)
@pytest.mark.parametrize("name", OF_OPENAI)
def test_of_openai(listener: Listener, name: str) -> None:
    """A field of OpenAI's API that production does not know SHOULD be accepted as it is there.

    Clients fill in what the newest models take.
    """
    listener.text(**{name: OF_OPENAI[name]})
