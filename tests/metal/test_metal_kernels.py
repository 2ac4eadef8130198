"""The Metal kernels beyond the profile: partitions, order of execution, the path by MLX."""

from __future__ import annotations

import numpy as np
import pytest
from metal_cases import ATTENTION, pools, ratio, tokens, writes

from conformance.compare.kernels import nearness
from conformance.kernels.memory import Guarded
from fixtures.kernels import ArgumentError
from fixtures.kernels.cases import Case
from fixtures.kernels.expected import expected
from fixtures.kernels.latents import LatentCase
from reference.metal import Launcher, emulated, kernels, library
from reference.metal.kernels import PARTITION
from reference.oracle import cache as oracle

EMULATED = emulated()
DTYPES = ("float16", "bfloat16", "float32")
FEATURES = ("small-blocks", "everything-bfloat16", "gpt-oss-float16", "fp8", "mla-3-heads")


def output(ours, name):
    call = (case := ATTENTION[name]).call()
    operation = ours.mla_attention if isinstance(case, LatentCase) else ours.paged_attention
    return operation(call.query, *call.caches, **call.named)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("parts", [1, 2])
def test_contexts_that_end_where_a_partition_does(dtype, parts):
    lengths = tuple(parts * PARTITION + off for off in (-1, 0, 1))
    call = Case(dtype, lengths, (1, 1, 1), num_heads=6, num_kv_heads=2, sinks=True).call()
    found = EMULATED.paged_attention(call.query, *call.caches, **call.named)
    assert nearness(found, *expected(call)).inside


def test_a_context_of_one_partition_comes_to_the_same_bits_either_way():
    call = Case("float32", (PARTITION, 77, 8), (1, 1, 1), num_kv_heads=2).call()
    whole = EMULATED.paged_attention(call.query, *call.caches, **call.named)
    named = {"key_cache": call.key_cache, "value_cache": call.value_cache}
    named |= {"block_table": call.named["block_table"], "seq_lens": call.named["seq_lens"]}
    named |= {"scale": np.float32(call.named["scale"]), "sliding_window": np.int32(10**6)}
    named |= {"logits_soft_cap": np.float32(0), "alibi_slopes": np.zeros(4, np.float32)}
    named |= {"k_scale": np.float32(1), "v_scale": np.float32(1)}
    named |= {"sinks": np.zeros(4, np.float32), "has_sinks": np.bool_(False)}
    split = kernels.paged_attention_split_kv(EMULATED.launcher, call.query, PARTITION, **named)
    assert split.tobytes() == whole.tobytes()


def test_long_and_short_contexts_and_prefill_in_one_call():
    case = Case("bfloat16", (PARTITION + 90, 40, 600, 9), (1, 1, 20, 9), num_kv_heads=2)
    call = case.call()
    found = EMULATED.paged_attention(call.query, *call.caches, **call.named)
    assert nearness(found, *expected(call)).inside


@pytest.mark.parametrize("name", [*FEATURES, "split-sinks"])
@pytest.mark.parametrize("seed", [1, 2])
def test_no_bit_depends_on_the_order_of_execution(name, seed):
    shuffled = library(Launcher(gpu=False, check=None, schedule=seed))
    assert output(shuffled, name).tobytes() == output(EMULATED, name).tobytes()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", ["auto", "fp8", "int8"])
def test_writes_in_every_dtype_of_tokens_and_caches(dtype, kind):
    named = {} if kind == "auto" else {"kv_cache_dtype": kind, "k_scale": 0.313, "v_scale": 0.017}
    assert writes(EMULATED, dtype, **named) == 0


def test_a_cache_that_is_part_of_an_array_is_written_to_and_nothing_beside_it():
    (whole, right), slots = [pools(dtype="float32") for _ in range(2)], np.array([3, -1, 40])
    guarded = [Guarded(array) for array in whole]
    parts = [each.array[..., :32] for each in guarded]
    new = [array[..., :32] for array in tokens(3, "float32")]
    EMULATED.reshape_and_cache(*new, *parts, slots)
    EMULATED.copy_blocks(*parts, np.array([[0, 5]]))
    oracle.reshape_and_cache(*new, *(array[..., :32] for array in right), slots)
    oracle.copy_blocks(*(array[..., :32] for array in right), np.array([[0, 5]]))
    for each, array in zip(guarded, right, strict=True):
        each.check("the cache")
        assert each.array.tobytes() == array.tobytes()


@pytest.mark.parametrize(
    ("case", "sentence"),
    [
        (Case("float32", (20,), (1,), block_size=12), "block_size is 12; these kernels need a mul"),
        (Case("float32", (20,), (1,), head_size=512), "Rows of 512 numbers need 41216 bytes of th"),
        (LatentCase("float32", (9,), (1,), latent_size=1024), "Rows of 1088 numbers need 52352 by"),
    ],
)
def test_what_fits_no_tile_is_refused(case, sentence):
    call = case.call()
    latent = isinstance(case, LatentCase)
    operation = EMULATED.mla_attention if latent else EMULATED.paged_attention
    with pytest.raises(ArgumentError, match="^" + sentence):
        operation(call.query, *call.caches, **call.named)


WRONG = [
    ({"seq_lens": np.array([99, 5], np.int32)}, r"seq_lens\[0\] is 99"),
    ({"block_table": np.full((2, 2), 10**6, np.int32)}, r"block_table\[0, 0\] is 1000000"),
    ({"query_start_loc": np.array([0, 3, 5], np.int32)}, "query_start_loc goes from 0 to the 4"),
    ({"query": np.zeros((4, 4, 64), np.float16)}, "query is float16, and key_cache is float32"),
    ({"query": np.zeros((4, 3, 64), np.float32)}, "query has 3 heads"),
    ({"sinks": np.zeros(3, np.float32)}, r"sinks has the shape \[3\]"),
    ({"kv_cache_dtype": "fp8"}, "key_cache is float32; expected uint8"),
    ({"sliding_window": 0}, "sliding_window is at least 1"),
    ({"logits_soft_cap": -1.0}, "logits_soft_cap is above 0"),
]


class Nowhere(Launcher):
    """Where nothing may be launched."""

    def run(self, *given, **named):
        raise AssertionError("a kernel was launched")

    run_in_place = run


@pytest.mark.parametrize(("changed", "sentence"), WRONG)
def test_wrong_arguments_are_a_sentence_and_nothing_is_launched(changed, sentence):
    call = Case("float32", (20, 5), (3, 1), num_kv_heads=2).call()
    given = {"query": call.query, **call.named} | changed
    with pytest.raises(ArgumentError, match="^" + sentence):
        library(Nowhere(gpu=False)).paged_attention(
            given.pop("query"), call.key_cache, call.value_cache, **given
        )


def test_wrong_places_are_a_sentence_and_nothing_is_written():
    caches, new = pools(), tokens(2, "bfloat16")
    ours = library(Nowhere(gpu=False))
    slots = caches[0].shape[0] * caches[0].shape[1]
    for wrong in ([0, slots], [7, 7], [0, -2]):
        with pytest.raises(ArgumentError, match=r"^slot_mapping"):
            ours.reshape_and_cache(*new, *caches, np.array(wrong))
    for wrong in ([[0, 9]], [[0, 1], [1, 2]], [[0, 1], [2, 1]]):
        with pytest.raises(ArgumentError, match=r"^block_mapping"):
            ours.copy_blocks(*caches, np.array(wrong))
    assert all(a.tobytes() == b.tobytes() for a, b in zip(caches, pools(), strict=True))


def test_mlx_is_given_what_the_emulator_is_given(monkeypatch):
    """No GPU is here: the emulator's function, which takes MLX's arrays, is called for MLX's."""
    mx = pytest.importorskip("mlx.core", reason="MLX is not installed")
    from reference.emulator import metal_kernel

    monkeypatch.setattr(mx.fast, "metal_kernel", metal_kernel)
    by_mlx = library(Launcher(gpu=True))
    for name in (*FEATURES, "split-sinks"):
        assert output(by_mlx, name).tobytes() == output(EMULATED, name).tobytes()
    # What an input's memory is written through has no effect here, and compiles.
    assert np.isinf(ratio(by_mlx, "writes-fp8")) and np.isinf(ratio(by_mlx, "copies"))


def test_head_sizes_that_models_do_not_have_work_too():
    case = Case("float32", (20, 9), (4, 1), num_kv_heads=2, head_size=24)
    call = case.call()
    found = EMULATED.paged_attention(call.query, *call.caches, **call.named)
    assert nearness(found, *expected(call)).inside
