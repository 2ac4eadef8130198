"""The reference's MLX model runner. For an interpreter that has mlx-lm."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from conformance.targets.runners.checkpoint import stop_tokens
from conformance.targets.runners.contract import Logits, Refused, Sequences, Way
from fixtures.snapshots import Recorded
from fixtures.snapshots.rows import recorded
from reference.model_runner.checkpoint import CheckpointError
from reference.model_runner.runner import Kept, MlxModelRunner

JOIN_AFTER = 3
"""Steps that half of a batch has decoded when the other half's prompts come in."""


class ReferenceRunner(MlxModelRunner):
    """A checkpoint over the reference's paged pool; batches are steps of prefill and decode."""

    ways = (Way.BATCH,)
    attention: str | None = None

    def __init__(self, folder: Path, dtype: str) -> None:
        try:
            super().__init__(folder, dtype, self.attention)
        except CheckpointError as error:
            raise Refused(str(error)) from error
        self._stop = stop_tokens(folder)

    def generate(self, token_ids: list[int], max_tokens: int) -> list[int]:
        """The likeliest token each time, until one that ends an answer or `max_tokens`."""
        cache, found = self.new_cache(), list[int]()
        logits = self.extend(cache, token_ids)
        while len(found) < max_tokens:
            found.append(int(logits[-1].argmax()))
            if found[-1] in self._stop:
                break
            logits = self.extend(cache, found[-1:])
        self.release(cache)
        return found

    def score(self, sequences: Sequences, way: Way) -> Mapping[str, Recorded]:
        """Half of every sequence as a prompt, the rest a token a step; half of them join late."""
        assert way is Way.BATCH
        seen: dict[str, list[Logits]] = {name: [] for name in sequences}
        caches = {name: self.new_cache() for name in sequences}
        step, running = 0, list(sequences)[::2]
        while running:
            parts = [self._next(list(sequences[name]), caches[name]) for name in running]
            found = self.extend_all(
                [(caches[name], tokens) for name, tokens in zip(running, parts, strict=True)]
            )
            for name, logits in zip(running, found, strict=True):
                seen[name].append(logits)
            step += 1
            if step == JOIN_AFTER:
                running = running + list(sequences)[1::2]
            running = [n for n in running if caches[n].length < len(sequences[n])]
        for cache in caches.values():
            self.release(cache)
        return {
            name: recorded(list(ids), np.concatenate(seen[name])) for name, ids in sequences.items()
        }

    def _next(self, ids: list[int], cache: Kept) -> list[int]:
        """The tokens of a sequence that go into its next step."""
        if cache.length == 0:
            return ids[: (len(ids) + 1) // 2]
        return ids[cache.length : cache.length + 1]


class MlxAttention(ReferenceRunner):
    """Attention by MLX's operations, on Metal too."""

    attention = "mlx"


class MetalAttention(ReferenceRunner):
    """Attention by the Metal kernels."""

    attention = "metal"


class EmulatorAttention(ReferenceRunner):
    """Attention by the Metal kernels in the emulator."""

    attention = "emulator"
