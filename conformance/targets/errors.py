"""What goes wrong around a target, as opposed to what the target does wrong."""

from __future__ import annotations


class TargetError(Exception):
    """A target could not be described, installed, started or reached.

    The message begins with one sentence for the person who has to act on it; a tail of a log may
    follow on lines of its own.
    """


class RecipeError(TargetError):
    """A recipe is not known, cannot be read or breaks the format; names file, field and remedy."""
