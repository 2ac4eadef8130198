"""The scripted model's logits, and the tokens of its texts."""

from __future__ import annotations

import threading
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

import fixtures.models


class Engine:
    """The model in transformers, in float32; a prefix is computed once.

    Args:
        folder: of the scripted model; by default the fixture's, whose tokenizer adds nothing.
    """

    def __init__(self, folder: Path | None = None) -> None:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        torch.set_num_threads(1)  # of a small model, threads mostly wait for each other
        self.folder = folder or fixtures.models.path("scripted")
        self._torch = torch
        self._model = AutoModelForCausalLM.from_pretrained(self.folder, dtype=torch.float32).eval()
        self.tokenizer: Any = AutoTokenizer.from_pretrained(self.folder)
        self.end = int(self._model.generation_config.eos_token_id)
        self.context = int(self._model.config.max_position_embeddings)
        self._known: dict[tuple[int, ...], np.ndarray] = {}
        self._lock = threading.Lock()

    def logits(self, ids: list[int]) -> np.ndarray:
        """Of the token after these, float64 `[vocabulary]`."""
        with self._lock:
            if tuple(ids) not in self._known:
                self._known[tuple(ids)] = self._computed(ids)[-1]
            return self._known[tuple(ids)]

    def all_logits(self, ids: list[int]) -> np.ndarray:
        """After each of these tokens, float64 `[tokens, vocabulary]`."""
        with self._lock:
            return self._computed(ids)

    def _computed(self, ids: list[int]) -> np.ndarray:
        with self._torch.inference_mode():
            return self._model(self._torch.tensor([ids])).logits[0].double().numpy()

    def encode(self, text: str, *, special: bool = False) -> list[int]:
        """Token ids of a text, with those that the tokenizer adds to each text or without."""
        found: list[int] = self.tokenizer.encode(text, add_special_tokens=special)
        return found

    def decode(self, ids: list[int], *, special: bool) -> str:
        """The text of token ids, with special tokens or without."""
        text: str = self.tokenizer.decode(ids, skip_special_tokens=not special)
        return text

    @cached_property
    def texts(self) -> list[str]:
        """Each token's own text."""
        return [self.decode([id], special=True) for id in range(len(self.tokenizer))]
