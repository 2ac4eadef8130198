"""A third party's kernels, with a cache layout and arguments of their own, tested as they are."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from conformance.kernels import test_copy_blocks as copying
from conformance.kernels import test_paged_attention as attention
from conformance.kernels import test_paged_attention_memory as memory
from conformance.kernels import test_reshape_and_cache as writing
from conformance.kernels.cases import of_features
from conformance.outcomes import Absent, Failed
from conformance.targets.errors import TargetError
from conformance.targets.kernels import load
from fixtures.kernels.cases import Case

FOLDER = Path(__file__).parent / "third_party"
CASES = dict(of_features())
MIXED = Case("float16", (33, 5, 100), (4, 1, 9), num_heads=4, num_kv_heads=2)
EVERYTHING = replace(MIXED, alibi=True, logits_soft_cap=4.0, sliding_window=20)


@pytest.fixture(scope="module")
def packed_keys():
    return load(str(FOLDER / "packed_keys.toml"))


@pytest.fixture
def copied(tmp_path):
    """A copy of the third party's folder in which a text may be replaced; the path of its TOML."""

    def copy(file="packed_keys.metal", **replaced):
        folder = tmp_path / f"copy-{len(list(tmp_path.iterdir()))}"
        shutil.copytree(FOLDER, folder)
        text = (folder / file).read_text()
        for old, new in replaced.values():
            assert text.count(old) >= 1, old
            text = text.replace(old, new)
        (folder / file).write_text(text)
        return str(folder / "packed_keys.toml")

    return copy


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_a_third_partys_kernels_are_right(packed_keys, dtype):
    for feature in ("plain", "long-and-short", "empty-rows"):
        attention.test_features(packed_keys, CASES[f"{feature}-{dtype}"])
    attention.test_features(packed_keys, replace(EVERYTHING, dtype=dtype))
    memory.test_stale_memory(packed_keys, dtype)
    memory.test_views(packed_keys, dtype)
    memory.test_blocks_anywhere(packed_keys, dtype)
    for slots in ("anywhere", "padding", "no-token"):
        writing.test_slots(packed_keys, dtype, writing.SLOT_LISTS[slots])
    writing.test_strided(packed_keys, dtype)
    for pairs in ("one-to-many", "none"):
        copying.test_pairs(packed_keys, dtype, copying.PAIRS[pairs])


def test_an_output_of_another_dtype_is_rounded_to_the_querys(copied):
    wide = '{ array = "output", dtype = "float32" }'
    path = copied(
        "packed_keys.toml",
        output=('"output"', wide),
        function=("join_partitions_{dtype}_hs", "join_partitions_float_hs"),
    )
    attention.test_features(load(path), MIXED)


def test_what_the_file_does_not_claim_is_not_run(packed_keys):
    for case in (replace(MIXED, sinks=True), replace(MIXED, head_size=80)):
        with pytest.raises(Absent, match="packed-keys says of itself: no "):
            attention.test_features(packed_keys, case)


MIXED_FEATURES = (attention.test_features, MIXED)
FAULTS = {
    "window off by one": (
        ("length - window : 0", "length - window - 1 : 0"),
        (attention.test_features, EVERYTHING),
        "times the bound",
    ),
    "partitions not rescaled": (
        ("total += exp(max_logits[at + p] - top) * tmp_out", "total += tmp_out"),
        MIXED_FEATURES,
        "times the bound",
    ),
    "head of another group": (
        ("head / (int(groups.x) / num_kv_heads)", "head % num_kv_heads"),
        MIXED_FEATURES,
        "times the bound",
    ),
    "keys in pieces of another size": (
        ("X = 16 / sizeof(T)", "X = 8 / sizeof(T)"),
        MIXED_FEATURES,
        "times the bound",
    ),
    "the barrier after the largest logit": (
        ("partial[simdgroup] = top;\n  }\n  threadgroup_barrier(mem_flags::mem_threadgroup);",
         "partial[simdgroup] = top;\n  }"),
        MIXED_FEATURES,
        r"uninitialized read of shared|race of shared",
    ),
    "a slot too far": (
        ("const int offset = slot % block_size;", "const int offset = slot % block_size + 1;"),
        (writing.test_slots, "float16", writing.SLOT_LISTS["every-slot"]),
        "out of bounds|of key_cache|race of",
    ),
    "the whole last block": (
        ("const int last = min(length, (partition + 1) * kPartition);",
         "const int last = min((length + BLOCK_SIZE - 1) / BLOCK_SIZE * BLOCK_SIZE,"
         " (partition + 1) * kPartition);"),
        MIXED_FEATURES,
        "nan",
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_a_copy_is_caught(copied, fault):
    replaced, (requirement, *arguments), told = FAULTS[fault]
    library = load(copied(source=replaced))
    with pytest.raises(Failed, match=told):
        requirement(library, *arguments)


WRONG = {
    "no expression": (
        '["num_tokens"]', '["num_tokens +"]',
        r"reshape_and_cache\[0\].threadgroups\[0\]: 'num_tokens \+' is no expression",
    ),
    "code": (
        '["num_tokens"]', "[\"__import__('os').getpid()\"]",
        r"threadgroups\[0\]: .* holds .*, which is no arithmetic",
    ),
    "unknown number": (
        '["num_tokens"]', '["num_token"]',
        r"reshape_and_cache\[0\] names 'num_token' in 'num_token'; there are num_blocks, ",
    ),
    "unknown array": (
        '"slot_mapping"', '"slots"',
        r"reshape_and_cache\[0\].buffers\[4\] is the array 'slots'; reshape_and_cache has key, ",
    ),
    "scalar of no dtype": (
        '{ value = "x", dtype = "int32" }', '{ value = "x" }',
        r"buffers\[10\].dtype is ''; there are float16, ",
    ),
    "axis missing": (
        '"num_kv_heads", "head_size", "block_size"]', '"num_kv_heads", "head_size"]',
        r"layouts.value_cache: block_size must stand there once, or as 'block_size' / n",
    ),
    "half an axis": (
        '"block_size", "head_size % x"]', '"block_size"]',
        r"layouts.key_cache: head_size must stand there once",
    ),
    "no file": ('file = "packed_keys.metal"', 'file = "gone.metal"', r"\.file is 'gone.metal'"),
    "unknown key": ("threadgroup_memory", "shared_memory", r"\[0\].shared_memory is no key; there"),
    "unknown word of a name": ("{block_size}", "{block}", r"function names {block}; there are "),
    "stride of no buffer": (
        "stride(query, 0)", "stride(key, 0)",
        r"paged_attention\[0\] asks for the stride of 'key'; its buffers are tmp_out, ",
    ),
    "no TOML": ("[let]", "[let", r"is no TOML: "),
    "no grid": ('threadgroups = ["num_tokens"]\n', "", r"\.threadgroups or threads must say the g"),
    "no number": ("one_query", 'deadline = "soon"\none_query', r"deadline is 'soon'; expected a n"),
    "no list": ("one_query", 'defines = "X"\none_query', r"defines is 'X'; expected a list"),
    "no name": ("join_partitions_{dtype}", "join_{dtype", r"\]\.function is no name: "),
    "unknown check": ("one_query", 'checks = "all"\none_query', r"checks is 'all': there is no ch"),
    "unknown feature": ('"alibi"', '"albi"', "Capabilities name the feature 'albi'"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", WRONG)
def test_a_mistake_in_the_file_is_one_sentence_with_its_key(copied, mistake):
    old, new, told = WRONG[mistake]
    with pytest.raises(TargetError, match=told) as raised:
        load(copied("packed_keys.toml", text=(old, new)))
    assert "\n" not in str(raised.value)


def test_what_is_missing_in_the_source_is_told_when_it_is_called(copied):
    library = load(copied("packed_keys.toml", text=("join_partitions_{dtype}", "joined_{dtype}")))
    with pytest.raises(Failed, match=r"has no kernel 'joined_half_hs64'; it has store_to"):
        attention.test_features(library, MIXED)


def test_a_source_that_is_none_is_told_with_its_line(copied):
    with pytest.raises(TargetError, match=r"packed_keys\.metal:\d+"):
        load(copied(source=("constant bool use_cap [[function_constant(1)]];", "constant bool [[")))


def test_a_file_that_is_not_there():
    with pytest.raises(TargetError, match=r"^none\.toml cannot be read: No such file"):
        load("none.toml")
