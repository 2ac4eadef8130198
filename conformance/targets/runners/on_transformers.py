"""transformers on the CPU, in this process."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from conformance.targets.runners.contract import Logits, Refused, Sequences, Way, raised
from fixtures.snapshots import Recorded
from fixtures.snapshots.rows import recorded

SMALL = 20_000_000
"""Parameters below which one thread computes a model fastest."""


class TransformersRunner:
    """A checkpoint as `AutoModelForCausalLM`, with transformers' own caches.

    Args:
        model: one that was loaded already, as it is to be run.
    """

    name = "transformers"
    ways = (Way.BATCH,)

    def __init__(self, folder: Path, dtype: str, model: Any = None) -> None:
        import torch
        from transformers import AutoModelForCausalLM

        auto: Any = AutoModelForCausalLM  # transformers annotates it with nothing.
        self.dtype = dtype
        self._torch: Any = torch
        chosen = attention(folder)
        named = {"attn_implementation": chosen} if chosen else {}
        try:
            model = model or auto.from_pretrained(folder, dtype=getattr(torch, dtype), **named)
        except Exception as error:  # It raises what it likes.
            raise Refused(f"transformers does not load it: {raised(error)}") from error
        self.model = model.eval()
        # Threads that wait for each other take most of the time of a model this small.
        self._threads = torch.get_num_threads()
        if model.num_parameters() < SMALL:
            torch.set_num_threads(1)

    def logits(self, token_ids: list[int]) -> Logits:
        (found,) = self._forward([token_ids], use_cache=False)
        return np.asarray(found)

    def new_cache(self) -> Any:
        from transformers import DynamicCache

        cache: Any = DynamicCache  # transformers annotates it with nothing.
        return cache(config=self.model.config)

    def extend(self, cache: Any, token_ids: list[int]) -> Logits:
        (found,) = self._forward([token_ids], past_key_values=cache)
        return np.asarray(found)

    def reuse(self, cache: Any) -> Any:
        """A copy, as transformers' documentation reuses a prompt's cache."""
        return copy.deepcopy(cache)

    def generate(self, token_ids: list[int], max_tokens: int) -> list[int]:
        with self._torch.inference_mode():
            (found,) = self.model.generate(
                self._torch.tensor([token_ids]),
                attention_mask=self._torch.ones(1, len(token_ids), dtype=int),
                do_sample=False,
                max_new_tokens=max_tokens,
            )
        return [int(token) for token in found[len(token_ids) :]]

    def score(self, sequences: Sequences, way: Way) -> Mapping[str, Recorded]:
        """The batch, padded on the left as `generate` pads: first parts, then token by token.

        A sequence that has ended goes on with its last token until all have, as in `generate`.
        """
        tensor, names = self._torch.tensor, list(sequences)
        halves = {name: (len(sequences[name]) + 1) // 2 for name in names}
        longest = max(halves.values())
        pads = [longest - halves[name] for name in names]
        first = [
            [0] * pad + list(sequences[name][: halves[name]])
            for pad, name in zip(pads, names, strict=True)
        ]
        mask = tensor([[0] * pad + [1] * (longest - pad) for pad in pads])
        cache = self.new_cache()
        rows = self._forward(first, mask, past_key_values=cache)
        seen = {name: [row[pad:]] for name, row, pad in zip(names, rows, pads, strict=True)}
        for step in range(max(len(sequences[name]) - halves[name] for name in names)):
            place = {name: min(halves[name] + step, len(sequences[name]) - 1) for name in names}
            mask = self._torch.cat([mask, mask.new_ones(len(names), 1)], dim=1)
            tokens = [[sequences[name][place[name]]] for name in names]
            rows = self._forward(tokens, mask, past_key_values=cache)
            for name, row in zip(names, rows, strict=True):
                if halves[name] + step < len(sequences[name]):
                    seen[name].append(row)
        return {name: recorded(sequences[name], np.concatenate(seen[name])) for name in names}

    def close(self) -> None:
        del self.model
        self._torch.set_num_threads(self._threads)

    def _forward(
        self, token_ids: Sequence[Sequence[int]], mask: Any = None, **named: Any
    ) -> Logits:
        """Logits `[batch, tokens, vocabulary]`."""
        tokens = self._torch.tensor([list(ids) for ids in token_ids])
        if mask is not None:
            # As `generate` counts them: padding has no position.
            positions = (mask.cumsum(-1) - 1).clamp(min=0)[:, -tokens.shape[1] :]
            named |= {"attention_mask": mask, "position_ids": positions}
        with self._torch.inference_mode():
            found: Logits = self.model(tokens, **named).logits.float().numpy()
        return found


def attention(folder: Path) -> str | None:
    """The attention to ask for; None leaves the choice to transformers.

    What it chooses by default, PyTorch's `scaled_dot_product_attention`, knows neither a soft cap
    on scores nor attention sinks. For sinks transformers refuses it by itself; Gemma 2's soft cap
    is left out without a word.
    """
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    if config.get("attn_logit_softcapping") or config.get("model_type") == "gpt_oss":
        return "eager"
    return None
