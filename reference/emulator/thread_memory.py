"""Use of uninitialised variables and arrays of a thread.

They mostly live in registers, which no callback sees. So GCC is asked first, which can begin every
variable with a value of ours: a variable whose beginning its optimiser could not drop may be used
uninitialised, and where there is none nothing more is done. Else the kernel runs once more, with
all such variables filled with a pattern; in the checked build they are zeros, or what GCC thinks
best. If the results differ, two runs on one worker decide: filled with the pattern, and with zeros.
Results that differ then come from one of the variables; equal results are no finding.

Not covered: a use that leaves the results as they are, and other compilers than GCC.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from reference.emulator import process
from reference.emulator.checks import Build
from reference.emulator.compiler import compile_kernel, optimized_statements
from reference.emulator.findings import Finding, is_own, parse_findings, parse_place
from reference.emulator.process import Buffer, LaunchRequest

_BEGINNING = re.compile(
    r"\[(?P<file>[^\]]+?):(?P<line>\d+):\d+(?: discrim \d+)?\].*\.DEFERRED_INIT .*"
    r"&\"(?P<name>[^\"]*)\""
)


@dataclass(frozen=True)
class Variable:
    """A variable that may be used before it is set, where it is declared."""

    file: str
    line: int
    name: str


def launch_checked(request: LaunchRequest, unit: str) -> list[Finding]:
    """Executes a kernel in a safety mode.

    `request.library` is its checked build and `unit` its C++ text.
    """
    variables = _variables(request, unit) if "uninitialized" in request.checks else []
    inputs = [replace(b, data=b.data.copy()) for b in request.buffers] if variables else []
    findings = parse_findings(process.launch(request))
    if variables:
        checked = [b for b in request.buffers if b.writable]
        filled = _results(request, unit, inputs, "filled", request.workers)
        if not all(np.array_equal(a.data, b.data) for a, b in zip(checked, filled, strict=True)):
            findings += _dependent(request, unit, inputs, variables)
    return findings


def _variables(request: LaunchRequest, unit: str) -> list[Variable]:
    lines = optimized_statements(unit, request.kernel, "zeroed", "DEFERRED_INIT")
    found = filter(None, map(_BEGINNING.search, lines))
    variables = {Variable(m["file"], int(m["line"]), m["name"]) for m in found}
    return sorted((v for v in variables if not is_own(v.file)), key=lambda v: (v.file, v.line))


def _dependent(
    request: LaunchRequest, unit: str, inputs: Sequence[Buffer], variables: Sequence[Variable]
) -> list[Finding]:
    """A finding for the first element that depends on what the variables begin with."""
    filled, zeroed = (
        _results(request, unit, inputs, build, workers=1) for build in ("filled", "zeroed")
    )
    for one, other in zip(filled, zeroed, strict=True):
        different = np.flatnonzero(one.data != other.data)
        if different.size == 0:
            continue
        offset = int(different[0])
        record = process.writer(request, one.index, offset)
        place = parse_place(json.loads(record)) if record else None
        names = " or ".join(f"{v.name} (line {v.line})" for v in variables)
        return [
            Finding(
                kind="uninitialized thread memory",
                kernel=request.kernel,
                file=variables[0].file,
                line=variables[0].line,
                threadgroup=place.threadgroup if place else (0, 0, 0),
                thread=place.thread if place else (0, 0, 0),
                where=f"{one.name}[{offset // one.element_size}]",
                detail=f"this result depends on what {names} held before it was set",
            )
        ]
    return []


def _results(
    request: LaunchRequest, unit: str, inputs: Sequence[Buffer], build: Build, workers: int
) -> list[Buffer]:
    """The buffers that a kernel writes to, as another build leaves them."""
    buffers = [replace(b, data=b.data.copy()) if b.writable else b for b in inputs]
    library = compile_kernel(unit, request.kernel, build)
    process.launch(replace(request, library=library, checks=(), buffers=buffers, workers=workers))
    return [b for b in buffers if b.writable]
