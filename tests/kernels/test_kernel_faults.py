"""Each fault is caught by the requirement that speaks of it, and told so that a person can act."""

from __future__ import annotations

import libraries_faulty as faulty
import pytest

from conformance.kernels import test_copy_blocks as copying
from conformance.kernels import test_mla_attention as latents
from conformance.kernels import test_paged_attention as attention
from conformance.kernels import test_paged_attention_memory as places
from conformance.kernels import test_pool as pool
from conformance.kernels import test_reshape_and_cache as writing
from conformance.kernels.cases import (
    of_features,
    of_huge_logits,
    of_latent_shapes,
    of_latents,
    of_partitions,
    of_shapes,
)
from conformance.outcomes import Absent, Failed
from conformance.targets.kernels import Checked

CASES = dict(of_features())
SHAPES = dict(of_shapes())
PARTITIONS = dict(of_partitions())
LATENTS = dict(of_latents())
LATENT_SHAPES = dict(of_latent_shapes())
DTYPES = ("float16", "bfloat16", "float32")


def golden(name):
    return lambda library, dtype: attention.test_goldens(library, name)


def features(feature):
    return lambda library, dtype: attention.test_features(library, CASES[f"{feature}-{dtype}"])


def shapes(shape):
    return lambda library, dtype: attention.test_shapes(library, SHAPES[f"{shape}-{dtype}"])


def partitions(name):
    return lambda library, dtype: attention.test_partitions(library, PARTITIONS[f"{name}-{dtype}"])


def huge_logits(library, dtype):
    attention.test_huge_logits(library, dict(of_huge_logits())[f"huge-logits-{dtype}"])


def subnormal(which):
    return lambda library, dtype: attention.test_subnormal(library, dtype, which)


def of_latent(name):
    return lambda library, dtype: latents.test_latents(library, LATENTS[f"{name}-{dtype}"])


def latent_shapes(name):
    return lambda library, dtype: latents.test_latent_shapes(
        library, LATENT_SHAPES[f"latent-{name}-{dtype}"]
    )


def stored(kind, scale):
    return lambda library, dtype: writing.test_quantised(library, kind, dtype, scale)


def copies(kind):
    return lambda library, dtype: copying.test_copies_of_8_bits(library, kind)


def full_pool(name):
    return lambda library, dtype: pool.test_full_pool(library, name, lambda *_: None)


def slots(name):
    return lambda library, dtype: writing.test_slots(library, dtype, writing.SLOT_LISTS[name])


def pairs(name):
    return lambda library, dtype: copying.test_pairs(library, dtype, copying.PAIRS[name])


CAUGHT = [
    (faulty.WindowOneTooLong, features("window"), DTYPES, r"output\[.*\] = .* but should be"),
    (faulty.WindowOneTooLong, features("gpt-oss"), DTYPES, "times the bound"),
    (faulty.SinksTwice, features("sinks"), DTYPES, "times the bound"),
    (faulty.WindowOneTooLong, golden("window"), DTYPES[:1], "times the bound"),
    (faulty.CapIgnored, features("soft-cap"), DTYPES, "times the bound"),
    (faulty.HeadsInterleaved, features("grouped"), DTYPES, "times the bound"),
    (faulty.QueryRounded, features("sharp"), DTYPES[:2], "times the bound"),
    (faulty.FirstOfCallOnly, features("decode"), DTYPES, "times the bound"),
    (faulty.BfloatInside, features("plain"), ("float16", "float32"), "times the bound"),
    (faulty.Truncated, attention.test_rounds_to_nearest, DTYPES[:2], "further from 0 than they sh"),
    (faulty.NormaliserPadded, attention.test_one_key, DTYPES[:2], "a softmax of one key"),
    (faulty.LastBlockWhole, places.test_stale_memory, DTYPES, "with inf in unused slots"),
    (faulty.FullBlockLosesOne, shapes("head-80-block-16"), DTYPES, "times the bound"),
    (faulty.ChunkAtTheBeginning, attention.test_chunks, DTYPES, "times the bound"),
    (faulty.EmptyBreaks, features("no-tokens"), DTYPES, "ValueError: grid of size 0"),
    (faulty.LogitsInHalf, features("beyond-half"), DTYPES, "times the bound"),
    (faulty.LogitsInHalf, huge_logits, DTYPES[1:], "times the bound"),
    (faulty.SinkInEachPart, partitions("256-sinks"), DTYPES, "times the bound"),
    (faulty.SinkInEachPart, partitions("512-everything"), DTYPES, "times the bound"),
    (faulty.PartOfOneLost, partitions("256-plain"), DTYPES, "times the bound"),
    (faulty.PartOfOneLost, partitions("512-window"), DTYPES, "times the bound"),
    (faulty.HalfFlushed, subnormal("value_cache"), DTYPES[:1], "times the bound"),
    (faulty.SubnormalIsNormal, subnormal("value_cache"), DTYPES[1:], "times the bound"),
    (faulty.MaskedByWeight, places.test_passed_window, (*DTYPES, "fp8"), "before the window"),
    (faulty.MaskedByWeight, places.test_later_tokens, (*DTYPES, "fp8"), "= nan, but should be"),
    (faulty.TableStridesIgnored, places.test_views, (*DTYPES, "int8"), "the strides of the arg"),
    (faulty.SharedBlocksOnce, places.test_shared_prefix, (*DTYPES, "fp8"), "prefix that is shared"),
    (faulty.ScalesSwapped, features("fp8"), DTYPES, "times the bound"),
    (faulty.ScalesSwapped, features("int8-everything"), DTYPES, "times the bound"),
    (faulty.CutsOff, stored("fp8", 0.013), DTYPES, "slots of key_cache are not as"),
    (faulty.CutsOff, stored("int8", 0.013), DTYPES, "slots of key_cache are not as"),
    (faulty.TiesAway, stored("fp8", 1.0), DTYPES, "slots of key_cache are not as"),
    (faulty.TiesAway, stored("int8", 1.0), DTYPES, "slots of key_cache are not as"),
    (faulty.WrapsAround, stored("fp8", 0.013), DTYPES, "slots of key_cache are not as"),
    (faulty.WrapsAround, stored("int8", 0.013), DTYPES, "slots of key_cache are not as"),
    (faulty.NanSaturates, stored("fp8", 1.0), DTYPES, "slots of key_cache are not as"),
    (faulty.ScalesSwapped, stored("int8", 1.0), DTYPES, "slots of key_cache are not as"),
    (faulty.WritesToACopy, writing.test_strided, DTYPES, "slots of key_cache are not as"),
    (faulty.WritesToACopy, copying.test_copies_in_views, DTYPES, "slots of key_cache are not as"),
    (faulty.CopiesNumbers, copies("fp8"), DTYPES[:1], "slots of key_cache are not as"),
    (faulty.CopiesNumbers, copies("int8"), DTYPES[:1], "slots of key_cache are not as"),
    (faulty.BlockZeroIsNobodys, full_pool("chat"), DTYPES[:1], "keys and values are not in the p"),
    (faulty.BlockZeroIsNotRead, full_pool("shared-prefix"), DTYPES[:1], "times the bound"),
    (faulty.RopeLeftOut, of_latent("decode"), DTYPES, "times the bound"),
    (faulty.LatentFromTheEnd, of_latent("one-token"), DTYPES, "times the bound"),
    (faulty.PartOfOneLost, latent_shapes("64-16-block-16"), DTYPES, "times the bound"),
    (faulty.LastBlockWhole, latents.test_stale_latents, DTYPES, "with inf in unused slots"),
    (faulty.PlaceMatters, latents.test_latents_anywhere, DTYPES, "the places of the blocks"),
    (faulty.SharedBlocksOnce, latents.test_shared_latents, DTYPES, "a prefix that is shared"),
    (faulty.FirstOfCallOnly, latents.test_latents_alone, DTYPES, "the other sequences of the"),
    (faulty.NeverTheSame, latents.test_repeated_latents, DTYPES, "change with nothing at all"),
    (faulty.LatentWrites, latents.test_latents_stay, DTYPES, "its argument latent_cache"),
    (faulty.StridesIgnored, latents.test_views_of_latents, DTYPES, "the strides of the argu"),
    (faulty.MaskedByWeight, latents.test_later_latents, DTYPES, "= nan, but should be"),
    (faulty.StridesIgnored, places.test_views, DTYPES, "the strides of the arguments"),
    (faulty.PlaceMatters, places.test_blocks_anywhere, DTYPES, "the places of the blocks"),
    (faulty.NeverTheSame, places.test_repeats, DTYPES, "change with nothing at all"),
    (faulty.FirstOfCallOnly, places.test_alone, DTYPES, "the other sequences of the call"),
    (faulty.WritesBeside, places.test_writes_nothing, DTYPES, "bytes beside query were written"),
    (faulty.WritesItsCache, places.test_writes_nothing, DTYPES, "its argument value_cache"),
    (faulty.Crashes, features("plain"), DTYPES, "RuntimeError: Metal: command buffer 7 failed"),
    (faulty.PaddingIsTheLastSlot, slots("padding"), DTYPES, "block 6, offset 15"),
    (faulty.PaddingBecomesZero, slots("padding"), DTYPES, "its argument slot_mapping"),
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


def test_what_is_written_wrong_is_shrunk_to_a_case_that_can_be_pasted():
    from fixtures.kernels.writes import Write

    with pytest.raises(Failed) as caught:
        writing.test_any_slots(Checked(faulty.PaddingIsTheLastSlot()), "float32")
    write = eval(caught.value.actual, {"Write": Write})
    assert write.slots == (-1,) and write.num_blocks == 1 and write.num_kv_heads == 1
    with pytest.raises(Failed):
        writing.written_by(Checked(faulty.PaddingIsTheLastSlot()), write)


def test_what_is_wrong_with_latents_is_shrunk_to_a_case_that_can_be_pasted():
    from fixtures.kernels.latents import LatentCase

    with pytest.raises(Failed) as caught:
        latents.test_any_latents(Checked(faulty.FirstOfCallOnly()), "float32")
    case = eval(caught.value.actual.split(" from ")[1], {"LatentCase": LatentCase})
    assert case.seq_lens == (1, 2) and case.num_heads == 1 and case.latent_size == 64
    with pytest.raises(Failed):
        latents.test_latents(Checked(faulty.FirstOfCallOnly()), case)


def test_what_a_library_says_that_it_lacks_is_not_run():
    library = Checked(faulty.SaysLess())
    for case in CASES.values():
        if case.dtype == "bfloat16" or case.sliding_window or case.kv_cache_dtype != "auto":
            with pytest.raises(Absent, match="says of itself: no "):
                attention.test_features(library, case)
    attention.test_features(library, CASES["sinks-float16"])
    with pytest.raises(Absent, match="no copy-blocks"):
        copying.test_pairs(library, "float16", copying.PAIRS["one"])
    with pytest.raises(Absent, match="has no kernel for any of these cases"):
        attention.test_any_shape(library, "bfloat16")
    with pytest.raises(Absent, match="no kernels for bfloat16"):
        writing.test_slots(library, "bfloat16", [1])
    with pytest.raises(Absent, match="no fp8-kv-cache"):
        writing.test_quantised(library, "fp8", "float16", 1.0)
    with pytest.raises(Absent, match="no copy-blocks"):
        copying.test_copies_of_8_bits(library, "int8")
    with pytest.raises(Absent, match="no mla"):
        latents.test_repeated_latents(library, "float16")


def test_latents_that_a_library_lacks_are_not_run():
    library = Checked(faulty.DecodesLatents())
    of_latent("decode")(library, "float16")
    latents.test_any_latents(library, "float16")
    with pytest.raises(Absent, match="no prefill"):
        of_latent("prefill")(library, "float16")
    with pytest.raises(Absent, match="no kernels for latents of 256 \\+ 32"):
        latent_shapes("256-32-block-8")(library, "float32")
