"""What goes wrong around a target, as opposed to what the target does wrong."""

from __future__ import annotations


class TargetError(Exception):
    """A target could not be described, installed, started or reached.

    The message begins with one sentence for the person who has to act on it; a tail of a log may
    follow on lines of its own.
    """


class NotServed(TargetError):
    """A backend cannot be had to serve one model; with another it may well be a target.

    Attributes:
        said: the message's first sentence; log: the last lines of the backend's log.
        refused: it ended, or was lost, over the model. Otherwise that is not known: it was not
            ready in time, or the model cannot be given to it.
    """

    def __init__(self, message: str, *, log: str = "", refused: bool = True) -> None:
        super().__init__(f"{message} {log}".strip() if log else message)
        self.said, self.log, self.refused = message, log, refused


class RecipeError(TargetError):
    """A recipe is not known, cannot be read or breaks the format; names file, field and remedy."""
