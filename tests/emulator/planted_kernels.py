"""Kernels with one planted bug, and how to launch them.

Each `.metal` file in kernels/planted/ has two kernels, `planted` and `corrected`. Its head says how
both are launched, and each comment `finds: KIND [WHERE]` stands on a line that a finding must name:

    // launch: grid 80, threadgroup 64, memory tile 128
    // buffers: values float[80], out float[2]
    …
      out[i + 1] = values[i];  // finds: out-of-bounds write out[80]
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from reference.emulator.findings import CheckError, Finding
from reference.emulator.library import Library

FOLDER = Path(__file__).parent / "kernels" / "planted"
DTYPES = {"float": np.float32, "half": np.float16, "uchar": np.uint8, "uint": np.uint32}
ALL_CHECKS = "bounds,races,uninitialized"

_MARK = re.compile(r"// finds: (?P<kind>[^\[\n]*?)(?: (?P<where>\w+(?:\[-?\d+\])?))?$")
_WITHOUT_WHERE = {
    "divergent barrier",
    "inactive lane",
    "out-of-bounds index",
    "uninitialized thread memory",
}


@dataclass(frozen=True)
class Mark:
    """What a finding on a line of the source must say; `where` is "" or begins `buffer[index]`."""

    line: int
    kind: str
    where: str

    def is_met_by(self, finding: Finding) -> bool:
        lines = {finding.line} | ({finding.other.line} if finding.other else set())
        exact = self.where.endswith("]")
        where = finding.where == self.where if exact else finding.where.startswith(self.where)
        return self.line in lines and finding.kind.startswith(self.kind) and where


@dataclass(frozen=True)
class PlantedBug:
    path: Path

    @cached_property
    def source(self) -> str:
        return self.path.read_text()

    @cached_property
    def marks(self) -> list[Mark]:
        marks = []
        for number, line in enumerate(self.source.splitlines(), 1):
            if match := _MARK.search(line):
                kind, where = match["kind"], match["where"] or ""
                if f"{kind} {where}" in _WITHOUT_WHERE:
                    kind, where = f"{kind} {where}", ""
                marks.append(Mark(number, kind, where))
        return marks

    def inputs(self) -> list[NDArray[np.generic]]:
        """Arrays in the order of the buffers: the numbers 0 to 6 again and again, results 0."""
        arrays = []
        for declared in self._head("buffers").split(","):
            name, dtype, size = re.fullmatch(r"\s*(\w+) (\w+)\[(\d+)\]\s*", declared).groups()
            count = int(size)
            full = np.zeros(count) if name in ("out", "count") else np.arange(count) % 7
            arrays.append(full.astype(DTYPES[dtype]))
        return arrays

    def run(
        self, kernel: str, check: str | None = ALL_CHECKS, schedule: int = 0, workers: int = 0
    ) -> tuple[list[Finding], list[NDArray[np.generic]]]:
        """Launches `kernel`; returns the findings and the arrays as it left them."""
        arrays = self.inputs()
        pipeline = Library.from_file(self.path).new_function(kernel)
        encoder = pipeline.encoder(check=check, schedule=schedule, workers=workers)
        for index, array in enumerate(arrays):
            encoder.set_buffer(array, index=index)
        launch = dict(part.strip().split(" ", 1) for part in self._head("launch").split(","))
        if "memory" in launch:
            encoder.set_threadgroup_memory_length(int(launch["memory"].split()[1]), 0)
        try:
            encoder.dispatch_threads(
                (int(launch["grid"]), 1, 1), (int(launch["threadgroup"]), 1, 1)
            )
        except CheckError as error:
            return error.findings, arrays
        return [], arrays

    def _head(self, key: str) -> str:
        return re.search(rf"^// {key}: (.*)$", self.source, re.MULTILINE)[1]


PLANTED_BUGS = [PlantedBug(path) for path in sorted(FOLDER.glob("*.metal"))]
