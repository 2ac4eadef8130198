"""vLLM offline: an engine in this process whose logits are watched. For an interpreter that has it.

Ways are settings of the engine, which is started anew for each: a small budget of tokens per step
makes chunks, a small block makes prefixes that end inside short sequences. Decoding goes on with
the tokens of the sequence, not with the engine's own.
"""

from __future__ import annotations

import gc
import itertools
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from conformance.targets.runners.checkpoint import stop_tokens
from conformance.targets.runners.contract import CHUNKS, Logits, Refused, Sequences, Way, raised
from conformance.targets.runners.ways import shared
from fixtures.snapshots import Recorded, SnapshotError
from fixtures.snapshots.configurations import DEFAULT
from fixtures.snapshots.forced import PATH as FORCED
from fixtures.snapshots.record import Asked, Engine, shuffled
from fixtures.snapshots.rows import recorded

DECODED = 32
"""Tokens at a sequence's end that are decoded: a step costs as much as a whole prefill."""

PLAIN: Mapping[str, int] = {"max_num_seqs": 32}
SMALL_STEPS = [{"max_num_seqs": 4, "max_num_batched_tokens": size} for size in CHUNKS]
SMALL_BLOCKS: Mapping[str, int] = {**PLAIN, "block_size": 32}
"""The smallest block of vLLM's attention on a CPU."""


class VllmRunner:
    """A checkpoint in vLLM's own engine, without compilation."""

    name = "vllm"
    ways = tuple(Way)

    def __init__(self, folder: Path, dtype: str) -> None:
        self.dtype = dtype
        self._folder = folder
        self._salts = itertools.count()
        self._engine: Any = None
        self._sizes: Mapping[str, int] = {}
        self._with(PLAIN)

    def logits(self, token_ids: list[int]) -> Logits:
        """All logits of one sequence, where the vocabulary is small enough to be kept whole."""
        (seen,) = self._scored({"": token_ids}, Way.ONE_PASS).values()
        if seen.top_ids.shape[1] != self._engine.capture.vocabulary:
            raise Refused("Of a vocabulary this large only the likeliest logits are taken.")
        order = np.argsort(seen.top_ids, axis=1)
        return np.take_along_axis(seen.top_logits, order, axis=1)

    def generate(self, token_ids: list[int], max_tokens: int) -> list[int]:
        found = self._with(PLAIN).run({"": self._asked(token_ids, max_tokens)})[""]
        return [int(token) for token in found.token_ids[len(token_ids) :]]

    def score(self, sequences: Sequences, way: Way) -> Mapping[str, Recorded]:
        found = self._scored(sequences, way)
        return {name: self._normalised(seen) for name, seen in found.items()}

    def _normalised(self, seen: Recorded) -> Recorded:
        """As `rows.recorded` keeps rows, where the whole vocabulary was kept."""
        if seen.top_ids.shape[1] != self._engine.capture.vocabulary:
            return seen
        order = np.argsort(seen.top_ids, axis=1)
        found = recorded(
            seen.token_ids.tolist(), np.take_along_axis(seen.top_logits, order, axis=1)
        )
        return replace(found, positions=seen.positions)

    def _scored(self, sequences: Sequences, way: Way) -> Mapping[str, Recorded]:
        asked = {name: self._asked(ids) for name, ids in sequences.items()}
        if way is Way.ONE_PASS:
            return self._alone(self._with(PLAIN), asked)
        if way is Way.BATCH:
            engine = self._with(PLAIN)
            together = engine.run(shuffled(asked))
            decoded = {name: self._decoded(ids) for name, ids in sequences.items() if len(ids) > 1}
            after = engine.run(shuffled(decoded))
            return {name: _joined(seen, after.get(name)) for name, seen in together.items()}
        if way is Way.DECODE:
            decoded = {name: self._decoded(ids) for name, ids in sequences.items() if len(ids) > 1}
            found = self._alone(self._with(PLAIN), decoded)
            return {name: _from(seen, len(decoded[name].token_ids)) for name, seen in found.items()}
        if way is Way.CHUNKS:
            return self._chunked(asked)
        return self._prefix(sequences)

    def close(self) -> None:
        self._engine = None

    def _chunked(self, asked: Mapping[str, Asked]) -> dict[str, Recorded]:
        found: dict[str, Recorded] = {}
        for index, sizes in enumerate(SMALL_STEPS):
            mine = dict(itertools.islice(asked.items(), index, None, len(SMALL_STEPS)))
            found |= self._alone(self._with(sizes), mine)
        return found

    def _prefix(self, sequences: Sequences) -> dict[str, Recorded]:
        """The second part of each, after blocks that another sequence left in the prefix cache."""
        engine = self._with(SMALL_BLOCKS)
        found: dict[str, Recorded] = {}
        for name, ids in sequences.items():
            prefix, stranger = shared(ids) if len(ids) > 1 else ([], [])
            if len(prefix) < engine.block_size:
                continue
            whole = self._asked(ids)
            engine.run({name: replace(whole, token_ids=prefix + stranger)})
            found |= engine.run({name: whole}, cached=True)
        if not found:
            raise Refused("No sequence found its first part in vLLM's prefix cache.")
        return found

    def _with(self, sizes: Mapping[str, int]) -> Any:
        """The engine with these settings."""
        if self._engine is not None and sizes == self._sizes:
            return self._engine
        # What an engine leaves behind when it goes would end the groups of the next.
        self._engine = None
        gc.collect()
        self._engine, self._sizes = self._started(sizes), sizes
        return self._engine

    def _started(self, sizes: Mapping[str, int]) -> Any:
        configuration = replace(DEFAULT, name=self.dtype, dtype=self.dtype, eager=True)
        try:
            engine = Engine(
                self._folder,
                configuration,
                stop_tokens(self._folder),
                logits_processors=[FORCED],
                **sizes,
            )
        except SnapshotError as error:
            raise Refused(str(error)) from error
        except Exception as error:  # It raises what it likes.
            raise Refused(f"vLLM does not load it: {raised(error)}") from error
        # See `fixtures.snapshots.record.warm_up`: the first prompt must be no single token.
        engine.run({"": self._asked([2 + place % 64 for place in range(300)], 2)})
        return engine

    def _asked(self, token_ids: Any, generate: int = 0) -> Asked:
        return Asked([int(token) for token in token_ids], generate, f"run-{next(self._salts)}")

    def _decoded(self, token_ids: Any) -> Asked:
        """A sequence whose end is decoded."""
        first = max(len(token_ids) - DECODED, 1)
        return replace(self._asked(token_ids[:first]), forced=list(token_ids[first:]))

    @staticmethod
    def _alone(engine: Any, asked: Mapping[str, Asked]) -> dict[str, Recorded]:
        found: dict[str, Recorded] = {}
        for name, request in asked.items():
            found |= engine.run({name: request})
        return found


def _from(seen: Recorded, first: int) -> Recorded:
    """What was seen from a position on."""
    rows = seen.positions >= first
    return replace(
        seen,
        positions=seen.positions[rows],
        top_ids=seen.top_ids[rows],
        top_logits=seen.top_logits[rows],
        logsumexp=seen.logsumexp[rows],
    )


def _joined(prefilled: Recorded, decoded: Recorded | None) -> Recorded:
    """Rows as they were decoded in place of prefilled, where they were."""
    if decoded is None:
        return prefilled
    place = np.searchsorted(prefilled.positions, decoded.positions)
    found = {
        name: getattr(prefilled, name).copy() for name in ("top_ids", "top_logits", "logsumexp")
    }
    for name, rows in found.items():
        rows[place] = getattr(decoded, name)
    return replace(prefilled, **found)
