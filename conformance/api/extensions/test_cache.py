"""Whose prompts share a cache."""

from __future__ import annotations

from conformance.api.extensions import cached
from conformance.api.extensions.ways import Ways, both_ways, on_both
from conformance.api.prompts import Prompts, user
from conformance.requirements import SHOULD, requirement


@requirement(
    "api/extensions/cache-salt",
    SHOULD,
    source="vLLM: cache_salt; the metrics vllm:prefix_cache_queries and vllm:prefix_cache_hits",
    profiles=("api",),
    alone=True,
    honours=on_both("cache_salt"),
)
@both_ways
def test_cache_salt(ways: Ways, prompts: Prompts, way: str) -> None:
    """A prompt SHOULD be taken from the cache of its own `cache_salt`, and from no other.

    Whether an answer comes at once tells a stranger what others have asked; a salt keeps them
    apart.
    """
    question = [user(f"{prompts.series} " * 24)]

    def hits(salt: str) -> int:
        before = cached.hits(ways.ask.client)
        ways.say(way, question, max_tokens=1, cache_salt=salt)
        return cached.hits(ways.ask.client) - before

    salt = cached.fresh_salt()
    hits(salt)
    cached.kept_apart(own=hits(salt), other=hits(cached.fresh_salt()))
