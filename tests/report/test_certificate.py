"""A certificate survives a round trip, and no bad one is read as a good one."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from conformance.outcomes import Level, Outcome, Verdict
from conformance.report import write_report
from conformance.report.certificate import (
    CertificateError,
    check_comparison,
    read,
    schema,
    with_control,
    write,
)
from tests.report.comparisons import MODELS, comparisons
from tests.report.samples import certificate, hostile, realistic, result

OPTIONAL = {
    *("models", "footprints", "numerics"),
    *("route", "requests", "seconds", "left_out", "way", "configuration", "quantised"),
    *("broken", "cause"),
    *("production_text", "target_text"),
}
"""What a certificate, a comparison or a divergence may leave out."""


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    path = tmp_path / "certificate.json"
    write(realistic(), path)
    return path


def change(path: Path, edit: Callable[[dict[str, Any]], None]) -> None:
    data = json.loads(path.read_text())
    edit(data)
    path.write_text(json.dumps(data))


@pytest.mark.parametrize("make", [realistic, hostile])
def test_round_trip(tmp_path: Path, make: Callable[[], Any]) -> None:
    path = tmp_path / "new" / "folder" / "certificate.json"
    write(make(), path)
    assert path.stat().st_mode & 0o777 == 0o644
    assert read(path) == make()
    assert [file.name for file in path.parent.iterdir()] == ["certificate.json"]


def test_half_a_surrogate_pair_survives(tmp_path: Path) -> None:
    made = certificate([result("api/chat/emoji", Level.MUST, Outcome.FAIL, "bad \ud83d text")])
    for file in write_report(made, tmp_path):
        file.read_text(encoding="utf-8")
    assert read(tmp_path / "certificate.json").results[0].message == "bad \ud83d text"


def test_results_are_sorted_by_id() -> None:
    ids = ["api/models/list", "api/chat/b", "api/chat/a[2]", "api/chat/a[1]"]
    made = certificate([result(id, Level.MUST, Outcome.PASS) for id in ids])
    assert [r.id for r in made.results] == sorted(ids)


def test_comparisons_are_sorted_by_model_and_the_way_that_they_were_seen() -> None:
    found = [
        {"model": "b", "scope": "runner", "way": "paged"},
        {"model": "b", "scope": "runner"},
        {"model": "b", "scope": "runner", "way": "A"},
        {"model": "a", "scope": "server"},
        {"model": "a", "scope": "runner", "way": "whole"},
    ]
    assert certificate([], void="x", numerics=found).numerics == [found[n] for n in (4, 3, 1, 2, 0)]


@pytest.mark.parametrize(("size", "shown"), [(300, 300), (301, 300)])
def test_what_is_wrong_is_cut_where_it_is_long(stored: Path, size: int, shown: int) -> None:
    value = "x" * (size - len("'' is not of type 'boolean'"))
    change(stored, lambda data: data["verdict"].update(certified=value))
    with pytest.raises(CertificateError) as raised:
        read(stored)
    whole = f"'{value}' is not of type 'boolean'"
    told = whole if size == shown else f"{whole[:shown]}…"
    assert str(raised.value) == f"{stored} is not a certificate: at $.verdict.certified, {told}."


def test_a_time_without_length_is_no_contradiction(stored: Path) -> None:
    change(stored, lambda data: data.update(finished=data["started"]))
    assert read(stored).finished == read(stored).started


def test_schema_is_valid_and_strict_everywhere() -> None:
    Draft202012Validator.check_schema(schema())
    objects = [schema(), *schema()["$defs"].values()]
    strict = [found for found in objects if "properties" in found]
    assert len(strict) == 15
    for found in strict:
        assert found["additionalProperties"] is False
        assert {*found["properties"]} - {*found["required"]} <= OPTIONAL


def test_a_certificate_from_before_the_numerics_is_read(stored: Path) -> None:
    change(stored, lambda c: [c.pop(name) for name in ("models", "numerics")])
    assert (read(stored).models, read(stored).numerics) == ([], [])


def test_comparisons_stand_in_a_certificate(tmp_path: Path) -> None:
    passed = result("numerics/distribution/kl[llama-gqa]", Level.MUST, Outcome.PASS)
    made = certificate([passed], numerics=comparisons())
    write(made, tmp_path / "certificate.json")
    assert read(tmp_path / "certificate.json") == made
    assert [found["model"] for found in made.numerics] == sorted(MODELS)


@pytest.mark.parametrize(
    ("where", "edit"),
    [
        (r"\$", lambda c: c.update(extra=1)),
        (r"\$", lambda c: c.pop("scope")),
        (r"\$\.verdict", lambda c: c.update(verdict="fine")),
        (r"\$\.positions", lambda c: c.update(positions=-1)),
        (r"\$\.agreement", lambda c: c.update(agreement=99.5)),
        (r"\$\.figures\[0\]\.value", lambda c: c["figures"][0].update(value="0.1")),
        (r"\$\.by_position\[0\]\.max", lambda c: c["by_position"][0].update(max=-1)),
        (r"\$\.divergences\[0\]", lambda c: c.update(divergences=[{"prompt": "short"}])),
    ],
)
def test_a_comparison_that_is_none_is_refused(
    where: str, edit: Callable[[dict[str, Any]], None]
) -> None:
    found = comparisons()[0]
    check_comparison(found)
    edit(found)
    with pytest.raises(CertificateError, match=f"cannot stand in a certificate: at {where}, "):
        check_comparison(found)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(CertificateError, match=r"none\.json cannot be read: No such file"):
        read(tmp_path / "none.json")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "Expecting value: "),
        (b"{", "Expecting property name "),
        (b"\xff\xfe{}", "it is not UTF-8 text."),
        (b'{"a": NaN}', "NaN is not a JSON number."),
        (b"[" * 100_000, "maximum recursion depth exceeded"),
    ],
    ids=["empty", "cut", "binary", "nan", "deep"],
)
def test_not_json(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "certificate.json"
    path.write_bytes(content)
    with pytest.raises(CertificateError) as raised:
        read(path)
    assert str(raised.value).startswith(f"{path} is not JSON: {says}")


@pytest.mark.parametrize(
    ("where", "edit"),
    [
        (r"\$", lambda c: c.update(extra=1)),
        (r"\$", lambda c: c.pop("machine")),
        (r"\$\.schema_version", lambda c: c.update(schema_version=2)),
        (r"\$\.started", lambda c: c.update(started="yesterday")),
        (r"\$\.started", lambda c: c.update(started="2026-11-20T14:03:10+02:00")),
        (r"\$\.workers", lambda c: c.update(workers=0)),
        (r"\$\.verdict\.exit_code", lambda c: c["verdict"].update(exit_code=3)),
        (r"\$\.verdict\.counts", lambda c: c["verdict"]["counts"].pop("WAIVED")),
        (r"\$\.target", lambda c: c["target"].pop("model")),
        (r"\$\.suite\.commit", lambda c: c["suite"].update(commit="HEAD")),
        (r"\$\.control\.sha256", lambda c: c["control"].update(sha256="cd")),
        (
            r"\$\.control_outcomes\['api/chat/a'\]",
            lambda c: c["control_outcomes"].update({"api/chat/a": "OK"}),
        ),
        (r"\$\.results\[0\]\.outcome", lambda c: c["results"][0].update(outcome="SKIPPED")),
        (r"\$\.results\[0\]\.level", lambda c: c["results"][0].update(level="must")),
        (r"\$\.results\[0\]\.id", lambda c: c["results"][0].update(id="chat")),
        (r"\$\.results\[0\]", lambda c: c["results"][0].update(note="x")),
        (r"\$\.results\[1\]\.exchanges\[0\]", lambda c: c["results"][1]["exchanges"][0].pop("url")),
        (r"\$\.results\[0\]\.waiver_reason", lambda c: c["results"][0].update(outcome="WAIVED")),
        (
            r"\$\.results\[0\]\.waived_outcome",
            lambda c: c["results"][0].update(waived_outcome="FAIL"),
        ),
    ],
)
def test_not_as_the_schema_says(
    stored: Path, where: str, edit: Callable[[dict[str, Any]], None]
) -> None:
    change(stored, edit)
    with pytest.raises(CertificateError, match=f"is not a certificate: at {where}, "):
        read(stored)


def promote(data: dict[str, Any]) -> None:
    data["verdict"].update(certified=True, exit_code=0, sentence="Certified: all hold.")


def soften(data: dict[str, Any]) -> None:
    next(r for r in data["results"] if r["outcome"] == "SILENT")["outcome"] = "PASS"


def drop_a_result(data: dict[str, Any]) -> None:
    data["results"] = [r for r in data["results"] if r["outcome"] != "INCONCLUSIVE"]
    data["verdict"]["counts"]["INCONCLUSIVE"] = 0


def repeat_a_result(data: dict[str, Any]) -> None:
    data["results"].append(next(r for r in data["results"] if r["outcome"] == "PASS"))
    data["verdict"]["counts"]["PASS"] += 1


@pytest.mark.parametrize(
    ("says", "edit"),
    [
        ("its verdict says 'Certified: all hold.'", promote),
        ("its verdict counts 5 PASS and its results hold 6", soften),
        ("and holds 16 results of 17 requirements", drop_a_result),
        ("api/chat/answer has more than one result", repeat_a_result),
        ("and holds 17 results of 18 requirements", lambda c: c.update(expected_total=18)),
        ("it finished before it started.", lambda c: c.update(finished="2026-11-20T14:03:09Z")),
        ("a time of it does not exist", lambda c: c.update(finished="2026-02-30T00:00:00Z")),
        ("its exit code is 2", lambda c: c["verdict"].update(exit_code=2)),
        ("its verdict says", lambda c: c["verdict"].update(exit_code=0)),
        ("its verdict says", lambda c: c["verdict"].update(sentence="Not certified: nearly.")),
    ],
)
def test_contradictions(stored: Path, says: str, edit: Callable[[dict[str, Any]], None]) -> None:
    change(stored, edit)
    with pytest.raises(CertificateError, match=f"{stored} contradicts itself: (.* )?{says}"):
        read(stored)


def test_inside_with_a_figure_outside_is_a_contradiction(tmp_path: Path) -> None:
    found = comparisons()
    next(each for each in found if each["verdict"] == "outside")["verdict"] = "inside"
    made = certificate([result("api/chat/a", Level.MUST, Outcome.PASS)], numerics=found)
    with pytest.raises(
        CertificateError, match=r"itself: its numerics call \S+ inside, and kl_mean is not\."
    ):
        write(made, tmp_path / "certificate.json")


def test_a_part_of_a_profile_cannot_be_certified(tmp_path: Path) -> None:
    made = certificate([result("api/chat/a", Level.MUST, Outcome.PASS)], complete=False)
    assert made.verdict.certified
    with pytest.raises(CertificateError, match=r"itself: it is certified and not complete\."):
        write(made, tmp_path / "certificate.json")


def test_a_void_run_is_a_certificate_too(tmp_path: Path) -> None:
    made = certificate([], void="the server never started.", expected_total=40, log_tail="OOM")
    write(made, tmp_path / "certificate.json")
    assert read(tmp_path / "certificate.json") == made
    assert made.verdict.exit_code == 2


def test_a_void_reason_stays_readable_over_good_results(tmp_path: Path) -> None:
    made = certificate([result("api/chat/a", Level.MUST, Outcome.PASS)], void="the control died.")
    write(made, tmp_path / "certificate.json")
    assert not read(tmp_path / "certificate.json").verdict.certified


def test_a_refused_write_leaves_the_old_file(stored: Path) -> None:
    before = stored.read_bytes()
    bad = replace(realistic(), verdict=Verdict(True, 0, "Certified.", realistic().verdict.counts))
    with pytest.raises(CertificateError, match=f"^{stored} contradicts itself: its verdict says"):
        write(bad, stored)
    with pytest.raises(CertificateError, match="cannot be written as JSON"):
        write(replace(realistic(), duration_s=float("nan")), stored)
    assert stored.read_bytes() == before
    assert list(stored.parent.iterdir()) == [stored]


def test_a_write_that_is_interrupted_leaves_nothing_of_itself(
    stored: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, made = stored.read_bytes(), []

    def interrupted(temporary: str, path: Path) -> None:
        made.append(Path(temporary))
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write(certificate([result("api/chat/a", Level.MUST, Outcome.PASS)]), stored)
    assert [(each.parent, each.name.startswith(".certificate.json.")) for each in made] == [
        (stored.parent, True)
    ]
    assert (stored.read_bytes(), list(stored.parent.iterdir())) == (before, [stored])


def test_control_stands_beside_the_target_as_it_was() -> None:
    must = Level.MUST
    target = certificate(
        [result(f"api/chat/{name}", must, Outcome.FAIL, "No") for name in ("a", "b", "c")]
    )
    waived = result(
        "api/chat/b", must, Outcome.WAIVED, "No", waived_outcome=Outcome.SILENT, waiver_reason="r"
    )
    control = certificate(
        [
            result("api/chat/a", must, Outcome.PASS),
            waived,
            result("api/models/list", must, Outcome.PASS),
        ]
    )
    both = with_control(target, control, "recorded", sha256="0" * 64)
    assert both.control_outcomes == {"api/chat/a": "PASS", "api/chat/b": "SILENT"}
    assert both.control is not None
    assert (both.control.source, both.control.started) == ("recorded", control.started)
    assert both.results == target.results
