"""A server that runs for weeks."""

from __future__ import annotations

from conformance.api.ask import Ask
from conformance.api.prompts import Prompts
from conformance.requirements import SHOULD, requirement
from conformance.serving import memory
from conformance.targets.server import ServerTarget


@requirement("serving/memory/no-growth", SHOULD, source="vLLM", profiles=("serving",), alone=True)
def test_no_growth(ask: Ask, prompts: Prompts, target: ServerTarget) -> None:
    """The memory of a server's processes SHOULD not grow over 1,000 requests, once its caches are
    filled.

    What grows with every request is killed by the system one night, with everybody's answers.
    """
    memory.does_not_grow(memory.after_each_part(ask, prompts, target))
