"""Production of the small server's model: recordings that were never made on a GPU, and a band."""

from __future__ import annotations

import math
import random
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from conformance.api.numerics.evidence import Evidence
from conformance.api.numerics.gather import gather
from conformance.compare.production import Production
from conformance.recording.endpoint import Endpoint
from fixtures.snapshots import Recorded, Snapshot, noise
from fixtures.snapshots.prompts import CHATS
from tests.recording.production import WORDS, Model, greedy, logprobs_after, tokenized

CONTINUED = 24
_DICE = random.Random(4)
PROMPTS: dict[str, list[int]] = {
    "one": [5],
    **{f"few-{n}": [_DICE.randrange(4, 26) for _ in range(6)] for n in range(5)},
    **{f"long-{n}": [_DICE.randrange(4, 26) for _ in range(90)] for n in range(2)},
    **{
        f"chat-{name}": tokenized(" ".join(content for _, content in CHATS[name]))
        for name in ("capital-again", "list", "memory", "story")
    },
}
"""Token ids whose texts are nobody else's, and conversations, whose words are mostly unknown."""


def shaken(amount: float, seed: int) -> Model:
    """The model, each logit off by up to `amount`, as another order of sums would have it."""

    def after(ids: list[int]) -> list[float]:
        dice = random.Random(f"{seed} {len(ids)} {ids[-3:]}")
        logits = [logprob + dice.uniform(-amount, amount) for logprob in logprobs_after(ids)]
        return normal(logits)

    return after


def normal(logits: list[float]) -> list[float]:
    """Logits as log probabilities."""
    total = math.log(sum(math.exp(logit) for logit in logits))
    return [logit - total for logit in logits]


def recorded(model: Model, sequences: dict[str, list[int]] | None = None) -> dict[str, Recorded]:
    """The prompts as a model sees them, after its own greedy tokens or in given sequences."""
    found = {}
    for name, prompt in PROMPTS.items():
        whole = sequences[name] if sequences else [*prompt, *greedy(prompt, CONTINUED, model)]
        rows = [model(whole[: place + 1]) for place in range(len(whole) - 1)]
        order = [sorted(range(len(WORDS)), key=lambda id, row=row: -row[id]) for row in rows]
        ranked = [[row[id] for id in ids] for row, ids in zip(rows, order, strict=True)]
        found[name] = Recorded(
            token_ids=np.array(whole, dtype=np.int32),
            prompt_length=len(prompt),
            positions=np.arange(len(rows), dtype=np.int32),
            top_ids=np.array(order, dtype=np.int32),
            top_logits=np.array(ranked, dtype=np.float32),
            logsumexp=np.zeros(len(rows), dtype=np.float32),
        )
    return found


@cache
def production() -> Production:
    """The model, with a band as wide as a shake of a hundredth in five ways."""
    exact = recorded(logprobs_after)
    whole = {name: found.token_ids.tolist() for name, found in exact.items()}
    recordings = {"bfloat16/greedy": exact, "float32/greedy": recorded(shaken(0.01, 1))}
    for seed, name in enumerate(("prefill", "alone", "cached"), start=2):
        recordings[f"bfloat16/{name}"] = recorded(shaken(0.01, seed), whole)
    measured: dict[str, Any] = {"model": "small", **noise.measure(recordings)}
    return Production("small", "bfloat16", Snapshot(exact, {"vocabulary": len(WORDS)}), measured)


def see(url: str, tokenizer: Path, **options: Any) -> Evidence:
    """What a server shows of it."""
    with Endpoint(url, "prod", api_key=None, timeout_s=10.0, lenient=True) as endpoint:
        return gather(endpoint, production(), tokenizer, **options)
