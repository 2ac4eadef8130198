"""Use of uninitialised variables and arrays of a thread.

They mostly live in registers, which no callback sees. So the compiler is asked first: without a
warning of it that a variable may be used uninitialised, nothing more is done. With one, the kernel
runs twice, on one worker and equal inputs: once with all such memory filled with a pattern, once
with zeros. Results that differ come from it, for certain; equal results are no finding.

Not covered: a use that the compiler does not warn of (an array behind a pointer that is handed on),
and one that leaves the results as they are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from reference.emulator import process
from reference.emulator.compiler import compile_kernel, warnings
from reference.emulator.findings import Finding, is_own, parse_findings, parse_place
from reference.emulator.process import Buffer, LaunchRequest

WARNINGS = ("-Wuninitialized", "-Wmaybe-uninitialized")
ZEROS = ("-ftrivial-auto-var-init=zero",)

_WARNING = re.compile(r"(?P<file>[^:]+):(?P<line>\d+):\d+: warning: ‘?'?(?P<name>[^’' ]+)")


@dataclass(frozen=True)
class Suspect:
    file: str
    line: int
    name: str  # of the variable, as the compiler writes it


def launch_checked(request: LaunchRequest, unit: str) -> list[Finding]:
    """Executes a kernel in a safety mode.

    `request.library` is its checked build and `unit` its C++ text.
    """
    suspects = _suspects(unit) if "uninitialized" in request.checks else []
    if not suspects:
        return parse_findings(process.launch(request))
    inputs = [replace(b, data=b.data.copy()) for b in request.buffers]
    request = replace(request, workers=1)
    findings = parse_findings(process.launch(request))
    return findings + _dependent(request, unit, inputs, suspects)


def _suspects(unit: str) -> list[Suspect]:
    found = (_WARNING.match(line) for line in warnings(unit, WARNINGS))
    suspects = {Suspect(m["file"], int(m["line"]), m["name"]) for m in found if m is not None}
    return sorted((s for s in suspects if not is_own(s.file)), key=lambda s: (s.file, s.line))


def _dependent(
    request: LaunchRequest, unit: str, inputs: Sequence[Buffer], suspects: Sequence[Suspect]
) -> list[Finding]:
    """A finding for the first element that differs when thread memory begins as zeros.

    The buffers of `request` hold the results of the checked launch.
    """
    library = compile_kernel(unit, request.kernel, check=False, more=ZEROS)
    process.launch(replace(request, library=library, checks=(), buffers=inputs))
    for checked, zeroed in zip(request.buffers, inputs, strict=True):
        different = np.flatnonzero(checked.data != zeroed.data)
        if not checked.writable or different.size == 0:
            continue
        offset = int(different[0])
        record = process.writer(request, checked.index, offset)
        place = parse_place(json.loads(record)) if record else None
        names = " or ".join(f"{s.name} (line {s.line})" for s in suspects)
        return [
            Finding(
                kind="uninitialized thread memory",
                kernel=request.kernel,
                file=suspects[0].file,
                line=suspects[0].line,
                threadgroup=place.threadgroup if place else (0, 0, 0),
                thread=place.thread if place else (0, 0, 0),
                where=f"{checked.name}[{offset // checked.element_size}]",
                detail=f"this result depends on what {names} held before it was set",
            )
        ]
    return []
