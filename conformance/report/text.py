"""How a report writes text that strangers sent, and numbers that people read."""

from __future__ import annotations

import re
from datetime import datetime

_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
# C0 and C1 controls but tab and line feed; controls that turn the direction of text around;
# surrogates and non-characters, which neither UTF-8 nor XML can carry.
_UNPRINTABLE = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"
    r"\ud800-\udfff\ufeff\ufffe\uffff]"
)


def visible(text: str) -> str:
    """`text` with every character that could act on a reader's terminal or page made visible.

    Such a character in a response is evidence, so it is written as its escape (`\\x1b`) instead
    of dropped. Line ends become line feeds.
    """
    return _UNPRINTABLE.sub(_escape, text.replace("\r\n", "\n"))


def without_ansi(text: str) -> str:
    """`text` without ANSI colour and cursor sequences, for the log of a server."""
    return visible(_ANSI.sub("", text))


def share(part: int, whole: int) -> str:
    """A percentage with its denominator: `61 of 70 (87%)`.

    Rounded down, and never to 0% while there is one: 699 of 700 must not read as 100%.
    """
    if whole == 0:
        return f"{part} of 0"
    percent = part * 100 // whole
    return f"{part} of {whole} ({'under 1' if part and not percent else percent}%)"


def duration(seconds: float) -> str:
    """Seconds as a person says them: `12 ms`, `0.42 s`, `3 min 20 s`."""
    if seconds < 0.1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 10:
        return f"{seconds:.2f} s"
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"


def date(timestamp: str) -> str:
    """An ISO 8601 time as a person says it: `20 November 2026, 14:03 UTC`.

    Midnight to the second is a date of which no time is known.
    """
    moment = datetime.fromisoformat(timestamp)
    time = f"{moment:, %H:%M} UTC" if moment.time() != datetime.min.time() else ""
    return f"{moment.day} {moment:%B %Y}{time}"


def model_name(model: str) -> str:
    """A model as a person calls it: the folder's name where a server calls it by its path."""
    return model.rstrip("/").rsplit("/", 1)[-1] if model.startswith("/") else model


def path_of(id: str) -> list[str]:
    """The elements of a requirement's id without its case, which may hold slashes too."""
    return id.split("[", 1)[0].split("/")


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return {"\r": "\\r"}.get(match[0]) or (f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}")
