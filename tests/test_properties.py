"""What holds for every input: evidence and parsing, with generated text."""

from __future__ import annotations

import json
import shlex
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from conformance.compare import sse
from conformance.evidence import RESPONSE_LIMIT, curl_line, redact
from conformance.outcomes import Failed, Level, Outcome, judge
from conformance.report.text import share, visible

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
    max_leaves=10,
)
results = st.lists(st.tuples(st.sampled_from(list(Level)), st.sampled_from(list(Outcome))))


@given(json_values)
def test_the_shell_reads_every_json_body_back(value: Any) -> None:
    body = json.dumps(value, ensure_ascii=False).encode()
    assume(len(body.decode()) <= RESPONSE_LIMIT)
    words = shlex.split(curl_line("POST", "http://h/v1", {"Content-Type": "a/b"}, body))
    assert words[words.index("--data-binary") + 1].encode() == body


@given(text, st.text(st.characters(categories=["L", "N", "P"]), min_size=8, max_size=20), text)
def test_no_secret_is_left_in_any_text(before: str, secret: str, after: str) -> None:
    assume(secret not in "[redacted]")
    said = before + secret + json.dumps(secret) + after
    assert secret not in redact(said, [secret]).replace("[redacted]", "\0")


@given(
    st.lists(
        st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"])), min_size=1
    ),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.booleans(),
)
def test_every_event_that_is_sent_is_read(data: list[str], end: str, space: bool) -> None:
    colon = "data: " if space else "data:"
    assume(space or not any(line.startswith(" ") for line in data))
    body = "".join(f": comment{end}{colon}{line}{end}{end}" for line in data).encode()
    assert [event.data for event in sse.parse(body)] == data


@given(st.binary(max_size=200))
def test_no_bytes_break_the_parser(body: bytes) -> None:
    try:
        events = sse.parse(body)
    except Failed:
        return
    assert all(isinstance(event.data, str) for event in events)


@given(st.text(max_size=200))
def test_what_is_shown_cannot_act_on_a_terminal(text: str) -> None:
    shown = visible(text)
    assert not any((ord(c) < 32 and c not in "\n\t") or 0x7F <= ord(c) < 0xA0 for c in shown)
    shown.encode()


@given(results, st.integers(0, 3))
def test_no_run_is_certified_that_should_not_be(
    results: list[tuple[Level, Outcome]], missing: int
) -> None:
    verdict = judge(results, expected_total=len(results) + missing)
    musts = [outcome for level, outcome in results if level is Level.MUST]
    sound = all(outcome in (Outcome.PASS, Outcome.WAIVED) for outcome in musts)
    whole = bool(musts) and not missing  # a run of which no MUST speaks says nothing
    clean = not any(outcome is Outcome.ERROR for _, outcome in results)
    assert verdict.certified is (sound and whole and clean)
    assert verdict.exit_code == (0 if verdict.certified else 1 if whole and clean else 2)


@given(st.integers(0, 10_000), st.integers(1, 10_000))
def test_a_share_is_never_rounded_to_all_or_nothing(part: int, whole: int) -> None:
    assume(part <= whole)
    shown = share(part, whole)
    assert ("(100%)" in shown) is (part == whole)
    assert ("(0%)" in shown) is (part == 0)
