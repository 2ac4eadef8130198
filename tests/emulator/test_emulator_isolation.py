"""Kernels that loop, crash or can not be compiled: a sentence, and the next kernel runs."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from reference.emulator import (
    CompileError,
    DeadlineExceeded,
    EmulatorError,
    KernelCrash,
    Library,
    compiler,
)

HEAD = "#include <metal_stdlib>\nusing namespace metal;\n"


def run(source: str, out: np.ndarray, threads: int = 1, **options) -> np.ndarray:
    library = Library(HEAD + source, name="test.metal")
    encoder = library.new_function(library.function_names[0]).encoder(**options)
    encoder.set_buffer(out, index=0)
    encoder.dispatch_threads((threads, 1, 1), (min(threads, 32), 1, 1))
    return out


def good() -> None:
    source = "kernel void good(device int* out, uint i [[thread_position_in_grid]]) { out[i] = i; }"
    np.testing.assert_array_equal(run(source, np.zeros(64, np.int32), 64), np.arange(64))


def test_an_endless_loop_ends_at_the_deadline() -> None:
    source = "kernel void spins(device volatile int* out) { while (out[0] == 0) {} }"
    with pytest.raises(DeadlineExceeded, match=r"spins did not end within 0\.3 s"):
        run(source, np.zeros(1, np.int32), deadline=0.3)
    good()


def test_a_crash_names_the_thread() -> None:
    source = """
        kernel void wild(device int* out, uint i [[thread_position_in_grid]]) {
          if (i == 37) out[long(1) << 40] = 1;
        }
    """
    match = r"wild crashed: .* in thread \(5, 0, 0\) of threadgroup \(1, 0, 0\)"
    with pytest.raises(KernelCrash, match=match):
        run(source, np.zeros(1, np.int32), 64)
    good()


def test_a_buffer_that_is_not_bound_is_a_crash_that_is_told() -> None:
    source = "kernel void two(device int* out, device int* other) { out[0] = other[0]; }"
    with pytest.raises(KernelCrash, match="two crashed"):
        run(source, np.zeros(1, np.int32))
    good()


def test_threads_of_a_threadgroup_that_left_do_not_hold_the_others() -> None:
    source = """
        kernel void left(device int* out, uint i [[thread_position_in_grid]]) {
          if (i >= 20) return;
          threadgroup_barrier(mem_flags::mem_device);
          out[i] = simd_sum(1);
        }
    """
    out = run(source, np.zeros(32, np.int32), 32)
    np.testing.assert_array_equal(out, [20] * 20 + [0] * 12)


def test_lanes_in_two_branches_meet_apart() -> None:
    source = """
        kernel void branches(device int* out, uint i [[thread_position_in_grid]]) {
          if (i % 4 == 0) {
            out[i] = simd_sum(1);
          } else {
            out[i] = simd_sum(100);
          }
          out[i] += simd_sum(1) * 10000;
        }
    """
    out = run(source, np.zeros(32, np.int32), 32)
    expected = np.where(np.arange(32) % 4 == 0, 8, 2400) + 320000
    np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            "kernel void image(texture2d<float> t [[texture(0)]]) {}",
            r"test\.metal:3: 'texture2d' is not supported",
        ),
        ("\nvertex float4 shade() { return 0; }", r"test\.metal:4: a vertex function is not"),
        ("kernel void k(uint i) {}", r"test\.metal:3: .*parameter 'i' without an attribute"),
        ("kernel void k(uint i [[stage_in]]) {}", r"test\.metal:3: .*\[\[stage_in\]\]"),
        ("\n\nkernel void k() { missing(); }", r"test\.metal:5:.*'missing'"),
        ('#include "nowhere.h"', r"test\.metal:3:.*nowhere\.h"),
    ],
)
def test_what_is_not_supported_is_told_with_its_line(source: str, message: str) -> None:
    with pytest.raises(CompileError, match=message):
        run(source, np.zeros(1, np.int32))


def test_without_a_compiler_one_sentence_says_so(monkeypatch) -> None:
    compiler.toolchain.cache_clear()
    monkeypatch.setattr(compiler.shutil, "which", lambda _: None)
    try:
        with pytest.raises(EmulatorError, match=r"needs a C\+\+ compiler and found none"):
            Library(HEAD)
    finally:
        monkeypatch.undo()
        compiler.toolchain.cache_clear()
    good()


def test_all_cores_give_what_one_gives() -> None:
    source = """
        kernel void groups(device uint* out, uint i [[thread_position_in_grid]],
                           uint group [[threadgroup_position_in_grid]]) {
          threadgroup uint shared[32];
          shared[i % 32] = i * group;
          threadgroup_barrier(mem_flags::mem_threadgroup);
          out[i] = shared[31 - i % 32];
        }
    """
    one = run(source, np.zeros(32 * 500, np.uint32), 32 * 500, workers=1)
    many = run(source, np.zeros(32 * 500, np.uint32), 32 * 500, workers=8)
    np.testing.assert_array_equal(one, many)
    assert len(set(one.tolist())) > 1000


def test_two_checkouts_share_no_compiled_file(monkeypatch, tmp_path) -> None:
    """Findings know the emulator's own frames by the names that are compiled in."""
    here = compiler.toolchain().fingerprint
    shutil.copytree(compiler.FOLDER, tmp_path / "emulator")
    folder = compiler.FOLDER
    for name in ("FOLDER", "RUNTIME", "INCLUDE"):
        place = getattr(compiler, name).relative_to(folder)
        monkeypatch.setattr(compiler, name, tmp_path / "emulator" / place)
    compiler.toolchain.cache_clear()
    elsewhere = compiler.toolchain().fingerprint
    monkeypatch.undo()
    compiler.toolchain.cache_clear()
    assert compiler.toolchain().fingerprint == here != elsewhere


@pytest.mark.skipif(
    platform.system() == "Darwin", reason="Apple's clang++ is asked for its version each time"
)
def test_a_compiled_kernel_starts_no_compiler_in_a_new_process(tmp_path: Path) -> None:
    script = """
import subprocess, sys
from reference.emulator import Library, compiler
def refuse(*_): raise AssertionError("a compiler was started")
if sys.argv[1:]: compiler._run = refuse
Library("kernel void k() {}").new_function("k").compiled()
"""
    environment = {**os.environ, "MACCORD_CACHE": str(tmp_path)}
    for argument in ([], ["cached"]):
        subprocess.run([sys.executable, "-c", script, *argument], env=environment, check=True)
