"""What strangers sent cannot act, and numbers do not flatter."""

from __future__ import annotations

import pytest

from conformance.report.text import (
    date,
    duration,
    model_name,
    path_of,
    share,
    visible,
    without_ansi,
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\r\nb\tc\n", "a\nb\tc\n"),
        ("over\rwritten", "over\\rwritten"),
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("\x9b2J\x00\x7f", "\\x9b2J\\x00\\x7f"),
        ("\u202egnp.exe\u2066", "\\u202egnp.exe\\u2066"),
        ("\ud83d \ufffe", "\\ud83d \\ufffe"),
        ("héllo 你好 🙂", "héllo 你好 🙂"),
    ],
)
def test_visible(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_without_ansi() -> None:
    log = "\x1b[1;31mERROR\x1b[0m \x1b]0;title\x07core \x1b(dumped\x08"
    assert without_ansi(log) == "ERROR core \\x1b(dumped\\x08"


@pytest.mark.parametrize(
    ("part", "whole", "said"),
    [
        (61, 70, "61 of 70 (87%)"),
        (699, 700, "699 of 700 (99%)"),
        (700, 700, "700 of 700 (100%)"),
        (1, 700, "1 of 700 (under 1%)"),
        (0, 70, "0 of 70 (0%)"),
        (0, 0, "0 of 0"),
    ],
)
def test_share(part: int, whole: int, said: str) -> None:
    assert share(part, whole) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.0996, "100 ms"),
        (0.1, "0.10 s"),
        (9.5, "9.50 s"),
        (10, "10 s"),
        (99.4, "99 s"),
        (100, "1 min 40 s"),
        (200, "3 min 20 s"),
    ],
)
def test_duration(seconds: float, said: str) -> None:
    assert duration(seconds) == said


def test_date() -> None:
    assert date("2026-11-20T14:03:10Z") == "20 November 2026, 14:03 UTC"
    assert date("2026-11-20T00:00:00Z") == "20 November 2026"


def test_path_of_ignores_slashes_in_the_case() -> None:
    assert path_of("api/chat/wrong-type[a/b[0]]") == ["api", "chat", "wrong-type"]


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("SmolLM2", "SmolLM2"),
        ("HuggingFaceTB/SmolLM2", "HuggingFaceTB/SmolLM2"),
        ("/home/me/models/SmolLM2", "SmolLM2"),
        ("/home/me/models/SmolLM2-X/", "SmolLM2-X"),
    ],
)
def test_a_model_called_by_its_path_is_named_by_its_folder(model: str, name: str) -> None:
    assert model_name(model) == name
