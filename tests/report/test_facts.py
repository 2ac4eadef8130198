"""What a certificate says of the machine and of the suite."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path

import pytest

import conformance
from conformance.report import facts


def test_this_machine() -> None:
    machine = facts.machine_facts()
    assert machine.arch == platform.machine()
    assert machine.cores == os.cpu_count()
    assert machine.memory_gib > 0.1
    assert machine.cpu and machine.os
    assert machine.python == platform.python_version()


def test_a_mac(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {
        "machdep.cpu.brand_string": "Apple M1 (Virtual)",
        "hw.memsize": str(7 * 2**30),
        "-json": '{"SPDisplaysDataType": [{"sppci_model": "Apple M1", "sppci_cores": "8"}]}',
    }
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    monkeypatch.setattr(platform, "mac_ver", lambda: ("15.1", ("", "", ""), "arm64"))
    monkeypatch.setattr(facts, "_output", lambda *command: answers[command[-1]])
    machine = facts.machine_facts()
    assert (machine.os, machine.cpu, machine.memory_gib, machine.gpu) == (
        "macOS 15.1",
        "Apple M1 (Virtual)",
        7.0,
        "Apple M1 (8 cores)",
    )


def test_a_machine_that_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    monkeypatch.setattr(facts, "_output", lambda *command: None)
    machine = facts.machine_facts()
    assert machine.gpu is None
    assert machine.memory_gib == 0
    assert machine.cpu == platform.machine()


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.com"]
    command = ["git", "-C", str(folder), *identity, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with a package in it that stands for the suite."""
    package = tmp_path / "conformance"
    package.mkdir()
    (package / "outcomes.py").write_text("")
    git(tmp_path, "init", "-q")
    monkeypatch.setattr(conformance, "__path__", [str(package)])
    return tmp_path


def test_the_commit_of_a_checkout(checkout: Path) -> None:
    git(checkout, "add", ".")
    git(checkout, "commit", "-q", "-m", "first")
    suite = facts.suite_facts()
    assert (suite.commit, suite.dirty) == (git(checkout, "rev-parse", "HEAD"), False)
    (checkout / "conformance" / "outcomes.py").write_text("changed = True\n")
    assert facts.suite_facts().dirty is True


def test_an_installation_inside_another_checkout_has_no_commit(checkout: Path) -> None:
    (checkout / "theirs.txt").write_text("")
    git(checkout, "add", "theirs.txt")
    git(checkout, "commit", "-q", "-m", "theirs")
    suite = facts.suite_facts()
    assert (suite.commit, suite.dirty) == (None, None)
