"""Kernel libraries for a process of their own: what they do to it."""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import Any

import numpy as np


class Dying:
    """Gives zeros; calls of one sequence end the process."""

    name = "dying"

    def capabilities(self) -> Any:
        return {"features": ("copy-blocks", "prefill", "sinks", "sliding-window")}

    def reshape_and_cache(self, *arrays: Any) -> None:
        raise NotImplementedError

    def copy_blocks(self, *arrays: Any) -> None:
        raise NotImplementedError("not today")

    def paged_attention(self, query: Any, *caches: Any, **named: Any) -> Any:
        if len(named["seq_lens"]) == 1:
            print("last words", file=sys.stderr, flush=True)
            os.kill(os.getpid(), signal.SIGSEGV)
        return np.zeros_like(query)


class Sleeping(Dying):
    def paged_attention(self, *arrays: Any, **named: Any) -> Any:
        time.sleep(60)


class Scalar(Dying):
    """Returns a number."""

    def paged_attention(self, *arrays: Any, **named: Any) -> Any:
        return 1.0
