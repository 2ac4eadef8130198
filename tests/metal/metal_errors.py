"""The largest error of each attention kernel beside its bound.

`python tests/metal/metal_errors.py` prints the table of docs/metal.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from metal_cases import ATTENTION, FP8, INT8, attends

from conformance.kernels.cases import FEATURES
from fixtures.kernels import DTYPES
from fixtures.kernels.cases import Case
from fixtures.kernels.latents import LatentCase
from reference.metal import Launcher, library

LONG = ("long-and-short",)
"""Features whose cases have a context of more than a partition."""

ROWS: Sequence[tuple[str, str, dict[str, object]]] = [
    ("paged_attention", "as it is", {}),
    ("paged_attention", "fp8", FP8),
    ("paged_attention", "int8", INT8),
    ("paged_attention_split_kv", "as it is", {}),
    ("paged_attention_split_kv", "fp8", FP8),
    ("paged_attention_split_kv", "int8", INT8),
    ("mla_attention", "as it is", {}),
]


def cases_of(kernel: str) -> list[Case | LatentCase]:
    if kernel == "mla_attention":
        return [case for case in ATTENTION.values() if isinstance(case, LatentCase)]
    if kernel == "paged_attention_split_kv":
        return [case for name, case in ATTENTION.items() if name.startswith("split")]
    found = (ATTENTION[f"{name}-float32"] for name in FEATURES if name not in LONG)
    return [case for case in found if isinstance(case, Case) and case.magnitude <= 300]


def largest(kernel: str, cache: dict[str, object], dtype: str) -> float:
    """The largest error of a kernel in units of its bound, over its cases."""
    ours = library(Launcher(gpu=False, check=None))
    cases = (replace(case, dtype=dtype, **cache) for case in cases_of(kernel))
    return max(attends(ours, case) for case in cases)


def table() -> str:
    lines = [f"| kernel | cache | {' | '.join(DTYPES)} |", "|---" * (2 + len(DTYPES)) + "|"]
    for kernel, stored, cache in ROWS:
        figures = [f"{largest(kernel, cache, dtype):.2f}" for dtype in DTYPES]
        lines.append(f"| `{kernel}` | {stored} | {' | '.join(figures)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
