"""A wish to stop, from the keyboard or from another process, that does not get lost.

Python raises KeyboardInterrupt wherever the main thread happens to be. Garbage collection runs
callbacks of weak references between any two lines, and what is raised in one of those is printed
and forgotten: one run in eighty was seen to go on.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType


class Interruption:
    """Notes, from `watch` to `ignore`, that a signal asked to stop.

    Only signals that raise KeyboardInterrupt are watched, and they raise it as before.
    """

    def __init__(self) -> None:
        self._asked = False
        self._watched: list[signal.Signals] = []

    def watch(self) -> None:
        """Begin; outside the main thread, which alone gets signals, there is nothing to watch."""
        if threading.current_thread() is not threading.main_thread():
            return
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) is signal.default_int_handler:
                signal.signal(number, self._ask)
                self._watched.append(number)

    def ignore(self) -> None:
        """End, and leave the signals as they were."""
        while self._watched:
            signal.signal(self._watched.pop(), signal.default_int_handler)

    def check(self) -> None:
        """Raises KeyboardInterrupt where a signal came, once more if it was raised before."""
        if self._asked:
            raise KeyboardInterrupt

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self._asked = True
        raise KeyboardInterrupt
