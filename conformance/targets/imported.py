"""Objects that a person names as "module:object"."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

from conformance.targets.errors import TargetError


def imported(path: str) -> Any:
    """The object of "module:object"; modules of the current folder are found too.

    Raises:
        TargetError: there is none.
    """
    module, _, name = path.partition(":")
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        found: Any = importlib.import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except Exception as error:  # A module of somebody's raises what it likes.
        raise TargetError(f"{path} cannot be loaded: {type(error).__name__}: {error}") from error
    return found
