"""mlx-lm: its own models, caches, prompt cache and batches. For an interpreter that has it."""

from __future__ import annotations

import copy
import importlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from conformance.targets.runners.checkpoint import saved_dtype, stop_tokens
from conformance.targets.runners.contract import Logits, Refused, Sequences, Way, raised
from conformance.targets.runners.ways import shared
from fixtures.snapshots import Recorded
from fixtures.snapshots.rows import recorded

JOIN_AFTER = 3
"""Tokens that the first half of a batch has generated when the second joins."""


class MlxLmRunner:
    """A checkpoint as mlx-lm loads it, in the dtype that it was saved in or another."""

    name = "mlx-lm"

    def __init__(self, folder: Path, dtype: str) -> None:
        import mlx.core as mx
        from mlx_lm.models import cache
        from mlx_lm.utils import load_model

        self.mx: Any = mx
        self._caches: Any = cache
        self.dtype = dtype
        try:
            model, _ = load_model(folder)
            if dtype != saved_dtype(folder):  # it would change what was saved in another on purpose
                model.set_dtype(getattr(mx, dtype))
            mx.eval(model.parameters())
        except Exception as error:  # It raises what it likes.
            raise Refused(f"mlx-lm does not load it: {raised(error)}") from error
        self.model: Any = model
        try:  # Nothing is computed before it is asked for, and some kernels exist for Metal only.
            self.logits([0, 1])
        except RuntimeError as error:
            raise Refused(f"mlx-lm does not run it in {dtype}: {raised(error)}") from error
        self._stop = stop_tokens(folder)
        self.ways = (Way.PREFIX, Way.BATCH) if _has_batches() else (Way.PREFIX,)

    def logits(self, token_ids: list[int]) -> Logits:
        return self.extend(self.new_cache(), token_ids)

    def new_cache(self) -> Any:
        return self._caches.make_prompt_cache(self.model)

    def extend(self, cache: Any, token_ids: list[int]) -> Logits:
        (found,) = self.numpy(self.model(self.mx.array([token_ids]), cache=cache))
        return np.asarray(found)

    def generate(self, token_ids: list[int], max_tokens: int) -> list[int]:
        from mlx_lm.generate import generate_step

        found: list[int] = []
        for token, _ in generate_step(self.mx.array(token_ids), self.model, max_tokens=max_tokens):
            found.append(int(token))
            if token in self._stop:
                break
        return found

    def score(self, sequences: Sequences, way: Way) -> Mapping[str, Recorded]:
        return self._prefix(sequences) if way is Way.PREFIX else self._batch(sequences)

    def close(self) -> None:
        del self.model

    def numpy(self, logits: Any) -> Logits:
        return np.array(logits.astype(self.mx.float32))

    def _prefix(self, sequences: Sequences) -> dict[str, Recorded]:
        """Through `LRUPromptCache`, in which mlx-lm's server keeps what it computed.

        It is given the cache of the first part and another sequence's tail. Where that cannot be
        cut back, because a window has passed, it finds nothing; then it is given the first part.
        """
        found: dict[str, Recorded] = {}
        for name, ids in sequences.items():
            if len(ids) < 2:
                continue
            prefix, stranger = shared(ids)
            store = self._caches.LRUPromptCache()
            cache = self.new_cache()
            self.extend(cache, prefix)
            store.insert_cache(name, prefix, copy.deepcopy(cache))
            self.extend(cache, stranger)
            store.insert_cache(name, prefix + stranger, cache)
            hit, rest = store.fetch_nearest_cache(name, list(ids))
            if hit is None:
                raise Refused("mlx-lm's prompt cache does not find what it was given.")
            found[name] = recorded(ids, self.extend(hit, list(rest)), len(ids) - len(rest))
        return found

    def _batch(self, sequences: Sequences) -> dict[str, Recorded]:
        """Through the two batches that mlx-lm's server runs requests in, prompts and generation.

        Half of the sequences join the others when these have begun to generate, as requests do.
        The model is watched, and tokens are chosen by samplers that know the sequence.
        """
        batch = _Batch(self, {name: list(ids) for name, ids in sequences.items() if len(ids) > 3})
        names = list(batch.sequences)
        running = batch.started(names[::2])
        for _ in range(JOIN_AFTER):
            batch.step(running)
        running.extend(batch.started(names[1::2]))
        while len(running):
            batch.step(running)
        return {
            name: recorded(ids, np.concatenate(batch.seen[name])[: len(ids)])
            for name, ids in batch.sequences.items()
        }


class _Batch:
    """Sequences on their way through mlx-lm's batches."""

    def __init__(self, runner: MlxLmRunner, sequences: Mapping[str, list[int]]) -> None:
        self.sequences = sequences
        self.seen: dict[str, list[Logits]] = {name: [] for name in sequences}
        self._runner, self._uids = runner, list(sequences)
        self._watched = _Watched(runner.model)

    def started(self, names: Sequence[str]) -> Any:
        """First halves, prefilled together: a batch that goes on with the second halves."""
        from mlx_lm.generate import PromptProcessingBatch

        halves = {name: len(self.sequences[name]) // 2 for name in names}
        firsts = [self.sequences[name][: halves[name]] for name in names]
        batch = PromptProcessingBatch(
            model=self._watched,
            uids=[self._uids.index(name) for name in names],
            caches=[self._runner.new_cache() for _ in names],
            samplers=[
                _forced(self._runner.mx, self.sequences[name][halves[name] :]) for name in names
            ],
            logits_processors=[[] for _ in names],
            max_tokens=[len(self.sequences[name]) - halves[name] for name in names],
        )
        batch.prompt([first[:-1] for first in firsts])
        self._take(names, [len(first) - 1 for first in firsts])
        running = batch.generate([first[-1:] for first in firsts])
        self._take(names, [1] * len(names))
        return running

    def step(self, running: Any) -> None:
        """One token of each."""
        now = [self._uids[uid] for uid in running.uids]
        running.next()
        self._take(now, [1] * len(now))

    def _take(self, names: Sequence[str], lengths: Sequence[int]) -> None:
        """Keeps the logits since the last time: of these rows, so many tokens each."""
        steps = [self._runner.numpy(step) for step in self._watched.taken()]
        whole = np.concatenate(steps, axis=1)  # [batch, tokens, vocabulary]
        for name, row, length in zip(names, whole, lengths, strict=True):
            self.seen[name].append(row[:length])


class _Watched:
    """A model whose logits are kept; all else of it is its own."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._logits: list[Any] = []

    def __call__(self, *given: Any, **named: Any) -> Any:
        found = self._model(*given, **named)
        self._logits.append(found)
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def taken(self) -> list[Any]:
        taken, self._logits = self._logits, []
        return taken


def _forced(mx: Any, tokens: Sequence[int]) -> Callable[[Any], Any]:
    """A sampler that says these tokens, one at a call, and the last again after them."""
    left = list(tokens)

    def sampler(logprobs: Any) -> Any:
        return mx.array([left.pop(0) if len(left) > 1 else left[0]])

    return sampler


def _has_batches() -> bool:
    """Whether this mlx-lm has a batch of prompts and one that generates."""
    # The package has a function of the module's name.
    module = importlib.import_module("mlx_lm.generate")
    return all(hasattr(module, name) for name in ("PromptProcessingBatch", "GenerationBatch"))
