"""How fast the emulator is, as ratios measured in one run.

    OPENBLAS_NUM_THREADS=1 python benchmarks/emulator.py

Decode attention of 16 sequences x 1,024 tokens x 8 heads x head size 128 in float32, against NumPy
in one thread; the safety modes against a plain run, also of two kernels that mostly work in
threadgroup memory; the first and the cached compile of a kernel.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy is imported

import numpy as np

from reference.emulator import Library, Pipeline

SOURCE = Path(__file__).with_name("decode_attention.metal")
MATMUL = Path(__file__).with_name("tiled_matmul.metal")
KERNELS = "mlx/backend/metal/kernels"
CHECKS = "bounds,races,uninitialized"
Run = Callable[[str | None], object]  # of a kernel, with what to check

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


def tiled_matmul(rng: np.random.Generator, size: int = 256) -> Run:
    a, b = (rng.normal(size=(size, size)).astype(np.float32) for _ in range(2))
    pipeline = Library.from_file(MATMUL).new_function("tiled_matmul")

    def run(check: str | None) -> None:
        out = np.zeros_like(a)
        encoder = pipeline.encoder(check=check, workers=1)
        for index, array in enumerate((a, b, out)):
            encoder.set_buffer(array, index=index)
        encoder.set_bytes(np.uint32(size), 3)
        encoder.dispatch_threads((size, size, 1), (16, 16, 1))
        assert np.allclose(out, a @ b, atol=1e-3)

    return run


def block_sort(rng: np.random.Generator, rows: int = 256, size: int = 512) -> Run | None:
    """Of MLX's own header, where it is installed."""
    mlx = importlib.util.find_spec("mlx")
    folders = [
        Path(folder) / "include" for folder in (mlx and mlx.submodule_search_locations) or ()
    ]
    folders = [folder for folder in folders if (folder / KERNELS / "sort.h").is_file()]
    if not folders:
        return None
    source = "".join(f'#include "{KERNELS}/{name}.h"\n' for name in ("utils", "sort"))
    library = Library(source, name="sort.metal", include_folders=folders)
    pipeline = library.new_function("block_sort<float, float, false, 128, 4>")
    values = rng.normal(size=(rows, size)).astype(np.float32)

    def run(check: str | None) -> None:
        out = np.zeros_like(values)
        encoder = pipeline.encoder(check=check, workers=1)
        encoder.set_buffer(values, index=0)
        encoder.set_buffer(out, index=1)
        # Length of the sorted axis; strides along it, in and out; strides to the next row.
        for index, number in enumerate((size, 1, 1, size, size), 2):
            encoder.set_bytes(np.int32(number), index)
        encoder.dispatch_threadgroups((1, rows, 1), (128, 1, 1))
        assert np.array_equal(out, np.sort(values, axis=1))

    return run


def print_checked(name: str, run: Run, times: int = 7) -> None:
    """Plain and checked runs in turn, so that both see the same machine."""
    run(CHECKS)
    plain, checked = zip(
        *((best(lambda: run(None), 2), best(lambda: run(CHECKS), 1)) for _ in range(times)),
        strict=True,
    )
    print(f"  {name:<27} {min(checked) / min(plain):6.2f}   (plain {min(plain) * 1e3:.0f} ms)")


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
    small = (query[:2], keys[:2], values[:2])
    print("safety modes / plain, in one worker")
    print_checked("decode attention", lambda check: emulated(pipeline, small, check, 1))
    print_checked("tiled matmul", tiled_matmul(rng))
    if (sort := block_sort(rng)) is not None:
        print_checked("MLX's block_sort", sort)

    compile_times()


def compile_times() -> None:
    """Each in a new process with a cache of its own, less what Python needs to import."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "MACCORD_CACHE": folder}

        def milliseconds(value: str) -> float:
            command = [sys.executable, "-c", COMPILE, str(SOURCE), value]
            done = subprocess.run(
                command, env=environment, capture_output=True, text=True, check=True
            )
            return float(done.stdout)

        alone = milliseconds("0")  # makes the precompiled header, too
        first = min(milliseconds(str(i)) for i in range(1, 4))
        cached = min(milliseconds("0") for _ in range(5))
    print(f"compile: first of all {alone:.0f} ms, first {first:.0f} ms, cached {cached:.1f} ms")


# A line that is there once makes a kernel new.
COMPILE = """
import sys, time
from pathlib import Path
from reference.emulator import Library
text = Path(sys.argv[1]).read_text() + f"constant int number = {sys.argv[2]};"
start = time.perf_counter()
Library(text).new_function("decode_attention").compiled()
print((time.perf_counter() - start) * 1e3)
"""


if __name__ == "__main__":
    main()
