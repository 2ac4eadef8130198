"""A JUnit file: what a CI shows without knowing Maccord."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

from conformance.evidence import Result
from conformance.outcomes import Outcome, counts_against
from conformance.report.certificate import Certificate
from conformance.report.numerics import headline, not_inside
from conformance.report.text import path_of, visible


def write_junit(certificate: Certificate, path: Path) -> None:
    """Write one testcase for each requirement.

    A run that could not be judged without any ERROR among its results (the server never started)
    gets one testcase of its own, because a CI takes an empty file for a green one.
    """
    cases = [_case(result) for result in certificate.results]
    verdict = certificate.verdict
    if verdict.exit_code == 2 and not verdict.counts[Outcome.ERROR]:
        cases.append(_void_case(verdict.sentence, certificate.log_tail))
    totals = {
        "tests": str(len(cases)),
        "failures": str(sum(case.find("failure") is not None for case in cases)),
        "errors": str(sum(case.find("error") is not None for case in cases)),
        "skipped": str(sum(case.find("skipped") is not None for case in cases)),
        "time": f"{certificate.duration_s:.3f}",
    }
    root = ET.Element("testsuites", {"name": "maccord", **totals})
    name = visible(f"maccord {certificate.profile} {certificate.target.name}")
    suite = ET.SubElement(
        root, "testsuite", {"name": name, **totals, "timestamp": certificate.started}
    )
    properties = ET.SubElement(suite, "properties")
    for key, value in {
        "verdict": verdict.sentence,
        "model": certificate.target.model,
        "suite": certificate.suite.version,
        **({"numerics": headline(certificate)} if certificate.numerics else {}),
        **{f"numerics {name}": f"{found}: {said}" for found, name, said in not_inside(certificate)},
    }.items():
        attributes = {"name": visible(key), "value": visible(value)}
        ET.SubElement(properties, "property", attributes)
    suite.extend(cases)
    ET.indent(root)
    ET.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def _case(result: Result) -> ET.Element:
    case = ET.Element(
        "testcase",
        {
            "classname": visible(".".join(path_of(result.id)[:-1])),
            "name": visible(result.id),
            "time": f"{result.duration_s:.3f}",
        },
    )
    outcome = result.outcome
    if outcome is Outcome.PASS:
        return case
    message = visible(result.message or result.cause or result.title)
    if outcome is Outcome.ERROR:
        element = ET.SubElement(case, "error", {"type": outcome.value, "message": message})
    elif counts_against(outcome, result.level):
        element = ET.SubElement(case, "failure", {"type": outcome.value, "message": message})
    else:
        said = f"{result.waiver_reason} ({result.waiver_link})" if result.waiver_reason else message
        element = ET.SubElement(case, "skipped", {"message": visible(f"{outcome}: {said}")})
    element.text = visible(_evidence(result))
    return case


def _evidence(result: Result) -> str:
    lines = [f"{result.level}: {result.title}", result.message]
    if result.expected is not None:
        lines.append(f"expected: {result.expected}")
    if result.actual is not None:
        lines.append(f"actual: {result.actual}")
    lines.append(f"source: {result.source}")
    for exchange in result.exchanges:
        lines += ["", exchange.curl, f"status: {exchange.status or 'none'}", exchange.response]
    return "\n".join(lines)


def _void_case(sentence: str, log_tail: str | None) -> ET.Element:
    case = ET.Element("testcase", {"classname": "maccord", "name": "the run can be judged"})
    error = ET.SubElement(case, "error", {"type": "ERROR", "message": visible(sentence)})
    error.text = visible(log_tail or "")
    return case
