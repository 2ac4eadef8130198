"""Engines for a process of their own, each broken in one way."""

from __future__ import annotations

import importlib
import os
import signal
import sys
import time
from pathlib import Path

import numpy as np

from conformance.targets.runners.contract import Refused

VOCABULARY = 8


class Sound:
    """Logits that say which token they came after."""

    name = "sound"

    def __init__(self, folder: Path, dtype: str) -> None:
        self.folder = folder

    def logits(self, token_ids: list[int]) -> np.ndarray:
        print("a line for the log")
        return np.eye(VOCABULARY, dtype=np.float32)[token_ids]

    def generate(self, token_ids: list[int], max_tokens: int) -> list[int]:
        return [token_ids[-1]] * max_tokens


class Importing(Sound):
    """Says which of the project's packages come from the process' own folder."""

    def generate(self, token_ids: list[int], max_tokens: int) -> list[int]:
        packages = ("conformance", "fixtures", "reference")
        places = [str(importlib.import_module(name).__file__) for name in packages]
        return [int("maccord-apart-" in place) for place in places]


class Refusing(Sound):
    def __init__(self, folder: Path, dtype: str) -> None:
        raise Refused("no kernel for it")


class DyingAtBirth(Sound):
    def __init__(self, folder: Path, dtype: str) -> None:
        print("about to give up", flush=True)
        sys.exit(3)


class Crashing(Sound):
    """Dies once, of the token 7."""

    def logits(self, token_ids: list[int]) -> np.ndarray:
        if 7 in token_ids:
            print("last words", flush=True)
            os.kill(os.getpid(), signal.SIGSEGV)
        return super().logits(token_ids)


class Hanging(Sound):
    def logits(self, token_ids: list[int]) -> np.ndarray:
        time.sleep(60)
        return super().logits(token_ids)


class Babbling(Sound):
    """Writes to the pipe that answers go through, the program's last argument."""

    def logits(self, token_ids: list[int]) -> np.ndarray:
        os.write(int(sys.argv[-1]), b"hello\n")
        return super().logits(token_ids)


class NotNumbers(Sound):
    def logits(self, token_ids: list[int]) -> np.ndarray:
        return super().logits(token_ids) * np.float32("nan")


class Raising(Sound):
    def logits(self, token_ids: list[int]) -> np.ndarray:
        raise IndexError("block table too short")
