"""The safety modes: what can be asked for, and how a kernel is built for them."""

from __future__ import annotations

CHECKS = ("bounds", "races", "uninitialized")

# The instrumentation is ThreadSanitizer's, but the functions it calls are the checker's own
# (runtime/instrumentation.cpp), hence its library is not linked. The optimisations that are
# turned off would join or drop accesses that the checker is to see: vector loads, loops made into
# memset and memcpy, and loops cut short because an index beyond the array can not be meant.
CHECK_FLAGS = (
    "-fsanitize=thread",
    "--param=tsan-instrument-func-entry-exit=0",
    "-fno-tree-vectorize",
    "-fno-tree-loop-distribute-patterns",
    "-fno-aggressive-loop-optimizations",
    "-ftrivial-auto-var-init=pattern",  # see thread_memory.py
    "-fno-plt",
    "-g1",
)


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
