"""What a certificate says of the machine and of the suite."""

from __future__ import annotations

import os
import platform
import subprocess
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pytest

import conformance
from conformance.report import facts
from conformance.report.certificate import Machine, Suite


def test_this_machine() -> None:
    machine = facts.machine_facts()
    assert machine.arch == platform.machine()
    assert machine.cores == os.cpu_count()
    assert machine.memory_gib > 0.1
    assert machine.cpu and machine.os
    assert machine.python == platform.python_version()


LINUX = {
    ("nvidia-smi", "--query-gpu=name", "--format=csv,noheader"): "NVIDIA H100\nNVIDIA L4",
}
MAC = {
    ("sysctl", "-n", "machdep.cpu.brand_string"): "Apple M1 (Virtual)",
    ("sysctl", "-n", "hw.memsize"): str(7 * 2**30 + 2**26),
    ("system_profiler", "SPDisplaysDataType", "-json"): (
        '{"SPDisplaysDataType": [{"sppci_model": "Apple M1", "sppci_cores": "8"}, {}]}'
    ),
}


def stands_for(monkeypatch: pytest.MonkeyPatch, system: str, answers: Any) -> None:
    """This process runs on another machine, whose commands answer so."""
    monkeypatch.setattr(platform, "system", lambda: system)
    monkeypatch.setattr(platform, "machine", lambda: "arm64")
    monkeypatch.setattr(platform, "release", lambda: "6.1")
    monkeypatch.setattr(platform, "mac_ver", lambda: ("15.1", ("", "", ""), "arm64"))
    monkeypatch.setattr(platform, "processor", lambda: "")
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    monkeypatch.setattr(facts, "_output", lambda *command: answers.get(command))


PYTHON = platform.python_version()


@pytest.mark.parametrize(
    ("answers", "machine"),
    [
        (
            MAC,
            Machine(
                "macOS 15.1",
                "arm64",
                "Apple M1 (Virtual)",
                1,
                7.1,
                "Apple M1 (8 cores), unknown",
                PYTHON,
            ),
        ),
        ({}, Machine("macOS 15.1", "arm64", "arm64", 1, 0.0, None, PYTHON)),
        (
            {("system_profiler", "SPDisplaysDataType", "-json"): "{"},
            Machine("macOS 15.1", "arm64", "arm64", 1, 0.0, None, PYTHON),
        ),
    ],
    ids=["known", "silent", "broken"],
)
def test_a_mac(monkeypatch: pytest.MonkeyPatch, answers: Any, machine: Machine) -> None:
    stands_for(monkeypatch, "Darwin", answers)
    assert facts.machine_facts() == machine


def test_a_linux_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    stands_for(monkeypatch, "Linux", LINUX)
    files = {
        "/proc/cpuinfo": b"processor\t: 0\nmodel name\t: Neoverse \xff V2 \n",
        "/proc/meminfo": b"MemTotal:       33554432 kB\nMemFree:  1 kB\n",
    }
    monkeypatch.setattr(Path, "read_bytes", lambda path: files[str(path)])
    monkeypatch.setattr(platform, "freedesktop_os_release", lambda: {"PRETTY_NAME": "Debian 13"})
    assert facts.machine_facts() == Machine(
        "Debian 13, kernel 6.1",
        "arm64",
        "Neoverse \ufffd V2",
        1,
        32.0,
        "NVIDIA H100, NVIDIA L4",
        PYTHON,
    )
    monkeypatch.setattr(platform, "freedesktop_os_release", dict)
    files["/proc/cpuinfo"] = files["/proc/meminfo"] = b""
    silent = Machine("Linux, kernel 6.1", "arm64", "arm64", 1, 0.0, None, PYTHON)
    monkeypatch.setattr(facts, "_output", lambda *command: None)
    assert facts.machine_facts() == silent

    def refused(path: Path) -> bytes:
        raise PermissionError(path)

    monkeypatch.setattr(Path, "read_bytes", refused)
    assert facts.machine_facts() == silent
    monkeypatch.setattr(platform, "processor", lambda: "aarch64")
    assert facts.machine_facts() == replace(silent, cpu="aarch64")


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
    head = git(checkout, "rev-parse", "HEAD")
    assert facts.suite_facts() == Suite(version("maccord"), head, False)
    (checkout / "conformance" / "outcomes.py").write_text("changed = True\n")
    assert facts.suite_facts().dirty is True


def test_an_installation_inside_another_checkout_has_no_commit(checkout: Path) -> None:
    (checkout / "theirs.txt").write_text("")
    git(checkout, "add", "theirs.txt")
    git(checkout, "commit", "-q", "-m", "theirs")
    assert facts.suite_facts() == Suite(version("maccord"), None, None)


def test_a_checkout_without_a_commit_has_none(checkout: Path) -> None:
    git(checkout, "add", ".")
    assert facts.suite_facts() == Suite(version("maccord"), None, None)


def test_what_cannot_be_asked_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(facts, "version", absent)
    answers = {"ls-files": "outcomes.py", "rev-parse": "5f"}
    monkeypatch.setattr(facts, "_output", lambda *command: answers.get(command[3]))
    assert facts.suite_facts() == Suite("unknown", "5f", None)


@pytest.mark.parametrize(
    "error",
    [OSError(), subprocess.CalledProcessError(1, "a"), subprocess.TimeoutExpired("a", 10)],
)
def test_a_command_that_gives_nothing_says_nothing(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def run(command: tuple[str, ...], **options: Any) -> None:
        assert options["timeout"] == 10
        raise error

    monkeypatch.setattr(subprocess, "run", run)
    assert facts._output("a") is None
