"""How fast the emulator is, as ratios measured in one run.

    OPENBLAS_NUM_THREADS=1 python benchmarks/emulator.py

Decode attention of 16 sequences x 1,024 tokens x 8 heads x head size 128 in float32, against NumPy
in one thread; the safety modes against a plain run; the first and the cached compile of a kernel.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy is imported

import numpy as np

from reference.emulator import Library, Pipeline

SOURCE = Path(__file__).with_name("decode_attention.metal")
SEQUENCES, TOKENS, HEADS, HEAD_SIZE = 16, 1024, 8, 128


def best(call: Callable[[], object], times: int = 5) -> float:
    """The shortest of some runs, in seconds: what the machine does when it does nothing else."""
    durations = []
    for _ in range(times):
        start = time.perf_counter()
        call()
        durations.append(time.perf_counter() - start)
    return min(durations)


def with_numpy(query: np.ndarray, keys: np.ndarray, values: np.ndarray) -> np.ndarray:
    """query [S, H, D]; keys, values [S, H, T, D]."""
    scores = (keys @ query[..., None])[..., 0] * np.float32(HEAD_SIZE**-0.5)
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights /= weights.sum(axis=-1, keepdims=True)
    return (weights[..., None, :] @ values)[..., 0, :]


def emulated(
    pipeline: Pipeline,
    arrays: tuple[np.ndarray, np.ndarray, np.ndarray],
    check: str | None = None,
    workers: int = 0,
) -> np.ndarray:
    query, keys, values = arrays
    out = np.zeros_like(query)
    encoder = pipeline.encoder(check=check, workers=workers)
    for index, array in enumerate((query, keys, values, out)):
        encoder.set_buffer(array, index=index)
    encoder.set_bytes(np.int32(keys.shape[2]), 4)
    encoder.set_bytes(np.float32(HEAD_SIZE**-0.5), 5)
    encoder.dispatch_threadgroups((query.shape[0] * query.shape[1], 1, 1), (256, 1, 1))
    return out


def main() -> None:
    rng = np.random.default_rng(0)
    query = rng.normal(size=(SEQUENCES, HEADS, HEAD_SIZE)).astype(np.float32)
    shape = (SEQUENCES, HEADS, TOKENS, HEAD_SIZE)
    keys = rng.normal(size=shape).astype(np.float32)
    values = rng.normal(size=shape).astype(np.float32)
    arrays = (query, keys, values)
    pipeline = Library.from_file(SOURCE).new_function("decode_attention")
    expected = with_numpy(*arrays)
    assert np.allclose(emulated(pipeline, arrays), expected, rtol=1e-5, atol=1e-6)

    numpy_time = best(lambda: with_numpy(*arrays))
    plain = best(lambda: emulated(pipeline, arrays))
    single = best(lambda: emulated(pipeline, arrays, workers=1), 3)
    print(f"decode attention: NumPy {numpy_time * 1e3:.0f} ms, emulator {plain * 1e3:.0f} ms")
    print(f"  emulator / NumPy            {plain / numpy_time:6.2f}")
    print(f"  one worker / all cores      {single / plain:6.2f}   ({os.cpu_count()} cores)")
    small = tuple(array[:2] for array in arrays)
    small = tuple(np.ascontiguousarray(array) for array in small)
    checks = "bounds,races,uninitialized"
    emulated(pipeline, small, checks)
    checked = best(lambda: emulated(pipeline, small, checks), 3)
    unchecked = best(lambda: emulated(pipeline, small), 3)
    print(f"  safety modes / plain        {checked / unchecked:6.2f}   (2 sequences)")

    with tempfile.TemporaryDirectory() as folder:
        os.environ["MACCORD_CACHE"] = folder

        def compile_new() -> None:
            text = (
                SOURCE.read_text()
                + f"// {time.perf_counter_ns()}\nkernel void k{time.perf_counter_ns()}() {{}}"
            )
            Library(text).new_function("decode_attention").compiled()

        compile_new()  # makes the precompiled header
        first = best(compile_new, 3)
        cached = best(lambda: Library.from_file(SOURCE).new_function("decode_attention").compiled())
        print(f"compile: first {first * 1e3:.0f} ms, cached {cached * 1e3:.1f} ms")


if __name__ == "__main__":
    main()
