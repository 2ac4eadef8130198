"""The safety modes: what can be asked for, and how a kernel is built for them."""

from __future__ import annotations

from typing import Literal

CHECKS = ("bounds", "races", "uninitialized")

# The instrumentation is ThreadSanitizer's, and for arrays of known length, which a thread may keep
# in registers, UndefinedBehaviorSanitizer's. But the functions they call are the checker's own
# (runtime/instrumentation.cpp), hence their libraries are not linked. The optimisations that are
# turned off would join or drop accesses that the checker is to see: vector loads, loops made into
# memset and memcpy, and loops cut short because an index beyond the array can not be meant.
CHECK_FLAGS = (
    "-fsanitize=thread",
    "-fsanitize=bounds-strict",  # also of the last array of a struct
    "--param=tsan-instrument-func-entry-exit=0",
    "-fno-tree-vectorize",
    "-fno-tree-loop-distribute-patterns",
    "-fno-aggressive-loop-optimizations",
    "-ftrivial-auto-var-init=zero",  # see thread_memory.py
    "-fno-plt",
    "-g1",
)
_CLANG_CHECK_FLAGS = (
    "-fsanitize=thread",
    "-fsanitize=array-bounds",
    "-fsanitize-recover=array-bounds",
    "-mllvm",
    "-tsan-instrument-func-entry-exit=0",
    "-mllvm",
    "-tsan-instrument-read-before-write=1",
    "-fno-vectorize",
    "-fno-slp-vectorize",
    "-ftrivial-auto-var-init=zero",
    "-gline-tables-only",
)

# Two builds that differ in what variables without a value begin with (thread_memory.py). The
# optimisations that are turned off would give such a variable whatever value is most convenient.
_UNFOLDED = (
    "-fno-tree-ccp",
    "-fno-tree-bit-ccp",
    "-fno-tree-fre",
    "-fno-tree-pre",
    "-fno-code-hoisting",
    "-fno-tree-vrp",
    "-fno-tree-copy-prop",
    "-fno-tree-phiprop",
    "-fno-ssa-phiopt",
    "-fno-tree-dominator-opts",
    "-fno-tree-forwprop",
    "-fno-split-paths",
)

Build = Literal["plain", "checked", "filled", "zeroed"]
BUILDS: dict[Build, tuple[str, ...]] = {
    "plain": (),
    "checked": CHECK_FLAGS,
    "filled": ("-ftrivial-auto-var-init=pattern", *_UNFOLDED),
    "zeroed": ("-ftrivial-auto-var-init=zero", *_UNFOLDED),
}
CLANG_BUILDS: dict[Build, tuple[str, ...]] = {
    "plain": (),
    "checked": _CLANG_CHECK_FLAGS,
    "filled": ("-ftrivial-auto-var-init=pattern",),
    "zeroed": ("-ftrivial-auto-var-init=zero",),
}


def parse_checks(check: str | None) -> tuple[str, ...]:
    """`check="bounds,races"` as a tuple in the order of CHECKS; none for None and "".

    Raises:
        ValueError: a check that there is not.
    """
    asked = [name.strip() for name in (check or "").split(",") if name.strip()]
    unknown = [name for name in asked if name not in CHECKS]
    if unknown:
        raise ValueError(f"there is no check {unknown[0]!r}: choose from {', '.join(CHECKS)}")
    return tuple(name for name in CHECKS if name in asked)
