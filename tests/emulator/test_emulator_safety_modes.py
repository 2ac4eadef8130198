"""What each safety mode looks for, how a finding reads, and what the checker tells apart."""

import numpy as np
import pytest

from reference.emulator.checks import parse_checks
from reference.emulator.findings import CheckError, Finding, frame_line
from reference.emulator.library import Library
from tests.emulator.planted_kernels import FOLDER, PlantedBug

HEAD = "#include <metal_stdlib>\nusing namespace metal;\n"
EXCHANGE = (
    HEAD
    + """
kernel void exchange(device float* data [[buffer(0)]], constant uint& rounds [[buffer(1)]],
                     uint i [[thread_position_in_grid]]) {
  for (uint round = 0; round < rounds; ++round) {
    const float other = data[i ^ 1];
    simdgroup_barrier(mem_flags::mem_device);
    data[i] = other;
    simdgroup_barrier(mem_flags::mem_device);
  }
}
"""
)
LAST_ONE_SUMS = (
    HEAD
    + """
kernel void sum(device const float* values [[buffer(0)]], device float* out [[buffer(1)]],
                device atomic_uint* tickets [[buffer(2)]], uint i [[thread_position_in_grid]]) {
  const uint mine = atomic_fetch_add_explicit(tickets, 1, memory_order_relaxed);
  out[mine] = values[i];
}
"""
)


def planted(name: str) -> PlantedBug:
    return PlantedBug(FOLDER / f"{name}.metal")


def launch(source: str, name: str, arrays: list[np.ndarray], grid: int, threadgroup: int) -> None:
    encoder = Library(source).new_function(name).encoder(check="bounds,races,uninitialized")
    for index, array in enumerate(arrays):
        encoder.set_buffer(array, index=index)
    encoder.dispatch_threads((grid, 1, 1), (threadgroup, 1, 1))


def only(findings: list[Finding]) -> Finding:
    assert len(findings) == 1, findings
    return findings[0]


def test_checks_are_asked_for_by_name() -> None:
    assert parse_checks("races, bounds") == ("bounds", "races")
    assert parse_checks(None) == ()
    with pytest.raises(ValueError, match="no check 'leaks'"):
        parse_checks("bounds,leaks")


@pytest.mark.parametrize(
    ("name", "check", "others"),
    [
        ("read_one_past_the_end", "bounds", "races,uninitialized"),
        ("barrier_missing_in_tree", "races", "bounds,uninitialized"),
        ("uninitialized_halo", "uninitialized", "bounds,races"),
        ("uninitialized_array", "uninitialized", "bounds,races"),
    ],
)
def test_a_mode_finds_its_own_kind_only(name: str, check: str, others: str) -> None:
    bug = planted(name)
    assert bug.run("planted", check=check)[0]
    assert not bug.run("planted", check=others)[0]


def test_a_race_names_both_threads_and_the_element() -> None:
    finding = only(planted("simdgroup_barrier_too_narrow").run("planted", check="races")[0])
    assert finding.kind == "race"
    assert finding.other is not None
    places = [(finding.other.line, finding.other.thread), (finding.line, finding.thread)]
    writer, reader = sorted(places)
    element = int(finding.where.removeprefix("tile[").removesuffix("]"))
    assert writer[1] == (element, 0, 0)
    assert reader[1] == (63 - element, 0, 0)
    assert f"planted: race of {finding.where} in line {finding.line}" in str(finding)


def test_an_edge_threadgroup_is_named_with_its_own_size() -> None:
    finding = only(planted("uninitialized_at_the_edge").run("planted")[0])
    assert finding.threadgroup == (1, 0, 0)
    assert finding.count == 48


def test_a_result_of_uninitialized_memory_names_who_stored_it() -> None:
    finding = only(planted("uninitialized_sum").run("planted")[0])
    assert finding.where == "out[0]"
    assert finding.thread == (0, 0, 0)
    assert "sum (line 10)" in finding.detail


def test_stray_writes_do_no_harm_to_other_arrays() -> None:
    _, (values, out) = planted("write_one_past_the_end").run("planted")
    np.testing.assert_array_equal(values, np.arange(64) % 7)
    np.testing.assert_array_equal(out[1:], values[:-1])


def test_lanes_are_ordered_by_a_simdgroup_barrier_in_device_memory() -> None:
    data = np.arange(64, dtype=np.float32)
    launch(EXCHANGE, "exchange", [data, np.array([3], np.uint32)], 64, 32)
    np.testing.assert_array_equal(data, np.arange(64) ^ 1)


def test_atomic_tickets_give_each_thread_an_element_of_its_own() -> None:
    values, out = np.arange(256, dtype=np.float32), np.zeros(256, np.float32)
    tickets = np.zeros(1, np.uint32)
    launch(LAST_ONE_SUMS, "sum", [values, out, tickets], 256, 32)
    np.testing.assert_array_equal(np.sort(out), values)
    assert tickets[0] == 256


def test_an_array_that_is_bound_twice_is_one_memory() -> None:
    source = HEAD + (
        "kernel void shift(device const float* from [[buffer(0)]], device float* to [[buffer(1)]],"
        " uint i [[thread_position_in_grid]]) { to[i] = from[i + 1]; }"
    )
    data = np.arange(65, dtype=np.float32)
    launch(source, "shift", [data.copy(), data], 64, 64)
    with pytest.raises(CheckError, match="race"):
        launch(source, "shift", [data, data], 64, 64)


@pytest.mark.parametrize(
    "name",
    [
        "barrier_missing_in_tree",  # the order of threads
        "simdgroup_barrier_too_narrow",  # of simdgroups
        "threadgroups_write_one_element",  # of threadgroups
    ],
)
def test_a_schedule_shows_what_a_bug_does_and_repeats(name: str) -> None:
    bug = planted(name)
    results = [bug.run("planted", check=None, schedule=seed, workers=1)[1][1] for seed in range(8)]
    assert any(not np.array_equal(results[0], other) for other in results[1:])
    again = bug.run("planted", check=None, schedule=5, workers=1)[1][1]
    np.testing.assert_array_equal(again, results[5])


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        ("/a b/k.metal:12", ("/a b/k.metal", 12)),
        ("k.metal:12 (discriminator 3)", ("k.metal", 12)),
        ("??:?", ("", 0)),
        ("metal::sum(int) (in k.so) (/a/k.metal:12)", ("/a/k.metal", 12)),
        ("0x0000000100003f50 (in k.so)", ("", 0)),
    ],
)
def test_frames_of_addr2line_and_of_atos(frame: str, expected: tuple[str, int]) -> None:
    assert frame_line(frame) == expected
