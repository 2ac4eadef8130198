"""The largest error of each kernel library beside the bound that is derived for it, as a table.

    python benchmarks/kernel_errors.py [--kernels NAME …] [--to docs/kernel-errors.md]

Every case of `conformance/kernels/cases.py` is run in every dtype. A family is the cases that
differ only in dtype or block size. Exits with 1 where an error is above its bound, or where a bound
is more than 8 times the largest error that any library has and nothing here says why.
"""

from __future__ import annotations

import argparse
import platform
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TypeAlias

from conformance.compare.kernels import Nearness, nearness
from conformance.kernels import cases, expect
from conformance.outcomes import Absent
from conformance.targets.errors import TargetError
from conformance.targets.kernels import ADAPTERS, Checked, load
from fixtures.kernels import DTYPES
from fixtures.kernels.cases import Array, Case
from fixtures.kernels.expected import of_case
from fixtures.kernels.latents import LatentCase

AnyCase: TypeAlias = Case | LatentCase
Found: TypeAlias = Mapping[tuple[str, str], Nearness]
"""By family and dtype, where an error is largest for its bound."""

DOCUMENT = Path(__file__).parent.parent / "docs" / "kernel-errors.md"
TOO_WIDE = 8
EXACT = 2.0**-40
"""Far above what float64 is off in numbers of a few units, and far below a float32's last bit."""

ONE_KEY = "one key has all of the weight: what products, sums and a quotient may lose they do not"
WHY = {
    "one-token": ONE_KEY,
    "window-of-one-token": ONE_KEY,
    "near-overflow": ONE_KEY,
    "beyond-half": ONE_KEY,
    "huge-logits": ONE_KEY,
    "latents: one-token": ONE_KEY,
    "latents: near-overflow": ONE_KEY,
}
"""Families whose bounds are wide, and why."""


def every_case() -> Iterator[tuple[str, AnyCase]]:
    """Cases with their families."""
    for name, case in cases.of_features():
        yield name.removesuffix(f"-{case.dtype}"), case
    for name, huge in cases.of_huge_logits():
        yield name.removesuffix(f"-{huge.dtype}"), huge
    for name, part in cases.of_partitions():
        yield f"parts of {name.removesuffix(f'-{part.dtype}').replace('-', ': ', 1)}", part
    for _, shape in cases.of_shapes():
        yield f"head size {shape.head_size}", shape
    for name, latent in cases.of_latents():
        yield f"latents: {name.removesuffix(f'-{latent.dtype}')}", latent
    for _, size in cases.of_latent_shapes():
        yield f"latents of {size.latent_size} + {size.rope_size}", size


def measured(library: Checked, given: Iterable[tuple[str, AnyCase]]) -> Found:
    """The largest error for its bound, in each family and dtype that the library has."""
    found: dict[tuple[str, str], Nearness] = {}
    for family, case in given:
        try:
            expect.offered(library, case)
        except Absent:
            continue
        output = expect.output(library, case.call(), case)
        if not output.size:
            continue
        near, key = _furthest(output, *of_case(case)), (family, case.dtype)
        if key not in found or near.ratio > found[key].ratio:
            found[key] = near
    return found


def _furthest(output: Array, true: Array, bound: Array) -> Nearness:
    """Where the error is largest for its bound; where there is none, where the bound is largest."""
    near = nearness(output, true, bound)
    if near.ratio:
        return near
    return replace(near, bound=float(bound.max()), actual=0.0, expected=0.0)


def exact(near: Nearness) -> bool:
    """Nothing is granted but what float64 is off: the output is to be right bit for bit."""
    return near.bound < EXACT


def faults(found: Mapping[str, Found]) -> list[str]:
    """What is above its bound, and bounds that are too wide for no reason; in sentences."""
    told = [
        f"{name}, {family} in {dtype}: {near}"
        for name, errors in found.items()
        for (family, dtype), near in errors.items()
        if not near.inside
    ]
    for (family, dtype), ratio in wide(found).items():
        if family not in WHY:
            told.append(
                f"{family} in {dtype}: the bound in multiples of the largest error is "
                f"{times(ratio)}, and nothing says why."
            )
    return told


def wide(found: Mapping[str, Found]) -> dict[tuple[str, str], float]:
    """Families whose bounds let wrong answers pass, with the largest error of any library."""
    granted = {key for errors in found.values() for key, near in errors.items() if not exact(near)}
    return {
        key: ratio
        for key, ratio in largest(found).items()
        if key in granted and ratio * TOO_WIDE <= 1
    }


def largest(found: Mapping[str, Found]) -> dict[tuple[str, str], float]:
    """The largest error of any library, in multiples of its bound."""
    ratios: dict[tuple[str, str], float] = defaultdict(float)
    for errors in found.values():
        for key, near in errors.items():
            ratios[key] = max(ratios[key], near.ratio)
    return dict(ratios)


def document(found: Mapping[str, Found]) -> str:
    """The page."""
    ratios = largest(found)
    families = list(dict.fromkeys(family for family, _ in ratios))
    too_wide = wide(found)
    above = sum(not near.inside for errors in found.values() for near in errors.values())
    lines = [
        "# How large errors of kernels are, beside their bounds",
        "",
        "Written by `python benchmarks/kernel_errors.py`; not to be changed by hand.",
        "",
        "The bound of each number of an output is derived from the dtype and the lengths of the",
        "reductions (`reference/oracle/bounds.py`); nothing in it is fitted to what is measured",
        "here. Each entry is of the number whose error is the largest *for its bound*: error /",
        "bound = ratio. A ratio above 1 is a wrong answer, and one below 1/8 a bound that lets",
        "wrong answers pass. In 16 bits the last rounding is known, so that ratios are often all",
        "but 1: the output is the one number that is right. Where nothing is granted, and nothing",
        "was lost, it says exact.",
        "",
        f"Above a bound: {above}. Bounds of more than {TOO_WIDE} times the largest error of any "
        f"library: {len(too_wide)} of {len(ratios)}{', listed last' if too_wide else ''}.",
        "",
        f"Measured on {platform.system()} {platform.machine()}, with {_versions()}.",
    ]
    for name, errors in found.items():
        lines += ["", f"## {name}", "", *_table(families, errors)]
    lines += ["", f"## Bounds of more than {TOO_WIDE} times the largest error", ""]
    if not too_wide:
        lines += ["None."]
    else:
        lines += ["| cases | dtype | bound in multiples of the error | why |", "|---|---|---|---|"]
        for (family, dtype), ratio in too_wide.items():
            why = WHY.get(family, "not known")
            lines.append(f"| {family} | {dtype} | {times(ratio)} | {why} |")
    return "\n".join(lines) + "\n"


def times(ratio: float) -> str:
    """The bound in multiples of an error that is `ratio` of it."""
    return f"{1 / ratio:.3g}" if ratio else "not a multiple: there is no error"


def _table(families: list[str], errors: Found) -> Iterator[str]:
    yield f"| cases | {' | '.join(DTYPES)} |"
    yield "|---" * (1 + len(DTYPES)) + "|"
    for family in families:
        row = [_entry(errors.get((family, dtype))) for dtype in DTYPES]
        yield f"| {family} | {' | '.join(row)} |"


def _entry(near: Nearness | None) -> str:
    if near is None:
        return ""
    if exact(near):
        return "exact"
    error = abs(near.actual - near.expected)
    return f"{error:.1e} / {near.bound:.1e} = {near.ratio:.2f}"


def _versions() -> str:
    found = []
    for package in ("numpy", "torch", "mlx"):
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description="Errors of kernel libraries beside their bounds")
    parser.add_argument("--kernels", nargs="+", default=None, help="names, or module:object")
    parser.add_argument("--only", default="", help="a regular expression that families match")
    parser.add_argument("--to", type=Path, default=DOCUMENT, help="the page")
    given = parser.parse_args(arguments)
    chosen = [(f, c) for f, c in every_case() if re.search(given.only, f)]
    found = {}
    for name in given.kernels or ADAPTERS:
        try:
            library = load(name)
        except TargetError as error:
            if given.kernels:
                raise
            print(f"left out: {error}", file=sys.stderr)
            continue
        found[name] = measured(library, chosen)
    given.to.write_text(document(found), encoding="utf-8")
    told = faults(found)
    print("\n".join(told) or f"{given.to}: nothing is above its bound.")
    return 1 if told else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
