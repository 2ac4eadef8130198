"""The section of docs/detection.md on requirements that kill no mutant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from conformance import catalogue
from conformance.requirements import base
from conformance.selftest import kept, kills

HEAD = """
## Requirements that kill no mutant

Of {stated} requirements, cases apart, {killing} kill a mutant: first of all, as above, or where the
mutants of the protocol and of the tasks are hunted on among what is near to what they alter
(`conformance/selftest/kills.tsv`). {left} kill none.{without} Those below stay for the reason
before them; the tests that it names make them fall, or what they judge by.

"""


def idle(known: Mapping[str, Iterable[str]], ids: Iterable[str]) -> list[str]:
    """Requirements that killed nothing: of those whose ids these are, without their cases."""
    killers = {id for some in known.values() for id in some}
    return [id for id in base(ids) if id not in killers]


def markdown(
    known: Mapping[str, Iterable[str]] | None = None, ids: Sequence[str] | None = None
) -> str:
    """The section.

    Args:
        known: what killed what; by default what is on file.
        ids: of the requirements; by default of all.
    """
    every = [each.id for each in catalogue.requirements()] if ids is None else ids
    left = idle(kills.read() if known is None else known, every)
    stated = len(base(every))
    reasons, without = kept.sorted_out(left)
    told = f" Of {len(without)} nobody has said why they stay." if without else ""
    head = HEAD.format(stated=stated, killing=stated - len(left), left=len(left), without=told)
    lines = [f"- no reason: {quoted(without)}\n"] if without else []
    lines += (f"- {each.why} (`{each.shown}`): {quoted(ids)}\n" for each, ids in reasons.items())
    return head + "".join(lines)


def quoted(ids: Iterable[str]) -> str:
    """Ids one beside the other, each as code."""
    return ", ".join(f"`{id}`" for id in ids)
