"""Each argument that is none is refused in a sentence that says which and why."""

from __future__ import annotations

import re

import numpy as np
import pytest

from fixtures.kernels.cases import Case
from reference.oracle import arguments
from reference.oracle.arguments import ArgumentError

CASE = Case("float32", (20, 5), (3, 1), num_heads=4, num_kv_heads=2, head_size=8, block_size=8)


def int32(*numbers: int) -> np.ndarray:
    return np.array(numbers, np.int32)


def given(**changed):
    call = CASE.call()
    return {
        "query": call.query,
        "key_cache": call.key_cache,
        "value_cache": call.value_cache,
        **call.named,
        **changed,
    }


BLOCKS = CASE.call().named["block_table"]


def renamed(block: int, other: int) -> np.ndarray:
    return np.where(block == BLOCKS, other, BLOCKS).astype(np.int32)


WRONG = [
    (
        {"query": np.zeros((4, 4, 9), np.float32)},
        "query has the shape [4, 4, 9]; expected [any, any, 8].",
    ),
    (
        {"query": np.zeros((4, 3, 8), np.float32)},
        "query has 3 heads, which is no multiple of 2 K/V heads.",
    ),
    ({"query": np.zeros((4, 0, 8), np.float32)}, "query has 0 heads"),
    (
        {"query": np.zeros((4, 4, 8), np.float16)},
        "query is float16, and key_cache is float32; they are to be",
    ),
    (
        {"key_cache": np.zeros((7, 8, 2, 8), np.float64)},
        "key_cache is float64; expected float16 or bfloat16 or",
    ),
    (
        {"key_cache": np.zeros((0, 8, 2, 8), np.float32)},
        "key_cache is empty: its shape is [0, 8, 2, 8].",
    ),
    (
        {"value_cache": np.zeros((7, 8, 1, 8), np.float32)},
        "value_cache has the shape [7, 8, 1, 8]; expected [7, 8, 2, 8].",
    ),
    (
        {"value_cache": np.zeros((7, 8, 2, 8), np.float16)},
        "value_cache is float16, and key_cache is float32",
    ),
    ({"block_table": BLOCKS.astype(np.int64)}, "block_table is int64; expected int32."),
    ({"block_table": BLOCKS[:1]}, "block_table has the shape [1, 3]; expected [2, any]."),
    (
        {"block_table": renamed(BLOCKS[0, 2], 7)},
        "block_table[0, 2] is 7; it may be 0 to 6 (blocks of the pool).",
    ),
    ({"block_table": renamed(BLOCKS[1, 0], -1)}, "block_table[1, 0] is -1; it may be 0 to 6"),
    ({"seq_lens": int32(25, 5)}, "seq_lens[0] is 25; it may be 0 to 24 (tokens, 3 blocks of 8)."),
    ({"seq_lens": int32(20, -1)}, "seq_lens[1] is -1; it may be 0 to 24"),
    ({"seq_lens": int32(2, 5)}, "Sequence 0 has 3 rows of query, and 2 tokens in all."),
    ({"seq_lens": np.array([20, 5])}, "seq_lens is int64; expected int32."),
    ({"query_start_loc": int32(0, 3)}, "query_start_loc has the shape [2]; expected [3]."),
    (
        {"query_start_loc": int32(0, 3, 5)},
        "query_start_loc goes from 0 to the 4 rows of query, not from 0 to 5.",
    ),
    (
        {"query_start_loc": int32(1, 3, 4)},
        "query_start_loc goes from 0 to the 4 rows of query, not from 1 to 4.",
    ),
    ({"query_start_loc": int32(0, 5, 4)}, "Sequence 1 has -1 rows of query, and 5 tokens in all."),
    ({"scale": float("nan")}, "scale is nan; expected a finite number."),
    ({"sliding_window": 0}, "sliding_window is at least 1, the token itself; not 0."),
    ({"logits_soft_cap": 0.0}, "logits_soft_cap is above 0, or None; not 0.0."),
    ({"logits_soft_cap": float("inf")}, "logits_soft_cap is inf; expected a finite number."),
    ({"sinks": np.zeros(3, np.float32)}, "sinks has the shape [3]; expected [4]."),
    ({"sinks": np.zeros(4)}, "sinks is float64; expected float32."),
    (
        {"alibi_slopes": np.full(4, np.inf, np.float32)},
        "alibi_slopes holds a number that is not finite.",
    ),
    (
        {"kv_cache_dtype": "fp4"},
        "kv_cache_dtype is 'fp4'; expected auto, fp8 or int8.",
    ),
    ({"kv_cache_dtype": "fp8"}, "key_cache is float32; expected uint8."),
    ({"kv_cache_dtype": "int8"}, "key_cache is float32; expected int8."),
    ({"k_scale": 2.0}, "k_scale is 2.0, and kv_cache_dtype is auto: what is stored as it is has n"),
    ({"kv_cache_dtype": "int8", "v_scale": 0.0}, "v_scale is 0.0; expected a normal number of fl"),
    ({"kv_cache_dtype": "int8", "k_scale": -1.0}, "k_scale is -1.0; expected a normal number"),
    ({"kv_cache_dtype": "int8", "k_scale": float("nan")}, "k_scale is nan; expected a normal"),
]


@pytest.mark.parametrize(("changed", "sentence"), WRONG, ids=[sentence for _, sentence in WRONG])
def test_attention_refuses(changed, sentence):
    with pytest.raises(ArgumentError, match="^" + re.escape(sentence)):
        arguments.check_paged_attention(**given(**changed))


def test_attention_takes_what_is_right():
    arguments.check_paged_attention(**given())
    for length in (0, 24):  # an empty row, and a full table
        whole = np.concatenate([BLOCKS[:1], BLOCKS[:1]])
        rows = given(block_table=whole, seq_lens=int32(24, length), query_start_loc=int32(0, 4, 4))
        arguments.check_paged_attention(**rows)


def test_what_lies_beyond_a_sequences_blocks_is_nobodys_business():
    table = BLOCKS.copy()
    table[1, 1:] = [-1, 2**31 - 1]
    arguments.check_paged_attention(**given(block_table=table))


CACHE = np.zeros((6, 8, 2, 8), np.float32)
NEW = np.zeros((3, 2, 8), np.float32)


@pytest.mark.parametrize(
    ("key", "slots", "sentence"),
    [
        (NEW, [0, 48, 1], "slot_mapping[1] is 48; it may be -1 to 47 (slots, -1 is padding)."),
        (NEW, [0, -2, 1], "slot_mapping[1] is -2; it may be -1 to 47"),
        (NEW, [5, 4, 5], "slot_mapping has slot 5 twice."),
        (NEW, [5, 4], "key has the shape [3, 2, 8]; expected [2, 2, 8]."),
        (NEW.astype(np.float16), [0, 1, 2], "key is float16, and key_cache is float32"),
    ],
)
def test_writing_refuses(key, slots, sentence):
    with pytest.raises(ArgumentError, match="^" + re.escape(sentence)):
        arguments.check_reshape_and_cache(key, NEW[: len(slots)], CACHE, CACHE, np.array(slots))


def test_caches_of_8_bits_take_tokens_of_any_dtype_and_are_copied():
    for kind, dtype in (("fp8", np.uint8), ("int8", np.int8)):
        cache, slots = CACHE.astype(dtype), np.array([0, 1, 2])
        named = {"kv_cache_dtype": kind, "k_scale": 0.1}
        arguments.check_reshape_and_cache(NEW, NEW, cache, cache, slots, **named)
        narrow = NEW.astype(np.float16)
        arguments.check_reshape_and_cache(narrow, narrow, cache, cache, slots, **named)
        with pytest.raises(ArgumentError, match="value is float32, and key is float16"):
            arguments.check_reshape_and_cache(narrow, NEW, cache, cache, slots, **named)
        pool = np.zeros(given()["key_cache"].shape, dtype)
        whole = given(key_cache=pool, value_cache=pool, **named)
        arguments.check_paged_attention(**whole)
        with pytest.raises(ArgumentError, match="query is float64; expected float16 or"):
            arguments.check_paged_attention(**whole | {"query": np.zeros((4, 4, 8))})
        arguments.check_copy_blocks(cache, cache, np.array([[0, 1]]))


def test_writing_takes_padding_twice():
    arguments.check_reshape_and_cache(NEW, NEW, CACHE, CACHE, np.array([-1, 3, -1]))


@pytest.mark.parametrize(
    ("pairs", "sentence"),
    [
        ([[0, 6]], "block_mapping[0, 1] is 6; it may be 0 to 5 (blocks)."),
        ([[-1, 2]], "block_mapping[0, 0] is -1; it may be 0 to 5"),
        ([[0, 2], [1, 2]], "block_mapping has destination 2 twice."),
        ([[0, 2], [2, 3]], "block_mapping reads and writes block 2 in one call."),
        ([[4, 4]], "block_mapping reads and writes block 4 in one call."),
        ([[0, 1, 2]], "block_mapping has the shape [1, 3]; expected [any, 2]."),
    ],
)
def test_copying_refuses(pairs, sentence):
    with pytest.raises(ArgumentError, match="^" + re.escape(sentence)):
        arguments.check_copy_blocks(CACHE, CACHE, np.array(pairs))
