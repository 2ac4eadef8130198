"""Random scripts of accesses and barriers: the checker reports a race exactly where two accesses
race by definition, and only pairs that do.

Each thread plays its column of a script, one operation a step; barriers are steps of all threads.
"""

from __future__ import annotations

import functools
import itertools
from dataclasses import dataclass

import numpy as np
import pytest

from reference.emulator import CheckError, Library, Pipeline

SCRIPTS = 250
THREADS, BYTES = 64, 16  # of a threadgroup; of the memory that the threads share
# Operation: bytes that it touches, whether it writes, whether it is atomic.
OPERATIONS = {
    "read1": (1, False, False),
    "read2": (2, False, False),
    "read4": (4, False, False),
    "read8": (8, False, False),
    "write1": (1, True, False),
    "write2": (2, True, False),
    "write4": (4, True, False),
    "write8": (8, True, False),
    "add": (4, True, True),
}
NAMES = list(OPERATIONS)
NOTHING, GROUP_BARRIER, SIMD_BARRIER = 100, 101, 102

PLAYER = """
#include <metal_stdlib>
using namespace metal;
#define SPACE {space}
kernel void play(device const int2* script [[buffer(0)]], constant int& steps [[buffer(1)]],
                 device int* sums [[buffer(2)]], {shared}
                 uint i [[thread_position_in_grid]], uint threads [[threads_per_grid]],
                 uint mine [[thread_index_in_threadgroup]]) {
  {tile}
  int sum = 0;
  for (int step = 0; step < steps; ++step) {
    const int2 now = script[step * threads + i];
    SPACE uchar* at = reinterpret_cast<SPACE uchar*>(memory) + now.y;
    switch (now.x) {
      case 0: sum += *at; break;
      case 1: sum += *reinterpret_cast<SPACE ushort*>(at); break;
      case 2: sum += *reinterpret_cast<SPACE uint*>(at); break;
      case 3: sum += *reinterpret_cast<SPACE ulong*>(at); break;
      case 4: *at = 1; break;
      case 5: *reinterpret_cast<SPACE ushort*>(at) = 1; break;
      case 6: *reinterpret_cast<SPACE uint*>(at) = 1; break;
      case 7: *reinterpret_cast<SPACE ulong*>(at) = 1; break;
      case 8: atomic_fetch_add_explicit(reinterpret_cast<SPACE atomic_uint*>(at), 1u,
                                        memory_order_relaxed); break;
      case 101: threadgroup_barrier(FLAGS); break;
      case 102: simdgroup_barrier(FLAGS); break;
    }
  }
  sums[i] = sum;
}
"""
FIRST_CASE_LINE = next(n for n, line in enumerate(PLAYER.splitlines(), 1) if "case 0:" in line)


@functools.cache
def player(space: str) -> Pipeline:
    tile = f"threadgroup ulong memory[{BYTES // 8}]; if (mine < {BYTES // 8}) memory[mine] = 0;"
    source = PLAYER.replace("{space}", space).replace("FLAGS", f"mem_flags::mem_{space}")
    in_threadgroup = space == "threadgroup"
    shared = "" if in_threadgroup else "device ulong* memory [[buffer(3)]],"
    source = source.replace("{tile}", tile if in_threadgroup else "").replace("{shared}", shared)
    return Library(source, name="play.metal").new_function("play")


@dataclass(frozen=True)
class Access:
    """`epochs`: how many barriers of the threadgroup, and of the simdgroup, came before."""

    thread: int
    operation: str
    first: int
    epochs: tuple[int, int]

    def races_with(self, other: Access) -> bool:
        (size, writes, atomic), (size_2, writes_2, atomic_2) = (
            OPERATIONS[access.operation] for access in (self, other)
        )
        apart = self.first + size <= other.first or other.first + size_2 <= self.first
        if apart or not (writes or writes_2) or (atomic and atomic_2):
            return False
        if self.thread == other.thread:
            return False
        if self.thread // THREADS != other.thread // THREADS:
            return True
        if self.epochs[0] != other.epochs[0]:
            return False
        same_simdgroup = self.thread // 32 == other.thread // 32
        return not (same_simdgroup and self.epochs[1] != other.epochs[1])


def random_script(rng: np.random.Generator, threads: int) -> tuple[np.ndarray, list[Access]]:
    """[steps, threads] of operation and byte, and its accesses: readings by many threads, barriers,
    and few accesses of any kind, so that most scripts have one race or none."""
    steps = [np.full((threads, 2), (GROUP_BARRIER, 0))]
    accesses: list[Access] = []
    epochs = [1, 1]
    # Parts of words are kept apart once they were touched: half of the scripts touch none.
    names = ["read4", "read8", "write4", "write8"] if rng.integers(2) else NAMES
    reads = [name for name in names if name.startswith("read")]
    for _ in range(int(rng.integers(3, 12))):
        kind = rng.choice(["group", "group", "simd", "many", "few"])
        step = np.full((threads, 2), (NOTHING, 0))
        if kind in ("group", "simd"):
            step[:] = (GROUP_BARRIER if kind == "group" else SIMD_BARRIER, 0)
            epochs = [epochs[0] + (kind == "group"), epochs[1] + 1]
        else:
            count = int(rng.integers(2, threads)) if kind == "many" else int(rng.integers(1, 4))
            same = str(rng.choice(reads))
            for thread in rng.choice(threads, count, replace=False):
                name = same if kind == "many" else str(rng.choice(names))
                size = OPERATIONS[name][0]
                first = int(rng.integers(BYTES // size)) * size
                step[thread] = (NAMES.index(name), first)
                accesses.append(Access(int(thread), name, first, (epochs[0], epochs[1])))
        steps.append(step)
    return np.array(steps, np.int32), accesses


@pytest.mark.parametrize(("space", "groups"), [("threadgroup", 1), ("device", 1), ("device", 2)])
def test_races_are_reported_where_they_are_by_definition(space: str, groups: int) -> None:
    rng = np.random.default_rng([groups, space == "device"])
    threads = THREADS * groups
    outcomes = []
    for seed in range(SCRIPTS):
        script, accesses = random_script(rng, threads)
        pairs = {
            frozenset((a.operation, b.operation))
            for a, b in itertools.combinations(accesses, 2)
            if a.races_with(b)
        }
        encoder = player(space).encoder(check="bounds,races,uninitialized", schedule=seed)
        encoder.set_buffer(script, index=0)
        encoder.set_bytes(np.int32(len(script)), 1)
        encoder.set_buffer(np.zeros(threads, np.int32), index=2)
        encoder.set_buffer(np.zeros(BYTES // 8, np.uint64), index=3)
        found = set()
        try:
            encoder.dispatch_threads((threads, 1, 1), (THREADS, 1, 1))
        except CheckError as error:
            for finding in error.findings:
                assert finding.kind.startswith("race"), finding
                assert finding.other is not None
                lines = (finding.line, finding.other.line)
                found.add(frozenset(NAMES[min(n - FIRST_CASE_LINE, 8)] for n in lines))
        assert bool(found) == bool(pairs), (seed, pairs, found)
        assert found <= pairs, (seed, pairs, found)
        outcomes.append(bool(pairs))
    assert SCRIPTS // 5 <= sum(outcomes) <= SCRIPTS * 4 // 5, sum(outcomes)  # both are tried
