"""Each fault is caught by the requirement that speaks of it, and told so that a person can act."""

from __future__ import annotations

import libraries_faulty as faulty
import pytest

from conformance.kernels import test_copy_blocks as copying
from conformance.kernels import test_paged_attention as attention
from conformance.kernels import test_reshape_and_cache as writing
from conformance.kernels.cases import FEATURES, of_features
from conformance.outcomes import Absent, Failed
from conformance.targets.kernels import Checked

pytestmark = pytest.mark.usefixtures("one_thread")

CASES = dict(of_features())
DTYPES = ("float16", "bfloat16", "float32")


def features(feature):
    return lambda library, dtype: attention.test_features(library, CASES[f"{feature}-{dtype}"])


def slots(name):
    return lambda library, dtype: writing.test_slots(library, dtype, writing.SLOT_LISTS[name])


def pairs(name):
    return lambda library, dtype: copying.test_pairs(library, dtype, copying.PAIRS[name])


CAUGHT = [
    (faulty.WindowOneTooLong, features("window"), DTYPES, r"output\[.*\] = .* but should be"),
    (faulty.WindowOneTooLong, features("gpt-oss"), DTYPES, "times the bound"),
    (faulty.SinksTwice, features("sinks"), DTYPES, "times the bound"),
    (faulty.CapIgnored, features("soft-cap"), DTYPES, "times the bound"),
    (faulty.HeadsInterleaved, features("grouped"), DTYPES, "times the bound"),
    (faulty.QueryRounded, features("sharp"), DTYPES[:2], "times the bound"),
    (faulty.FirstOfCallOnly, features("decode"), DTYPES, "times the bound"),
    (faulty.BfloatInside, features("plain"), ("float16", "float32"), "times the bound"),
    (faulty.Truncated, attention.test_rounds_to_nearest, DTYPES[:2], "further from 0 than they sh"),
    (faulty.NormaliserPadded, attention.test_one_key, DTYPES[:2], "a softmax of one key"),
    (faulty.LastBlockWhole, attention.test_stale_memory, DTYPES, "with inf in unused slots"),
    (faulty.StridesIgnored, attention.test_views, DTYPES, "the strides of the arguments"),
    (faulty.PlaceMatters, attention.test_blocks_anywhere, DTYPES, "the places of the blocks"),
    (faulty.NeverTheSame, attention.test_repeats, DTYPES, "change with nothing at all"),
    (faulty.FirstOfCallOnly, attention.test_alone, DTYPES, "the other sequences of the call"),
    (faulty.WritesBeside, attention.test_writes_nothing, DTYPES, "bytes beside query were written"),
    (faulty.WritesItsCache, attention.test_writes_nothing, DTYPES, "its argument value_cache"),
    (faulty.Crashes, features("plain"), DTYPES, "RuntimeError: Metal: command buffer 7 failed"),
    (faulty.PaddingIsTheLastSlot, slots("padding"), DTYPES, "block 6, offset 15"),
    (faulty.ValuesAreKeys, slots("one-token"), DTYPES, "1 of 112 slots of value_cache"),
    (faulty.KeysOnly, pairs("one"), DTYPES, "16 of 112 slots of value_cache"),
    (faulty.BitsAreNumbers, pairs("many"), ("bfloat16", "float16"), "are not as they should be"),
]
RUNS = [
    pytest.param(*row[:2], dtype, row[3], id=f"{row[0].__name__}-{number}-{dtype}")
    for number, row in enumerate(CAUGHT)
    for dtype in row[2]
]


@pytest.mark.parametrize(("fault", "measured", "dtype", "told"), RUNS)
def test_a_fault_is_caught(fault, measured, dtype, told):
    with pytest.raises(Failed, match=told):
        measured(Checked(fault()), dtype)


def test_what_is_wrong_is_shrunk_to_a_case_that_can_be_pasted():
    from fixtures.kernels.cases import Case

    with pytest.raises(Failed) as caught:
        attention.test_any_shape(Checked(faulty.WindowOneTooLong()), "float32")
    pasted = caught.value.actual.split(" from ")[1]
    case = eval(pasted, {"Case": Case})
    assert case.sliding_window == 1 and case.seq_lens == (2,) and case.num_heads == 1
    with pytest.raises(Failed):
        attention.test_features(Checked(faulty.WindowOneTooLong()), case)


def test_what_a_library_says_that_it_lacks_is_not_run():
    library = Checked(faulty.SaysLess())
    for name in FEATURES:
        for dtype in DTYPES:
            case = CASES[f"{name}-{dtype}"]
            if dtype == "bfloat16" or case.sliding_window is not None:
                with pytest.raises(Absent, match="says of itself: no "):
                    attention.test_features(library, case)
    attention.test_features(library, CASES["sinks-float16"])
    with pytest.raises(Absent, match="no copy-blocks"):
        copying.test_pairs(library, "float16", copying.PAIRS["one"])
    with pytest.raises(Absent, match="has no kernel for any of these cases"):
        attention.test_any_shape(library, "bfloat16")
    with pytest.raises(Absent, match="no kernels for bfloat16"):
        writing.test_slots(library, "bfloat16", [1])
