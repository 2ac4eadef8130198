"""Reads the TOML file that says how somebody's kernels are called.

What is wrong in it is told in one sentence with the place of the key, when it is read: no kernel is
compiled for a file that cannot be right.
"""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from string import Formatter
from typing import Any, TypeVar

from reference.emulator.checks import parse_checks
from reference.metal_source.arithmetic import Expression, ExpressionError, parse
from reference.metal_source.layout import PLAIN, Layout, layout
from reference.metal_source.spec import (
    ARRAYS,
    BUFFER_DTYPES,
    CACHES,
    DTYPES,
    METAL,
    NAMES,
    SIZES,
    Buffer,
    Dispatch,
    Spec,
    SpecError,
    Temporary,
)

_T = TypeVar("_T")

TOP = ("name", "checks", "deadline", "include_folders", "defines", "capabilities", "types", "let")
TABLES = ("layouts", "temporaries", "one_query_per_row")
DISPATCH = (
    "file",
    "function",
    "function_constants",
    "buffers",
    "threadgroup_memory",
    "threadgroups",
    "threads",
    "threads_per_threadgroup",
    "when",
)
CAPABILITIES = ("dtypes", "head_sizes", "block_sizes", "features")


def read(path: Path) -> Spec:
    """The file at `path`.

    Raises:
        SpecError: it is missing, no TOML, or says what cannot be.
    """
    try:
        found = tomllib.loads(path.read_text())
    except OSError as error:
        raise SpecError(f"{path} cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SpecError(f"{path} is no TOML: {error}.") from error
    return _Reader(path).spec(found)


class _Reader:
    """Reads one file; every error names it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._let: Mapping[str, Expression] = {}
        self._temporaries: Mapping[str, Temporary] = {}

    def spec(self, found: Mapping[str, Any]) -> Spec:
        self._known("", found, (*TOP, *TABLES, *ARRAYS))
        missing = [name for name in ("paged_attention", "reshape_and_cache") if name not in found]
        if missing:
            raise self._wrong(missing[0], "is missing: there must be a dispatch of it")
        capabilities = self._capabilities(found)
        self._let = {
            name: self._expression(f"let.{name}", text)
            for name, text in self._table("let", found.get("let", {})).items()
        }
        for at, (name, expression) in enumerate(self._let.items()):
            allowed = (*SIZES, *list(self._let)[:at])
            self._names(f"let.{name}", expression, allowed, ())
        self._temporaries = {
            name: self._temporary(f"temporaries.{name}", given)
            for name, given in self._table("temporaries", found.get("temporaries", {})).items()
        }
        types = METAL | self._table("types", found.get("types", {}))
        self._known("types.", types, DTYPES)
        one_query = found.get("one_query_per_row", False)
        if not isinstance(one_query, bool):
            raise self._wrong("one_query_per_row", f"is {one_query!r}; expected true or false")
        checks = found.get("checks", "bounds,races,uninitialized")
        try:
            parse_checks(checks)
        except ValueError as error:
            raise self._wrong("checks", f"is {checks!r}: {error}") from error
        return Spec(
            name=str(found.get("name", self._path.stem)),
            checks=str(checks),
            deadline=self._number("deadline", found.get("deadline", 60)),
            include_folders=tuple(
                self._folder(f"include_folders[{at}]", name)
                for at, name in enumerate(self._list("include_folders", found))
            ),
            defines=tuple(map(str, self._list("defines", found))),
            capabilities=capabilities,
            types=types,
            let=self._let,
            layouts=self._layouts(found),
            temporaries=self._temporaries,
            one_query_per_row=one_query,
            operations={
                operation: self._dispatches(operation, found[operation])
                for operation in ARRAYS
                if operation in found
            },
        )

    def _capabilities(self, found: Mapping[str, Any]) -> dict[str, Any]:
        if "capabilities" not in found:
            raise self._wrong("capabilities", "is missing: what the kernels do, and no more")
        said = self._table("capabilities", found["capabilities"])
        self._known("capabilities.", said, CAPABILITIES)
        for name, value in said.items():
            if not isinstance(value, list):
                raise self._wrong(f"capabilities.{name}", f"is {value!r}; expected a list")
        said.setdefault("features", [])
        said["features"] = [f for f in said["features"] if f != "copy-blocks"]
        if "copy_blocks" in found:
            said["features"].append("copy-blocks")
        return said

    def _layouts(self, found: Mapping[str, Any]) -> dict[str, Layout]:
        said = self._table("layouts", found.get("layouts", {}))
        self._known("layouts.", said, CACHES)
        layouts = dict.fromkeys(CACHES, PLAIN)
        for name, words in said.items():
            layouts[name] = self._in(f"layouts.{name}", functools.partial(layout, words))
            for axis in layouts[name].axes:
                if axis.size is not None:
                    self._names(f"layouts.{name}", axis.size, (*SIZES, *self._let), ())
        return layouts

    def _temporary(self, key: str, given: Any) -> Temporary:
        said = self._table(key, given)
        self._known(f"{key}.", said, ("dtype", "shape", "fill"))
        dtype = said.get("dtype")
        if dtype not in (*BUFFER_DTYPES, "query"):
            raise self._wrong(f"{key}.dtype", f"is {dtype!r}; there are {_list(BUFFER_DTYPES)}")
        fill = said.get("fill")
        return Temporary(
            str(dtype),
            self._expressions(f"{key}.shape", said.get("shape")),
            None if fill is None else self._expression(f"{key}.fill", fill),
        )

    def _dispatches(self, operation: str, given: Any) -> tuple[Dispatch, ...]:
        if not isinstance(given, list) or not given:
            raise self._wrong(operation, f"must be a list of dispatches: [[{operation}]]")
        return tuple(
            self._dispatch(operation, f"{operation}[{at}]", self._table(f"{operation}[{at}]", each))
            for at, each in enumerate(given)
        )

    def _dispatch(self, operation: str, key: str, said: Mapping[str, Any]) -> Dispatch:
        self._known(f"{key}.", said, DISPATCH)
        for name in ("file", "function", "buffers", "threads_per_threadgroup"):
            if name not in said:
                raise self._wrong(f"{key}.{name}", "is missing")
        groups = "threadgroups" in said
        if groups == ("threads" in said):
            raise self._wrong(f"{key}.threadgroups", "or threads must say the grid, one of them")
        grid = "threadgroups" if groups else "threads"
        file = self._path.parent / str(said["file"])
        if not file.is_file():
            raise self._wrong(f"{key}.file", f"is {said['file']!r}, and {file} is no file")
        constants = self._table(f"{key}.function_constants", said.get("function_constants", {}))
        when = said.get("when")
        dispatch = Dispatch(
            key=key,
            file=file,
            function=str(said["function"]),
            function_constants={
                int(name) if name.isdecimal() else name: self._expression(
                    f"{key}.function_constants.{name}", text
                )
                for name, text in constants.items()
            },
            buffers=self._buffers(operation, f"{key}.buffers", said["buffers"]),
            threadgroup_memory=self._expressions(
                f"{key}.threadgroup_memory", said.get("threadgroup_memory", [])
            ),
            groups=groups,
            grid=self._size(f"{key}.{grid}", said[grid]),
            threads_per_threadgroup=self._size(
                f"{key}.threads_per_threadgroup", said["threads_per_threadgroup"]
            ),
            when=None if when is None else self._expression(f"{key}.when", when),
        )
        self._names_of(operation, dispatch)
        return dispatch

    def _buffers(self, operation: str, key: str, given: Any) -> tuple[Buffer, ...]:
        if not isinstance(given, list):
            raise self._wrong(key, "must be a list, in the order of the kernel's arguments")
        found: list[Buffer] = []
        index = 0
        for at, each in enumerate(given):
            buffer = self._buffer(operation, f"{key}[{at}]", each, index)
            if buffer.index in {other.index for other in found}:
                raise self._wrong(f"{key}[{at}]", f"is a second buffer {buffer.index}")
            found.append(buffer)
            index = buffer.index + 1
        return tuple(found)

    def _buffer(self, operation: str, key: str, given: Any, index: int) -> Buffer:
        said = {"array": given} if isinstance(given, str) else self._table(key, given)
        self._known(f"{key}.", said, ("array", "value", "dtype", "strided", "index"))
        if ("array" in said) == ("value" in said):
            raise self._wrong(key, "must have an array or a value, one of them")
        array, dtype = str(said.get("array", "")), said.get("dtype", "")
        known = (*ARRAYS[operation], *self._temporaries)
        if array and array not in known:
            raise self._wrong(key, f"is the array {array!r}; {operation} has {_list(known)}")
        if dtype not in ("", *BUFFER_DTYPES) or ("value" in said and not dtype):
            raise self._wrong(f"{key}.dtype", f"is {dtype!r}; there are {_list(BUFFER_DTYPES)}")
        strided = bool(said.get("strided", False))
        if strided and (dtype or array not in ("query", "key", "value")):
            raise self._wrong(f"{key}.strided", "is for query, key and value, as they are")
        return Buffer(
            int(self._number(f"{key}.index", said.get("index", index))),
            array,
            self._expression(f"{key}.value", said["value"]) if "value" in said else None,
            str(dtype),
            strided,
        )

    def _names_of(self, operation: str, dispatch: Dispatch) -> None:
        """Every expression of a dispatch is of names that there are."""
        known = (*NAMES[operation], *self._let)
        arrays = [buffer.array for buffer in dispatch.buffers if buffer.array]
        used = [
            self._temporaries[b.array] for b in dispatch.buffers if b.array in self._temporaries
        ]
        expressions = [
            *dispatch.function_constants.values(),
            *(buffer.value for buffer in dispatch.buffers),
            *dispatch.threadgroup_memory,
            *dispatch.grid,
            *dispatch.threads_per_threadgroup,
            dispatch.when,
            *(part for temporary in used for part in (*temporary.shape, temporary.fill)),
        ]
        for expression in expressions:
            if expression is not None:
                self._names(dispatch.key, expression, known, arrays)
        try:
            words = [name for _, name, _, _ in Formatter().parse(dispatch.function)]
        except ValueError as error:
            raise self._wrong(f"{dispatch.key}.function", f"is no name: {error}") from error
        for name in words:
            if name is not None and name not in (*known, "dtype"):
                raise self._wrong(
                    f"{dispatch.key}.function", f"names {{{name}}}; there are {_list(known)}, dtype"
                )

    def _names(
        self, key: str, expression: Expression, known: Collection[str], arrays: Collection[str]
    ) -> None:
        for name in sorted(expression.names - set(known)):
            raise self._wrong(
                key, f"names {name!r} in {expression.text!r}; there are {_list(known)}"
            )
        for name in sorted(expression.arrays - set(arrays)):
            raise self._wrong(
                key, f"asks for the stride of {name!r}; its buffers are {_list(arrays) or 'none'}"
            )

    def _size(self, key: str, given: Any) -> tuple[Expression, ...]:
        found = self._expressions(key, given)
        if not 1 <= len(found) <= 3:
            raise self._wrong(key, f"has {len(found)} numbers; expected 1 to 3")
        return found

    def _expressions(self, key: str, given: Any) -> tuple[Expression, ...]:
        if not isinstance(given, list):
            raise self._wrong(key, f"is {given!r}; expected a list of expressions")
        return tuple(self._expression(f"{key}[{at}]", text) for at, text in enumerate(given))

    def _expression(self, key: str, text: Any) -> Expression:
        return self._in(key, functools.partial(parse, text))

    def _in(self, key: str, made: Callable[[], _T]) -> _T:
        try:
            return made()
        except ExpressionError as error:
            raise self._wrong(key, str(error), colon=True) from error

    def _number(self, key: str, given: Any) -> float:
        if isinstance(given, bool) or not isinstance(given, int | float) or given < 0:
            raise self._wrong(key, f"is {given!r}; expected a number")
        return given

    def _list(self, key: str, found: Mapping[str, Any]) -> list[Any]:
        given = found.get(key, [])
        if not isinstance(given, list):
            raise self._wrong(key, f"is {given!r}; expected a list")
        return given

    def _folder(self, key: str, name: Any) -> Path:
        folder = self._path.parent / str(name)
        if not folder.is_dir():
            raise self._wrong(key, f"is {name!r}, and {folder} is no folder")
        return folder

    def _table(self, key: str, given: Any) -> dict[str, Any]:
        if not isinstance(given, dict):
            raise self._wrong(key, f"is {given!r}; expected a table")
        return dict(given)

    def _known(self, prefix: str, found: Mapping[str, Any], known: Sequence[str]) -> None:
        for name in found:
            if name not in known:
                raise self._wrong(f"{prefix}{name}", f"is no key; there are {_list(known)}")

    def _wrong(self, key: str, what: str, *, colon: bool = False) -> SpecError:
        return SpecError(f"{self._path}: {key}{':' if colon else ''} {what}.")


def _list(names: Collection[str]) -> str:
    return ", ".join(names)
