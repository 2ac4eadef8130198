"""A CI that reads the JUnit file sees what the certificate says."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

from conformance.outcomes import Level, Outcome
from conformance.report.certificate import Certificate
from conformance.report.junit import write_junit
from tests.report.comparisons import comparisons
from tests.report.samples import certificate, hostile, realistic, result


def parsed(made: Certificate, folder: Path) -> ET.Element:
    write_junit(made, folder / "junit.xml")
    return ET.parse(folder / "junit.xml").getroot()


def test_one_testcase_a_requirement(tmp_path: Path) -> None:
    root = parsed(realistic(), tmp_path)
    cases = root.findall(".//testcase")
    assert [case.get("name") for case in cases] == [r.id for r in realistic().results]
    by_name = {case.get("name"): case for case in cases}
    assert by_name["api/chat/answer"].get("classname") == "api.chat"
    assert len(by_name["api/chat/answer"]) == 0
    for id, tag, kind in [
        ("api/chat/stop-list", "failure", "FAIL"),
        ("api/chat/logprobs-top", "failure", "SILENT"),
        ("api/completions/echo-logprobs", "failure", "UNSUPPORTED"),
    ]:
        (found,) = by_name[id]
        assert (found.tag, found.get("type")) == (tag, kind)
    for id, says in [
        ("api/completions/suffix", "UNSUPPORTED: The server refuses suffix with status 400"),
        ("api/chat/seed-repeats", "INCONCLUSIVE: Both answers"),
        ("api/transport/gzip", "WAIVED: The proxy in front decodes bodies. (https://example.com"),
    ]:
        (found,) = by_name[id]
        assert found.tag == "skipped"
        assert (found.get("message") or "").startswith(says)


def test_totals_agree_with_the_cases(tmp_path: Path) -> None:
    root = parsed(realistic(), tmp_path)
    suite = root.find("testsuite")
    assert suite is not None
    for element in (root, suite):
        totals = [element.get(key) for key in ("tests", "failures", "errors", "skipped")]
        assert totals == ["17", "9", "0", "3"]
    assert len(root.findall(".//failure")) == 9


def test_a_failure_carries_its_evidence(tmp_path: Path) -> None:
    case = parsed(realistic(), tmp_path).find(".//testcase[@name='api/chat/logprobs-top']/failure")
    assert case is not None and case.text is not None
    for part in ("curl -sS", '"top_logprobs": 5', "expected: choices", "actual: choices", "200 OK"):
        assert part in case.text


def test_the_numerics_are_properties_one_for_each_model_outside(tmp_path: Path) -> None:
    passed = result("numerics/distribution/kl[m]", Level.MUST, Outcome.PASS)
    root = parsed(certificate([passed], numerics=comparisons()), tmp_path)
    told = {each.get("name"): each.get("value") or "" for each in root.iter("property")}
    assert told["numerics"].startswith("2 of 4 models")
    outside = {"numerics gemma2-softcap", "numerics mistral-window"}
    assert {name for name in told if name and name.startswith("numerics ")} == outside
    assert all(
        told[name].startswith("outside: ") and "times what" in told[name] for name in outside
    )


def test_hostile_text_stays_text(tmp_path: Path) -> None:
    root = parsed(hostile(), tmp_path)
    assert root.find(".//script") is None
    assert len(root.findall(".//error")) == 1
    text = (tmp_path / "junit.xml").read_text(encoding="utf-8")
    assert "\x1b" not in text and "\x07" not in text and "\u202e" not in text


def test_a_run_that_never_began_is_not_green(tmp_path: Path) -> None:
    made = certificate([], void="the server never started.", expected_total=40, log_tail="OOM")
    root = parsed(made, tmp_path)
    assert root.get("errors") == "1"
    error = root.find(".//error")
    assert error is not None and error.text == "OOM"
    assert "never started" in (error.get("message") or "")
