"""What a server's metrics tell of its prefix cache."""

from __future__ import annotations

import re
import secrets

from conformance.outcomes import Inconclusive, Silent
from conformance.targets.client import Client

METRICS = "/../metrics"
"""Below the base URL, which ends in /v1."""

_HITS = re.compile(r"^vllm:prefix_cache_hits(?:_total)?(?:\{[^}]*\})? (\S+)$", re.MULTILINE)


def fresh_salt() -> str:
    """One that nobody used before."""
    return secrets.token_hex(24)


def hits(client: Client) -> int:
    """Tokens that were taken from the cache so far.

    Raises:
        Inconclusive: the server has no such metric.
    """
    response = client.get(METRICS)
    found = _HITS.findall(response.text()) if response.status == 200 else []
    if not found:
        raise Inconclusive(
            "The server does not say what it took from its cache: the metric "
            "vllm:prefix_cache_hits would decide",
            cause="The server tells nothing of its prefix cache",
        )
    return int(sum(map(float, found)))


def kept_apart(own: int, other: int) -> None:
    """A prompt was found under its own salt, and not under another.

    Raises:
        Inconclusive: it was not found at all.
        Silent: it was found under either.
    """
    if own == 0:
        raise Inconclusive(
            "The prompt is not taken from a cache at all: a server with one would decide",
            cause="The server has no prefix cache",
        )
    if other > 0:
        raise Silent(
            "`cache_salt` is accepted and ignored",
            expected=f"{own} cached tokens under its own salt, 0 under another",
            actual=f"{own} and {other}",
        )
