"""The operations and parameters that the installed `openai` client knows, read from its code.

Each method of a resource sends one request, and names its verb, its path, the typed dictionary of
its parameters and the type of its answer in one call: `self._post("/embeddings", body=…,
cast_to=…)`. That call is read, not executed: no method needs arguments made up for it.
"""

from __future__ import annotations

import ast
import functools
import inspect
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import openai
import typing_extensions
from openai._resource import SyncAPIResource
from pydantic import BaseModel

from fixtures.openai import plain
from fixtures.openai.kinds import kinds

VERBS = {
    "_get": "GET", "_post": "POST", "_put": "PUT", "_patch": "PATCH", "_delete": "DELETE",
    "_get_api_list": "GET",
}  # fmt: skip
"""The client's own methods that send a request. The last one may be told another verb."""


@dataclass(frozen=True)
class Parameter:
    """A parameter of an operation as the client names it on the wire, and what it may hold
    (`fixtures.openai.kinds`)."""

    name: str
    required: bool
    kinds: frozenset[str]


@dataclass(frozen=True)
class ClientOperation:
    """What one method of the client sends; `name` is its place in the tree of resources.

    `answer` is the model of a JSON answer, None where it is not JSON or depends on the request.
    """

    name: str
    method: str
    path: str
    parameters: tuple[Parameter, ...]
    answer: type[BaseModel] | None

    @property
    def route(self) -> tuple[str, str]:
        """Method and path, without the names of parameters."""
        return self.method, plain(self.path)


@cache
def operations() -> dict[tuple[str, str], ClientOperation]:
    """Every operation of the client, by its route; of several methods the one without `beta`."""
    found: dict[tuple[str, str], ClientOperation] = {}
    for name, function in _methods(openai.OpenAI(api_key="none"), ""):
        for call in _calls(function):
            operation = _operation(name, function, call)
            known = found.setdefault(operation.route, operation)
            if known.name.startswith("beta.") and not name.startswith("beta."):
                found[operation.route] = operation
    return found


@cache
def named(name: str) -> ClientOperation:
    """One operation of the client by its dotted name; all of them take a second to read."""
    *above, method = name.split(".")
    resource = functools.reduce(getattr, above, openai.OpenAI(api_key="none"))
    function = inspect.unwrap(inspect.getattr_static(type(resource), method))
    return _operation(name, function, next(_calls(function)))


def _methods(resource: object, name: str) -> Iterator[tuple[str, Callable[..., Any]]]:
    """The public methods of a resource and of those below it, by their dotted names."""
    for attribute, value in inspect.getmembers_static(type(resource)):
        dotted = f"{name}.{attribute}" if name else attribute
        if attribute.startswith("_"):
            continue
        if inspect.isfunction(value):
            yield dotted, inspect.unwrap(value)
        elif not attribute.startswith("with_") and hasattr(value, "__get__"):
            below = getattr(resource, attribute)
            if isinstance(below, SyncAPIResource):
                yield from _methods(below, dotted)


def _calls(function: Callable[..., Any]) -> Iterator[ast.Call]:
    """The calls in a method that send a request."""
    for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(function)))):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in VERBS
            and ast.unparse(node.func.value) == "self"
        ):
            yield node


def _operation(name: str, function: Callable[..., Any], call: ast.Call) -> ClientOperation:
    assert isinstance(call.func, ast.Attribute)
    told = {keyword.arg: keyword.value for keyword in call.keywords}
    method = VERBS[call.func.attr]
    if "method" in told:
        method = str(ast.literal_eval(told["method"])).upper()
    template = call.args[0]
    while isinstance(template, ast.Call):  # path_template("/files/{file_id}", file_id=file_id)
        template = template.args[0]
    path = str(ast.literal_eval(template))
    answer = told.get("page") or told.get("cast_to")
    return ClientOperation(
        name,
        method,
        path,
        (*_in_path(path), *_typed(function)),
        _model(function, answer) if answer else None,
    )


def _in_path(path: str) -> list[Parameter]:
    """The parameters that a path's template names."""
    return [Parameter(piece.partition("}")[0], True, kinds(str)) for piece in path.split("{")[1:]]


def _typed(function: Callable[..., Any]) -> list[Parameter]:
    """The parameters of the typed dictionaries that `maybe_transform` is given for this request.

    A field of several is required where all of them require it.
    """
    found: dict[str, Parameter] = {}
    for typed in _dictionaries(function):
        for each in _fields(typed):
            known = found.get(each.name, each)
            required = each.required and known.required
            found[each.name] = Parameter(each.name, required, each.kinds | known.kinds)
    return list(found.values())


def _dictionaries(function: Callable[..., Any]) -> Iterator[Any]:
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and ast.unparse(node.func) == "maybe_transform"):
            continue
        choice = node.args[1]
        either = [choice.body, choice.orelse] if isinstance(choice, ast.IfExp) else [choice]
        for each in either:
            typed = _value(function, each)
            yield from get_args(typed) or [typed]


def _fields(typed: Any) -> Iterator[Parameter]:
    """The fields of a typed dictionary."""
    for name, hint in get_type_hints(typed, include_extras=True).items():
        required = typed.__total__ and name in typed.__annotations__
        while get_origin(hint) in _QUALIFIERS:
            required = required or get_origin(hint) is typing_extensions.Required
            for note in getattr(hint, "__metadata__", ()):
                name = getattr(note, "alias", None) or name
            hint = get_args(hint)[0]
        yield Parameter(name, required, kinds(hint))


_QUALIFIERS = (Annotated, typing_extensions.Required, typing_extensions.NotRequired)


def _model(function: Callable[..., Any], node: ast.expr) -> type[BaseModel] | None:
    try:
        found = _value(function, node)
    except NameError:  # chosen by an argument of the method
        return None
    return found if inspect.isclass(found) and issubclass(found, BaseModel) else None


def _value(function: Callable[..., Any], node: ast.expr) -> Any:
    """What an expression in a method names, in the method's own module."""
    code = compile(ast.Expression(node), function.__code__.co_filename, "eval")
    return eval(code, function.__globals__)
