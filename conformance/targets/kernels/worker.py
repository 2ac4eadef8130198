"""A program for an interpreter that has the kernels: a library, asked over a pipe.

Run as `python -m conformance.targets.kernels.worker LIBRARY SCRATCH IN OUT`. Arrays lie in files
below SCRATCH, which a question and an answer name.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from conformance.targets.apart.answers import Broken, Refused, serve
from conformance.targets.errors import TargetError
from conformance.targets.kernels.contract import KernelError, capabilities_of
from conformance.targets.kernels.memory import mapped, name_of
from conformance.targets.kernels.target import found


def main(library: str, scratch: str, into: str, out_of: str) -> None:
    """Answers until there are no more questions. The first answer is to "load"."""
    loaded: Any = None

    def answered(question: Mapping[str, Any]) -> dict[str, Any]:
        nonlocal loaded
        if question["do"] == "load":
            try:
                loaded = found(library)
            except TargetError as error:
                raise Refused(str(error)) from error
            said = asdict(capabilities_of(loaded))
            plain = {name: None if v is None else list(v) for name, v in said.items()}
            return {"name": loaded.name, "capabilities": plain}
        try:
            return _called(getattr(loaded, question["do"]), question, Path(scratch))
        except KernelError as error:
            raise Broken(str(error)) from error

    serve(answered, into, out_of)


def _called(operation: Any, question: Mapping[str, Any], scratch: Path) -> dict[str, Any]:
    """What an operation returns: nothing, or an array, which is written to a file."""
    arrays = mapped(scratch / question["file"], question["places"])
    each = [arrays[at] if is_array else at for is_array, at in question["given"]]
    names = question["names"]
    first = len(each) - len(names)
    output = operation(*each[:first], **dict(zip(names, each[first:], strict=True)))
    if not isinstance(output, np.ndarray):
        return {"returned": None if output is None else type(output).__name__}
    file = f"{question['number']}.out"
    np.ascontiguousarray(output).view(np.uint8).reshape(-1).tofile(scratch / file)
    return {"output": file, "dtype": name_of(output.dtype), "shape": output.shape}


if __name__ == "__main__":
    main(*sys.argv[1:])
