"""Strict reading of TOML: every field is asked for by name and type, and nothing else may stand."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from conformance.targets.errors import RecipeError

_MISSING: Any = object()


class Table:
    """A TOML table that is read field by field, and knows what was never asked for.

    Each reader raises RecipeError when the field is missing or is not as described. A field with a
    default may be missing.
    """

    def __init__(self, path: Path, prefix: str, data: dict[str, Any]) -> None:
        self._path, self._prefix, self._data = path, prefix, data
        self._asked: set[str] = set()

    def error(self, field: str, expected: str) -> RecipeError:
        return RecipeError(f"{self._path}: {self._prefix}{field} must be {expected}.")

    def nothing_else(self) -> None:
        for field in sorted(self._data.keys() - self._asked):
            known = ", ".join(sorted(self._asked))
            raise RecipeError(
                f"{self._path}: {self._prefix}{field} is no field of a recipe of this kind; "
                f"here stand {known}."
            )

    def table(self, field: str) -> Table:
        value = self._get(field, _MISSING)
        if not isinstance(value, dict):
            raise self.error(field, f"a table ([{field}])")
        return Table(self._path, f"{field}.", value)

    def tables(self, field: str) -> dict[str, Table]:
        """The tables below `field` by name, none if it is missing."""
        value = self._get(field, {})
        if not isinstance(value, dict) or not all(isinstance(v, dict) for v in value.values()):
            raise self.error(field, f"a table of tables ([{self._prefix}{field}.NAME])")
        prefix = f"{self._prefix}{field}."
        return {name: Table(self._path, f"{prefix}{name}.", data) for name, data in value.items()}

    def text(self, field: str, default: str = _MISSING, *, pattern: str = r"(?s).*") -> str:
        value = self._get(field, default)
        required = default is _MISSING
        if not isinstance(value, str) or (required and not value.strip()):
            raise self.error(field, "a string" + (" that is not empty" if required else ""))
        if not re.fullmatch(pattern, value):
            raise self.error(field, f"a string of the form {pattern}, not {value!r}")
        return value

    def texts(self, field: str, default: tuple[str, ...] = _MISSING) -> tuple[str, ...]:
        if default is not _MISSING and field not in self._data:
            self._asked.add(field)
            return default
        value = self._get(field, _MISSING)
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.error(field, "a list of strings")
        if default is _MISSING and not value:
            raise self.error(field, "a list with at least one string")
        return tuple(value)

    def text_map(self, field: str) -> dict[str, str]:
        value = self._get(field, {})
        if not isinstance(value, dict) or not all(isinstance(v, str) for v in value.values()):
            raise self.error(field, "a table of strings")
        return dict(value)

    def number(self, field: str) -> float:
        value = self._get(field, _MISSING)
        if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
            raise self.error(field, "a number greater than 0")
        return float(value)

    def choice(self, field: str, allowed: tuple[str, ...]) -> str:
        value = self.text(field)
        if value not in allowed:
            raise self.error(field, f"one of {', '.join(allowed)}, not {value!r}")
        return value

    def choices(self, field: str, allowed: tuple[str, ...]) -> tuple[str, ...]:
        values = self.texts(field)
        for value in values:
            if value not in allowed:
                raise self.error(field, f"a list of {', '.join(allowed)}, not {value!r}")
        return values

    def _get(self, field: str, default: Any) -> Any:
        self._asked.add(field)
        value = self._data.get(field, default)
        if value is _MISSING:
            raise RecipeError(f"{self._path}: {self._prefix}{field} is missing.")
        return value
