"""Runners as somebody else would write them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fixtures.models.matrix import forward


class Plain:
    """Only logits, of a real model."""

    dtype = "float32"

    def __init__(self, folder: Path) -> None:
        self.model = forward.load(folder, self.dtype)

    def logits(self, token_ids: list[int]) -> np.ndarray:
        return forward.logits(self.model, {"": token_ids})[""]


class Halved(Plain):
    """The same with logits of half their size."""

    def logits(self, token_ids: list[int]) -> np.ndarray:
        return super().logits(token_ids) / 2


class NotMine:
    """Loads nothing."""

    def __init__(self, folder: Path) -> None:
        raise NotImplementedError(f"no {folder.name} here")


class Loaded:
    """One model's runner already."""

    def logits(self, token_ids: list[int]) -> np.ndarray:
        return np.zeros((len(token_ids), 512), np.float32)


loaded = Loaded()


class WrongShape(Loaded):
    """Gives the last row only."""

    def __init__(self, folder: Path) -> None:
        pass

    def logits(self, token_ids: list[int]) -> np.ndarray:
        return super().logits(token_ids)[-1:]


class BreaksAtBirth:
    def __init__(self, folder: Path) -> None:
        self.scale = 1 / 0
