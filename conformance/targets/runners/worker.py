"""A program for an engine's own interpreter: one model's runner, asked over a pipe.

Run as `python -m conformance.targets.runners.worker MODULE CLASS MODEL DTYPE SCRATCH IN OUT`. A
question is a line of JSON on the descriptor IN, an answer one on OUT; what was seen lies in a file
below SCRATCH that the answer names. What the engine prints goes where it likes: that is a log.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from conformance.targets.apart.answers import serve
from conformance.targets.runners.contract import Way
from conformance.targets.runners.ways import offered, score
from fixtures.snapshots import Recorded

FIELDS = ("token_ids", "positions", "top_ids", "top_logits", "logsumexp")


def main(
    module: str, kind: str, model: str, dtype: str, scratch: str, into: str, out_of: str
) -> None:
    """Answers until there are no more questions. The first answer is to "load"."""
    runner: Any = None

    def answered(question: Mapping[str, Any]) -> dict[str, Any]:
        nonlocal runner
        if question["do"] == "load":
            runner = getattr(importlib.import_module(module), kind)(Path(model), dtype)
            return {"ways": sorted(offered(runner))}
        if question["do"] == "generate":
            return {"said": runner.generate(question["token_ids"], question["max_tokens"])}
        file = Path(scratch) / f"{question['number']}.npz"
        save(file, score(runner, question["sequences"], Way(question["way"])))
        return {"file": file.name}

    serve(answered, into, out_of)


def save(file: Path, seen: Mapping[str, Recorded]) -> None:
    """Writes what was seen, as arrays."""
    arrays = {
        f"{name}/{field}": getattr(found, field) for name, found in seen.items() for field in FIELDS
    }
    np.savez(file, **arrays)


def load(file: Path) -> dict[str, Recorded]:
    """Reads what `save` wrote.

    Raises:
        OSError, ValueError, KeyError: it did not.
    """
    with np.load(file, allow_pickle=False) as arrays:
        names = {key.rpartition("/")[0] for key in arrays.files}
        return {
            name: Recorded(
                prompt_length=len(arrays[f"{name}/token_ids"]),
                **{field: arrays[f"{name}/{field}"] for field in FIELDS},
            )
            for name in sorted(names)
        }


if __name__ == "__main__":
    main(*sys.argv[1:])
