"""A library in a process of its own: memory arrives as it lies, and whatever it does is told."""

from __future__ import annotations

import sys
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
import torch

from conformance.kernels import test_copy_blocks as copying
from conformance.kernels import test_paged_attention_memory as memory
from conformance.kernels import test_reshape_and_cache as writing
from conformance.outcomes import Failed
from conformance.targets.errors import TargetError
from conformance.targets.kernels import Checked, KernelError, KernelTarget, find, load
from conformance.targets.kernels.memory import Carried, dtype_named, mapped, name_of
from conformance.targets.kernels.remote import RemoteKernels
from fixtures.kernels.cases import Case

HERE = Path(__file__).parent
CASE = Case("bfloat16", (20, 5), (3, 1), sinks=True, sliding_window=9)


@pytest.fixture(scope="module")
def started():
    """Starts a library in another process, once a module; ends all.

    Each has one thread, and so has this process: torch adds up otherwise with more of them.
    """
    running, threads = {}, torch.get_num_threads()
    torch.set_num_threads(1)

    def start(name, **named):
        if name not in running:
            python = Path(sys.executable)
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("OMP_NUM_THREADS", "1")
                running[name] = RemoteKernels(name, python, path=[HERE], load_s=60, **named)
        return Checked(running[name])

    yield start
    torch.set_num_threads(threads)
    for library in running.values():
        library.close()


def attended(library, case):
    call = case.call()
    return library.paged_attention(call.query, call.key_cache, call.value_cache, **call.named)


def test_another_process_gives_the_same_bits(started):
    library = started("torch")
    assert library.name == "torch"
    assert set(library.capabilities().features) == set(load("torch").capabilities().features)
    for dtype in ("float16", "bfloat16", "float32"):
        case = Case(dtype, (20, 5), (3, 1), sinks=True, sliding_window=9)
        assert attended(library, case).tobytes() == attended(load("torch"), case).tobytes()
    memory.test_views(library, "bfloat16")
    memory.test_writes_nothing(library, "float16")
    copying.test_pairs(library, "float32", copying.PAIRS["many"])
    writing.test_strided(library, "bfloat16")
    for name in ("every-slot", "padding", "no-token"):
        writing.test_slots(library, "bfloat16", writing.SLOT_LISTS[name])


FAULTS = [
    ("WritesBeside", memory.test_writes_nothing, "bytes beside query were written"),
    ("StridesIgnored", memory.test_views, "the strides of the arguments"),
]


@pytest.mark.parametrize(("fault", "requirement", "told"), FAULTS)
def test_what_a_library_does_to_memory_is_seen_from_here(started, fault, requirement, told):
    with pytest.raises(Failed, match=told):
        requirement(started(f"libraries_faulty:{fault}"), "float16")


def test_a_library_that_crashes_is_started_again(started):
    library = started("libraries_apart:Dying")
    with pytest.raises(KernelError, match=r"library's process was ended by signal 11.*last words"):
        attended(library, Case("float32", (20,), (3,)))
    assert not attended(library, CASE).any()
    with pytest.raises(KernelError, match="NotImplementedError: not today"):
        library.copy_blocks(*np.zeros((2, 3, 4, 1, 8), np.float32), np.array([[0, 1]]))


def test_a_library_that_hangs_is_ended_at_its_deadline(started):
    with pytest.raises(KernelError, match=r"did not answer within 0\.5 s"):
        attended(started("libraries_apart:Sleeping", call_s=0.5), CASE)


def test_what_is_no_array_is_no_result(started):
    with pytest.raises(KernelError, match="The library returned float; expected an array"):
        attended(started("libraries_apart:Scalar"), CASE)


@pytest.mark.parametrize(
    ("name", "python", "sentence"),
    [
        ("no_such:Thing", sys.executable, r"^no_such:Thing cannot be loaded: .* \(in /"),
        ("torch", "/no/python", r"^/no/python cannot be run"),
    ],
)
def test_what_cannot_be_loaded_is_told_with_its_interpreter(name, python, sentence):
    with pytest.raises(TargetError, match=sentence):
        find(name, Path(python))


def test_a_target_is_plain_data():
    target = KernelTarget("vllm-cpu", "vllm", {"head_sizes": [64]}, "/their/python", "/some/log")
    assert KernelTarget.from_json(target.to_json()) == target
    assert KernelTarget.from_json({"kernels": "torch", "name": "torch"}).load().name == "torch"


def test_arrays_of_one_memory_are_of_one_memory_there(tmp_path):
    pool = np.arange(48, dtype=np.float32).reshape(6, 8)
    arrays = [pool[1:, 2:4], pool[:, 4], pool[::-1], np.zeros((0, 3), np.int32)]
    arrays[1].flags.writeable = False
    carried = Carried(tmp_path / "file", arrays)
    found = mapped(tmp_path / "file", carried.places)
    for here, there in zip(arrays, found, strict=True):
        assert here.strides == there.strides and np.array_equal(here, there)
    with pytest.raises(ValueError, match="read-only"):
        found[1][0] = 1
    found[2][0, 4] = -1
    assert found[1][5] == -1
    carried.take_back()
    assert pool[5, 4] == -1 and pool[5, 3] == 43


def test_bfloat16_arrives_where_nobody_has_heard_of_it(tmp_path, monkeypatch):
    numbers = np.array([1.5, -2], ml_dtypes.bfloat16)
    carried = Carried(tmp_path / "file", [numbers])
    monkeypatch.setitem(sys.modules, "ml_dtypes", None)
    (found,) = mapped(tmp_path / "file", carried.places)
    assert found["bfloat16"].tolist() == [0x3FC0, 0xC000]
    assert name_of(found.dtype) == "bfloat16" and name_of(dtype_named("float16")) == "float16"
    found["bfloat16"][0] = 0x4000
    carried.take_back()
    assert numbers.tolist() == [2, -2]
