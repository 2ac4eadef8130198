"""Evidence: curl lines that a person can paste, and no secret anywhere."""

from __future__ import annotations

import json
import shlex

import pytest

from conformance.evidence import REDACTED, Exchange, Result, clip, curl_line, redact
from conformance.outcomes import Level, Outcome

KEY = 'sk-"quoted"-secret'


def test_a_credential_header_becomes_a_placeholder() -> None:
    line = curl_line("GET", "http://h/v1/models", {"Authorization": f"Bearer {KEY}"}, None, [KEY])
    assert KEY not in line and "secret" not in line
    assert '-H "Authorization: Bearer $OPENAI_API_KEY"' in line


@pytest.mark.parametrize("header", ["api-key", "X-Api-Key", "Cookie"])
def test_other_credential_headers_too(header: str) -> None:
    line = curl_line("GET", "http://h", {header: KEY}, None, [])
    assert "secret" not in line and f'"{header}: $OPENAI_API_KEY"' in line


def test_a_secret_is_replaced_in_url_body_and_plain_headers() -> None:
    body = json.dumps({"user": KEY}).encode()
    line = curl_line("POST", f"http://h/?k={KEY}", {"X-Note": KEY}, body, [KEY])
    assert "secret" not in line
    assert line.count(REDACTED) == 3


def test_the_shell_reads_the_body_back_as_it_was() -> None:
    body = json.dumps({"prompt": 'it\'s $HOME `x` "q" \\ \n 日本'}, ensure_ascii=False).encode()
    words = shlex.split(curl_line("POST", "http://h", {}, body))
    assert words[words.index("--data-binary") + 1].encode() == body


@pytest.mark.parametrize("body", [b"\xff\xfe", b"a\0b"])
def test_a_body_that_no_shell_can_carry_is_described(body: bytes) -> None:
    assert f"<{len(body)} bytes" in curl_line("POST", "http://h", {}, body)


def test_a_long_body_is_cut_and_its_length_told() -> None:
    line = curl_line("POST", "http://h", {}, b"x" * 100_000)
    assert len(line) < 5_000 and "100000 bytes in all" in line


def test_redact_finds_the_json_form_and_ignores_the_empty_secret() -> None:
    assert redact(json.dumps(KEY), [KEY]) == f'"{REDACTED}"'
    assert redact("abc", [""]) == "abc"


def test_clip() -> None:
    assert clip("abc", 3) == ("abc", False)
    assert clip("abcd", 3) == ("abc", True)


def test_a_result_survives_json() -> None:
    exchange = Exchange("curl", "GET", "http://h", None, "<deadline passed>", False, 1.5)
    result = Result(
        "api/chat/n",
        Level.MUST,
        "It MUST.",
        "why",
        "source",
        ["core"],
        Outcome.WAIVED,
        exchanges=[exchange],
        waived_outcome=Outcome.SILENT,
    )
    assert Result.from_json(json.loads(json.dumps(result.to_json()))) == result
