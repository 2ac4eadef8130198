"""A kernel library in a process of its own, in any interpreter."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from conformance.targets.apart.answers import Broken, Refused
from conformance.targets.apart.process import Process
from conformance.targets.errors import TargetError
from conformance.targets.kernels import memory
from conformance.targets.kernels.contract import Array, KernelCapabilities, KernelError

WORKER = f"{__package__}.worker"

LOAD_S = 300.0
"""An engine that compiles when it is imported takes a minute."""

CALL_S = 120.0
"""One call; those of the suite take a GPU and a CPU milliseconds, and an emulator seconds."""


class RemoteKernels:
    """A library in another process, which starts with it and again after a call broke it.

    Args:
        library: as for `load`.
        python: the interpreter that has it.
        log: what it prints.
        path: folders with modules of its own.

    Raises:
        TargetError: there is none, or it does not start.
    """

    def __init__(
        self,
        library: str,
        python: Path,
        *,
        log: Path | None = None,
        path: Sequence[Path] = (),
        load_s: float = LOAD_S,
        call_s: float = CALL_S,
    ) -> None:
        self._load_s, self._call_s = load_s, call_s
        self._process = Process(
            "The library's process",
            python,
            WORKER,
            [library],
            log=log,
            path=path,
        )
        try:
            said = self._process.ask({"do": "load"}, load_s)
        except OSError as error:
            raise TargetError(f"{python} cannot be run ({error}).") from error
        except (Refused, Broken) as error:
            self._process.close()
            raise TargetError(f"{error} (in {python})") from error
        self.name = str(said["name"])
        self._capabilities = KernelCapabilities(**said["capabilities"])

    def capabilities(self) -> KernelCapabilities:
        return self._capabilities

    def reshape_and_cache(self, *arrays: Array, **named: Any) -> None:
        self._call("reshape_and_cache", *arrays, **named)

    def copy_blocks(self, *arrays: Array) -> None:
        self._call("copy_blocks", *arrays)

    def paged_attention(self, *arrays: Array, **named: Any) -> Any:
        return self._call("paged_attention", *arrays, **named)

    def mla_attention(self, *arrays: Array, **named: Any) -> Any:
        return self._call("mla_attention", *arrays, **named)

    def close(self) -> None:
        """Ends the process, and removes its files."""
        self._process.close()

    def _call(self, operation: str, *positional: Any, **named: Any) -> Any:
        """What the library returns; arrays that it changes are changed here.

        Raises:
            KernelError: it raised, crashed, or took too long.
        """
        file = self._process.scratch / "arrays"
        given: list[tuple[bool, Any]] = []
        arrays: list[Array] = []
        for value in (*positional, *named.values()):
            if isinstance(value, np.ndarray):
                given.append((True, len(arrays)))
                arrays.append(value)
            else:
                given.append((False, value.item() if isinstance(value, np.generic) else value))
        carried = memory.Carried(file, arrays)
        question = {
            "do": operation,
            "file": file.name,
            "places": carried.places,
            "given": given,
            "names": list(named),
        }
        try:
            if not self._process.started:
                self._process.ask({"do": "load"}, self._load_s)
            answer = self._process.ask(question, self._call_s)
            carried.take_back()
            return self._output(answer)
        except (Refused, Broken) as error:
            raise KernelError(str(error)) from error

    def _output(self, answer: dict[str, Any]) -> Array | None:
        if "output" in answer:
            file = self._process.scratch / str(answer["output"])
            found: Array = np.fromfile(file, np.uint8)
            file.unlink()
            return found.view(memory.dtype_named(answer["dtype"])).reshape(answer["shape"])
        if answer.get("returned") is None:
            return None
        raise KernelError(f"The library returned {answer['returned']}; expected an array.")
