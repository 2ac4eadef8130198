"""What a TOML file says of somebody's kernels, and the words that it may use."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reference.metal_source.arithmetic import Expression
from reference.metal_source.layout import Layout

DTYPES = ("float16", "bfloat16", "float32")
BUFFER_DTYPES = (*DTYPES, "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64")
METAL = {"float16": "half", "bfloat16": "bfloat", "float32": "float"}
"""Metal's words for dtypes, which stand for {dtype} in names of functions."""

CACHES = ("key_cache", "value_cache")
SIZES = ("num_blocks", "block_size", "num_kv_heads", "head_size", "element_size")

ARRAYS: Mapping[str, Collection[str]] = {
    "reshape_and_cache": ("key", "value", *CACHES, "slot_mapping"),
    "copy_blocks": (*CACHES, "block_mapping"),
    "paged_attention": (
        "query",
        *CACHES,
        "block_table",
        "seq_lens",
        "query_start_loc",
        "sinks",
        "alibi_slopes",
        "output",
    ),
}
"""Arrays of the contract by operation; "output" is what `paged_attention` returns."""

NAMES: Mapping[str, Collection[str]] = {
    "reshape_and_cache": (*SIZES, "num_tokens"),
    "copy_blocks": (*SIZES, "num_pairs"),
    "paged_attention": (
        *SIZES,
        "num_tokens",
        "num_heads",
        "num_seqs",
        "max_blocks",
        "max_seq_len",
        "max_query_len",
        "scale",
        "sliding_window",
        "logits_soft_cap",
        "has_sliding_window",
        "has_logits_soft_cap",
        "has_sinks",
        "has_alibi_slopes",
    ),
}
"""Numbers that expressions are made of; those of features that are not asked for are 0."""


class SpecError(ValueError):
    """The file is none that kernels could be run by; one sentence with the key."""


@dataclass(frozen=True)
class Buffer:
    """One argument [[buffer(index)]].

    Attributes:
        array: of the contract or temporary, or "".
        value: a number instead.
        dtype: what the kernel takes it as; "" for what it is.
        strided: the array's own memory, from its first number to its last, rather than a copy
            without gaps.
    """

    index: int
    array: str = ""
    value: Expression | None = None
    dtype: str = ""
    strided: bool = False


@dataclass(frozen=True)
class Temporary:
    """Memory that one dispatch leaves to the next; `fill` None for what nobody wrote."""

    dtype: str
    shape: tuple[Expression, ...]
    fill: Expression | None


@dataclass(frozen=True)
class Dispatch:
    """One kernel of an operation. Expressions are of sizes in elements, unless they say bytes."""

    key: str
    file: Path
    function: str
    function_constants: Mapping[str | int, Expression]
    buffers: tuple[Buffer, ...]
    threadgroup_memory: tuple[Expression, ...]
    groups: bool
    grid: tuple[Expression, ...]
    threads_per_threadgroup: tuple[Expression, ...]
    when: Expression | None


@dataclass(frozen=True)
class Spec:
    """A file that was read and checked."""

    name: str
    checks: str
    deadline: float
    include_folders: tuple[Path, ...]
    defines: tuple[str, ...]
    capabilities: Mapping[str, Any]
    types: Mapping[str, str]
    let: Mapping[str, Expression]
    layouts: Mapping[str, Layout]
    temporaries: Mapping[str, Temporary]
    one_query_per_row: bool
    operations: Mapping[str, tuple[Dispatch, ...]] = field(default_factory=dict)
