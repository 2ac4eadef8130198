"""The process's side: a question is a line of JSON on one descriptor, an answer one on another.

Nothing here needs more than the standard library: engines import it in interpreters of their own.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from typing import Any

Answered = Callable[[Mapping[str, Any]], dict[str, Any]]

LONGEST = 300
"""Characters of an engine's own message that are told."""


class Refused(Exception):
    """What was asked is honestly not done; one sentence, the engine's own where it has one."""


class Broken(Exception):
    """It broke: it crashed, hung, or gave what may not be given; one sentence."""


def raised(error: Exception) -> str:
    """An engine's error in one line of a bearable length."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:LONGEST]}"


def serve(answered: Answered, into: str, out_of: str) -> None:
    """Answers until there are no more questions.

    Args:
        answered: what makes an answer of a question; whatever it raises is an answer, too.
        into, out_of: descriptors, as the command line has them.
    """
    with os.fdopen(int(into)) as questions, os.fdopen(int(out_of), "w") as answers:
        for line in questions:
            answers.write(json.dumps(_outcome(answered, json.loads(line))) + "\n")
            answers.flush()


def _outcome(answered: Answered, question: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return answered(question)
    except Refused as error:
        return {"refused": str(error)}
    except Broken as error:
        return {"broken": str(error)}
    except Exception as error:  # An engine raises what it likes.
        return {"broken": raised(error)}
