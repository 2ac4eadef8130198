"""Use of uninitialised variables and arrays of a thread.

They mostly live in registers, which no callback sees. So the compiler is asked first, which can
begin every variable with a value of ours: a variable whose beginning GCC's optimiser could not drop
may be used uninitialised, and where there is none nothing more is done. (Clang is not asked whether
to go on: it has forgotten the beginnings of what is in registers.) Else the kernel runs once more,
with all such variables filled with a pattern; in the checked build they are zeros, or what the
compiler thinks best. If the results differ, two runs on one worker decide: filled with the pattern,
and with zeros. Results that differ then come from one of the variables; equal results are no
finding.

Not covered: a use that leaves the results as they are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from reference.emulator import process
from reference.emulator.checks import Build
from reference.emulator.compiler import (
    compile_kernel,
    compiler_notes,
    optimized_statements,
    toolchain,
)
from reference.emulator.findings import Finding, is_own, parse_findings, parse_place
from reference.emulator.process import Buffer, LaunchRequest

_BEGINNING = re.compile(
    r"\[(?P<file>[^\]]+?):(?P<line>\d+):\d+(?: discrim \d+)?\].*\.DEFERRED_INIT .*"
    r"&\"(?P<name>[^\"]*)\""
)
# Clang warns of scalars; where it does not, its remarks on code that is not optimised tell all
# variables that it begins with a value of ours.
_CLANG_OPTIONS = (
    ("-Wuninitialized", "-Wsometimes-uninitialized", "-Wconditional-uninitialized"),
    ("-Rpass-missed=annotation-remarks", "-mllvm", "-opt-bisect-limit=0"),
)
_CLANG_DECLARATION = re.compile(
    r"(?P<file>[^:]+):(?P<line>\d+):\d+: note: (?:initialize the )?variable '(?P<name>\w+)' "
    r"|.*: note: could not determine .* location for (?P<written_in>[^:]+):(?P<at>\d+):"
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
    asked = "uninitialized" in request.checks
    clang = toolchain().is_clang
    variables = _left_by_gcc(request, unit) if asked and not clang else []
    again = bool(variables) or (asked and clang)
    inputs = [replace(b, data=b.data.copy()) for b in request.buffers] if again else []
    findings = parse_findings(process.launch(request))
    # An access out of bounds, which the checker reports and keeps harmless, does harm elsewhere.
    if again and not any(f.kind.startswith("out-of-bounds") for f in findings):
        checked = [b for b in request.buffers if b.writable]
        filled = _results(request, unit, inputs, "filled", request.workers)
        if not all(np.array_equal(a.data, b.data) for a, b in zip(checked, filled, strict=True)):
            if clang:
                variables = _named_by_clang(request, unit)
            findings += _dependent(request, unit, inputs, variables)
    return findings


def _left_by_gcc(request: LaunchRequest, unit: str) -> list[Variable]:
    lines = optimized_statements(unit, request.kernel, "zeroed", "DEFERRED_INIT")
    found = filter(None, map(_BEGINNING.search, lines))
    return _sorted(Variable(m["file"], int(m["line"]), m["name"]) for m in found)


def _named_by_clang(request: LaunchRequest, unit: str) -> list[Variable]:
    variables: list[Variable] = []
    for options in _CLANG_OPTIONS:
        notes = compiler_notes(unit, request.kernel, options)
        found = filter(None, map(_CLANG_DECLARATION.match, notes))
        variables = variables or _sorted(
            Variable(
                m["file"] or m["written_in"], int(m["line"] or m["at"]), m["name"] or "a variable"
            )
            for m in found
        )
    return variables


def _sorted(variables: Iterable[Variable]) -> list[Variable]:
    found = {v for v in variables if not is_own(v.file)}
    return sorted(found, key=lambda v: (v.file, v.line))


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
        names = " or ".join(f"{v.name} (line {v.line})" for v in variables) or "a variable"
        first = variables[0] if variables else Variable("", 0, "")
        return [
            Finding(
                kind="uninitialized thread memory",
                kernel=request.kernel,
                file=first.file,
                line=first.line,
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
