"""What the suite can say of the machine it ran on and of itself, without further packages."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import conformance
from conformance.report.certificate import Machine, Suite

_GIB = 2**30


def machine_facts() -> Machine:
    """The machine that this process runs on."""
    mac = platform.system() == "Darwin"
    return Machine(
        os=_mac_os() if mac else _linux_os(),
        arch=platform.machine(),
        cpu=_mac_cpu() if mac else _linux_cpu(),
        cores=os.cpu_count() or 1,
        memory_gib=round((_mac_memory() if mac else _linux_memory()) / _GIB, 1),
        gpu=_mac_gpu() if mac else _nvidia_gpu(),
        python=platform.python_version(),
    )


def suite_facts() -> Suite:
    """The installed version of Maccord; its commit too when it runs from a git checkout."""
    try:
        installed = version("maccord")
    except PackageNotFoundError:
        installed = "unknown"
    package = Path(next(iter(conformance.__path__)))
    # An environment inside somebody else's checkout must not pass that checkout's commit off as
    # Maccord's, so the package's own files have to be tracked.
    if _output("git", "-C", str(package), "ls-files", "--error-unmatch", "outcomes.py") is None:
        return Suite(installed)
    commit = _output("git", "-C", str(package), "rev-parse", "HEAD")
    if commit is None:
        return Suite(installed)
    changes = _output("git", "-C", str(package), "status", "--porcelain")
    return Suite(installed, commit, None if changes is None else bool(changes))


def _output(*command: str) -> str | None:
    """What a command printed, or None when it is absent, fails or takes too long."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _linux_os() -> str:
    try:
        name = platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        name = platform.system()
    return f"{name}, kernel {platform.release()}"


def _linux_cpu() -> str:
    # ARM kernels give no model name.
    return _proc_field("cpuinfo", "model name") or platform.processor() or platform.machine()


def _linux_memory() -> int:
    kib = re.match(r"\d+", _proc_field("meminfo", "MemTotal"))
    return int(kib[0]) * 1024 if kib else 0


def _proc_field(file: str, name: str) -> str:
    try:
        text = Path("/proc", file).read_bytes().decode(errors="replace")
    except OSError:
        return ""
    found = re.search(rf"^{name}\s*:\s*(.+)$", text, re.MULTILINE)
    return found[1].strip() if found else ""


def _nvidia_gpu() -> str | None:
    names = _output("nvidia-smi", "--query-gpu=name", "--format=csv,noheader")
    return ", ".join(names.splitlines()) if names else None


def _mac_os() -> str:
    return f"macOS {platform.mac_ver()[0]}"


def _mac_cpu() -> str:
    return _output("sysctl", "-n", "machdep.cpu.brand_string") or platform.machine()


def _mac_memory() -> int:
    return int(_output("sysctl", "-n", "hw.memsize") or 0)


def _mac_gpu() -> str | None:
    text = _output("system_profiler", "SPDisplaysDataType", "-json")
    try:
        gpus = json.loads(text or "{}").get("SPDisplaysDataType", [])
    except json.JSONDecodeError:
        return None
    named = []
    for gpu in gpus:
        cores = f" ({gpu['sppci_cores']} cores)" if "sppci_cores" in gpu else ""
        named.append(f"{gpu.get('sppci_model', 'unknown')}{cores}")
    return ", ".join(named) or None
