"""What a server counts of itself, before and after something was asked of it."""

from __future__ import annotations

from conformance.api.ask import Ask
from conformance.outcomes import Inconclusive
from conformance.targets.metrics import Metrics


def metrics(ask: Ask, *names: str) -> Metrics:
    """The target's metrics now, with these among them.

    Raises:
        Inconclusive: it has no such page, or lacks one of them.
    """
    found = Metrics.of(ask.client)
    if found is None or (missing := [name for name in names if name not in found]):
        lacking = "anything" if found is None else ", ".join(missing)
        raise Inconclusive(
            f"The server does not count {lacking} at /metrics, which would decide",
            cause="The server counts nothing at /metrics",
        )
    return found
