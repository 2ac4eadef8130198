"""Production beside the target: which recorded certificate is taken, and what of it."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from conformance import cli, control
from conformance.control import Control
from conformance.options import Options
from conformance.outcomes import Level, Outcome
from conformance.report import certificate as report
from tests.report.samples import certificate, result


def beside(source: str | None, profile: str, *ids: str) -> report.Certificate:
    """A target's certificate in `profile`, with the control that `source` names."""
    target = certificate([result(id, Level.MUST, Outcome.FAIL, "No") for id in ids])
    found = Control.of(source, profile=profile, model=None, api_key_env=None)
    return found.beside(replace(target, profile=profile), Options())


@pytest.mark.parametrize("profile", ["core", "api", "serving"])
def test_what_ships_is_of_the_profile_and_whole(profile: str) -> None:
    shipped = Control.of(None, profile=profile, model=None, api_key_env=None).recorded
    assert shipped is not None and shipped.complete
    assert shipped.target.backend == "vllm-cuda" and "H100" in (shipped.machine.gpu or "")
    held = [each for each in shipped.results if profile in each.profiles]
    assert len(held) > 30
    assert profile == "core" or len(held) == len(shipped.results)


@pytest.mark.parametrize(
    ("profile", "id", "file"),
    [
        ("core", "api/chat/n", control.API),
        ("api", "api/chat/n", control.API),
        ("serving", "serving/queue/all", control.SERVING),
    ],
)
def test_the_control_is_chosen_by_the_profile(profile: str, id: str, file: Path) -> None:
    both = beside(None, profile, id, "api/of-a-later-release/unknown")
    assert both.control is not None
    assert both.control.source == f"{file.name}, shipped with Maccord"
    assert both.control.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert both.control_outcomes == {id: "PASS"}


@pytest.mark.parametrize("profile", ["api", "serving", "numerics"])
def test_a_control_that_was_named_is_taken_in_every_profile(profile: str, tmp_path: Path) -> None:
    file = tmp_path / "own.json"
    report.write(certificate([result("api/chat/n", Level.MUST, Outcome.PASS)]), file)
    both = beside(str(file), profile, "api/chat/n")
    assert both.control is not None and both.control.source == str(file)
    assert both.control_outcomes == {"api/chat/n": "PASS"}


def test_the_command_hands_its_profile_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = certificate([result("serving/queue/all", Level.MUST, Outcome.PASS)])
    monkeypatch.setattr(cli, "_certify", lambda options: replace(measured, profile=options.profile))
    options = ["--base-url", "http://127.0.0.1:9/v1", "--profile", "serving"]
    ended = CliRunner().invoke(cli.app, ["certify", *options, "--report", str(tmp_path)])
    assert ended.exit_code == 0, ended.output
    assert report.read(tmp_path / "certificate.json").control_outcomes == {
        "serving/queue/all": "PASS"
    }


def test_of_the_numerics_the_logits_ship() -> None:
    both = beside(None, "numerics", "numerics/model/served")
    assert both.control is not None and both.control.source.startswith("logits of ")
    assert both.control_outcomes == {}


@pytest.mark.parametrize("text", ["", "{}", '{"verdict": 1}'])
def test_a_file_that_is_no_certificate_is_refused(text: str, tmp_path: Path) -> None:
    file = tmp_path / "other.json"
    file.write_text(text)
    with pytest.raises(report.CertificateError, match=r"other\.json"):
        Control.of(str(file), profile="serving", model=None, api_key_env=None)
