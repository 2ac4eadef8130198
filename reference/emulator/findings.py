"""What the checker found in a launch, in words that lead to the line.

The checker (runtime/findings.cpp) writes one JSON object a line. Return addresses become lines of
the source with the debug information of the compiled kernel: `addr2line` comes with the compiler.
"""

from __future__ import annotations

import functools
import json
import platform
import re
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from reference.emulator.errors import EmulatorError
from reference.emulator.translate.unit import ENTRY

EMULATOR_FOLDER = Path(__file__).resolve().parent
# GCC's name for what stands in the shim, or in a kernel that is a function of its own: where no
# other frame is, the outermost line is the kernel's.
UNNAMED = "<stdin>"
SYSTEM_FOLDERS = ("/usr/include/", "/usr/lib/")

Coordinates = tuple[int, int, int]


@dataclass(frozen=True)
class Place:
    """One access: where in the source, and by whom."""

    file: str
    line: int  # 0 where the debug information does not tell
    threadgroup: Coordinates  # threadgroup_position_in_grid
    thread: Coordinates  # thread_position_in_threadgroup

    def __str__(self) -> str:
        return f"line {self.line} by thread {self.thread} of threadgroup {self.threadgroup}"


@dataclass(frozen=True)
class Finding:
    """One fault of a kernel, at its first occurrence.

    `kind` is one of "out-of-bounds read", "out-of-bounds write", "out-of-bounds index" (of an
    array whose length its type tells), "write to read-only memory", "race",
    "race between threadgroups", "uninitialized read", "uninitialized thread memory",
    "divergent barrier" and "inactive lane". `where` is `buffer[index]`, the index in elements of
    the array that is bound, and empty for barriers, simd functions and arrays of a thread. `other`
    is the earlier access of a race.
    """

    kind: str
    kernel: str
    file: str
    line: int
    threadgroup: Coordinates
    thread: Coordinates
    where: str
    detail: str
    other: Place | None = None
    count: int = 1

    def __str__(self) -> str:
        place = Place(self.file, self.line, self.threadgroup, self.thread)
        text = f"{self.kernel}: {self.kind}"
        if self.where:
            text += f" of {self.where}"
        text += f" in {place}"
        if self.other is not None:
            text += f" and {self.other}"
        text += f": {self.detail}"
        return text + (f" ({self.count} times)" if self.count > 1 else "")


class CheckError(EmulatorError):
    """A checked launch that had findings; they are in `findings`."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = list(findings)
        super().__init__("\n".join(str(finding) for finding in self.findings))


def parse_findings(text: str) -> list[Finding]:
    """The findings of a launch, those of one line and kind as one.

    `text` is what the host program answered: one JSON object a line.
    """
    records: list[dict[str, Any]] = [json.loads(line) for line in text.splitlines() if line]
    found: dict[tuple[object, ...], Finding] = {}
    for record in records:
        finding = _finding(record)
        other_line = finding.other.line if finding.other is not None else 0
        lines = tuple(sorted((finding.line, other_line)))
        key = (finding.kind, finding.file, lines, finding.where.partition("[")[0])
        if key in found:
            found[key] = replace(found[key], count=found[key].count + finding.count)
        else:
            found[key] = finding
    return list(found.values())


def _finding(record: dict[str, Any]) -> Finding:
    place = parse_place(record["place"])
    return Finding(
        kind=record["kind"],
        kernel=record["kernel"],
        file=place.file,
        line=place.line,
        threadgroup=place.threadgroup,
        thread=place.thread,
        where=f"{record['name']}[{record['index']}]" if "name" in record else "",
        detail=record["detail"],
        other=parse_place(record["other"]) if "other" in record else None,
        count=record["count"],
    )


def parse_place(record: dict[str, Any]) -> Place:
    """A place as the host program tells it: return addresses as offsets in a library."""
    file, line = source_line(record["module"], tuple(record["offsets"]))
    x, y, z = record["threadgroup"]
    threadgroup = (int(x), int(y), int(z))
    x, y, z = record["thread"]
    return Place(file, line or int(record["line"]), threadgroup, (int(x), int(y), int(z)))


@functools.lru_cache(maxsize=4096)
def source_line(module: str, offsets: tuple[int, ...]) -> tuple[str, int]:
    """File and line of the kernel's source for an address and its callers; ("", 0) if not known.

    Of the functions that called each other, inlined or not, the innermost that is neither the
    emulator's nor the compiler's own counts: a read inside of `simd_sum` is reported where the
    kernel calls it.
    """
    command = _symbolizer(module)
    if not module or not offsets or command is None:
        return "", 0
    command += map(hex, offsets)
    frames = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    unnamed = 0
    for frame in frames.splitlines():
        file, line = frame_line(frame)
        if line > 0 and Path(file).name == UNNAMED:
            unnamed = line
        elif line > 0 and not is_own(file):
            return file, line
    return "", unnamed


def _symbolizer(module: str) -> list[str] | None:
    if platform.system() == "Darwin":  # with the .dSYM beside the module
        program = shutil.which("atos")
        arch = platform.machine()
        options = ["-o", module, "-arch", arch, "-i", "-fullPath", "-offset"]
        return [program, *options] if program else None
    program = shutil.which("addr2line") or shutil.which("llvm-addr2line")
    return [program, "-i", "-e", module] if program else None


def frame_line(frame: str) -> tuple[str, int]:
    """File and line of `addr2line`'s "k.metal:12 (discriminator 3)" or of `atos`'s
    "f(int) (in k.so) (k.metal:12)"; ("", 0) if there is none."""
    found = re.search(r" \(([^()]+):(\d+)\)$", frame) or re.match(r"(.+):(\d+)(?: \(|$)", frame)
    return (found[1], int(found[2])) if found else ("", 0)


def is_own(file: str) -> bool:
    """Whether a file is the emulator's or the compiler's."""
    if Path(file).name.startswith((UNNAMED, ENTRY)):
        return True
    own = Path(file).is_absolute() and EMULATOR_FOLDER in Path(file).resolve().parents
    return own or file.startswith(SYSTEM_FOLDERS)
