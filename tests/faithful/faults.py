"""What may be wrong with the faithful server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.faithful import sampler

Body = dict[str, Any]


@dataclass(frozen=True)
class Fault:
    """By default none.

    Attributes:
        ignores: fields that are taken and not heeded; `*` is every field but `kept`.
        kept: fields that are heeded all the same.
        order: of the sampler's steps.
        one_seed: all choices of a request are drawn with its own seed.
        tears: a stream loses a piece of text near its end.
        leaks: a request that comes while others are served is answered as the one before it.
        stale: a prompt that was seen before is answered without its last tokens.
        retokenises: token ids are decoded, stripped and encoded again.
        off_by_one: logprobs of a prompt stand one token too early.
        miscounts: usage counts characters.
        sorts: several prompts are answered by their length; the chats of a batch, last first.
        batch_ignores: what is heeded of a chat is not of a batch of chats, but for `kept`.
    """

    ignores: frozenset[str] = frozenset()
    kept: frozenset[str] = frozenset()
    order: Sequence[sampler.Step] = sampler.ORDER
    one_seed: bool = False
    tears: bool = False
    leaks: bool = False
    stale: bool = False
    retokenises: bool = False
    off_by_one: bool = False
    miscounts: bool = False
    sorts: bool = False
    batch_ignores: bool = False

    def heeded(self, body: Body) -> Body:
        """What is left of a request."""
        if "*" in self.ignores:
            return {name: value for name, value in body.items() if name in self.kept}
        return {name: value for name, value in body.items() if name not in self.ignores}


BASIC = frozenset(
    {"model", "messages", "prompt", "tokens", "max_tokens", "temperature", "stream",
     "stream_options", "logprobs", "top_logprobs", "n"}
)  # fmt: skip

MODES = {
    "good": Fault(),
    "ignores-all": Fault(ignores=frozenset({"*"}), kept=BASIC),
    "ignores-basics": Fault(
        ignores=frozenset(
            {"temperature", "logprobs", "top_logprobs", "max_tokens", "max_completion_tokens"}
        )
    ),
    "temperature-last": Fault(
        order=[*(step for step in sampler.ORDER if step is not sampler.temperature),
               sampler.temperature]
    ),
    "reversed": Fault(order=sampler.ORDER[::-1]),
    "one-seed": Fault(one_seed=True),
    "tears": Fault(tears=True),
    "leaks": Fault(leaks=True),
    "stale": Fault(stale=True),
    "retokenises": Fault(retokenises=True),
    "off-by-one": Fault(off_by_one=True),
    "miscounts": Fault(miscounts=True),
    "sorts": Fault(sorts=True),
    "batch-ignores": Fault(batch_ignores=True, kept=BASIC - {"logprobs", "top_logprobs"}),
}  # fmt: skip
