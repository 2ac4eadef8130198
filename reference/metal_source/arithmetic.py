"""Expressions of sizes and strides: arithmetic, comparisons, `a if b else c`, and nothing else.

ceil_div(max_seq_len, 512) * num_heads
sliding_window if has_sliding_window else -1
stride(query, 0)
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

Number = int | float

_BINARY: Mapping[type[ast.operator], Callable[[Any, Any], Number]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
_COMPARISONS: Mapping[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_FUNCTIONS: Mapping[str, Callable[..., Number]] = {
    "min": min,
    "max": max,
    "ceil_div": lambda a, b: -(-a // b),
}
STRIDE = "stride"

Strides = Callable[[str, int], int]
"""Stride in elements of an axis of an array."""


class ExpressionError(ValueError):
    """An expression is none, or cannot be computed; the end of a sentence."""


@dataclass(frozen=True)
class Expression:
    """A checked expression.

    Attributes:
        text: as it was written.
        names: what it is computed from.
        arrays: those whose strides it asks for.
    """

    text: str
    tree: ast.expr
    names: frozenset[str]
    arrays: frozenset[str]

    def value(self, known: Mapping[str, Number], strides: Strides) -> Number:
        """What it comes to. Raises ExpressionError for a division by 0 and the like."""
        try:
            return _value(self.tree, known, strides)
        except (ZeroDivisionError, OverflowError, IndexError, TypeError) as error:
            raise ExpressionError(f"{self.text!r} cannot be computed: {error}") from error

    def whole(self, known: Mapping[str, Number], strides: Strides) -> int:
        """As `value`, for what must be an integer."""
        found = self.value(known, strides)
        if found != int(found):
            raise ExpressionError(f"{self.text!r} is {found}, and must be a whole number")
        return int(found)


def parse(text: object) -> Expression:
    """An expression, of a text or of a number.

    Raises:
        ExpressionError: it holds something else than arithmetic.
    """
    if not isinstance(text, str | int | float):
        raise ExpressionError(f"{text!r} is no expression")
    try:
        tree = ast.parse(str(text), mode="eval").body
    except (SyntaxError, ValueError) as error:
        raise ExpressionError(f"{text!r} is no expression") from error
    names: set[str] = set()
    arrays: set[str] = set()
    _check(tree, str(text), names, arrays)
    return Expression(str(text), tree, frozenset(names), frozenset(arrays))


def _check(node: ast.expr, text: str, names: set[str], arrays: set[str]) -> None:
    parts: Collection[ast.expr]
    match node:
        case ast.Constant(value=int() | float()):
            parts = ()
        case ast.Name(id=name):
            names.add(name)
            parts = ()
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
            parts = (left, right)
        case ast.UnaryOp(op=ast.USub() | ast.Not(), operand=operand):
            parts = (operand,)
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _COMPARISONS:
            parts = (left, right)
        case ast.BoolOp(values=values):
            parts = values
        case ast.IfExp(test=test, body=body, orelse=orelse):
            parts = (test, body, orelse)
        case ast.Call(func=ast.Name(id=name), args=[ast.Name(id=array), axis], keywords=[]) if (
            name == STRIDE
        ):
            arrays.add(array)
            parts = (axis,)
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in _FUNCTIONS:
            parts = args
        case _:
            raise ExpressionError(
                f"{text!r} holds {ast.unparse(node)!r}, which is no arithmetic; there are + - * / "
                f"// %, comparisons, 'a if b else c', {', '.join(_FUNCTIONS)} and "
                f"{STRIDE}(array, axis)"
            )
    for part in parts:
        _check(part, text, names, arrays)


def _value(node: ast.expr, known: Mapping[str, Number], strides: Strides) -> Number:
    def of(part: ast.expr) -> Number:
        return _value(part, known, strides)

    match node:
        case ast.Constant(value=int() | float() as value):
            return value
        case ast.Name(id=name):
            return known[name]
        case ast.BinOp(left=left, op=op, right=right):
            return _BINARY[type(op)](of(left), of(right))
        case ast.UnaryOp(op=op, operand=operand):
            return -of(operand) if isinstance(op, ast.USub) else int(not of(operand))
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return int(_COMPARISONS[type(op)](of(left), of(right)))
        case ast.BoolOp(op=op, values=values):
            every = isinstance(op, ast.And)
            return int(all(map(of, values)) if every else any(map(of, values)))
        case ast.IfExp(test=test, body=body, orelse=orelse):
            return of(body) if of(test) else of(orelse)
        case ast.Call(func=ast.Name(id=name), args=[ast.Name(id=array), axis]) if name == STRIDE:
            return strides(array, int(of(axis)))
        case ast.Call(func=ast.Name(id=name), args=args):
            return _FUNCTIONS[name](*map(of, args))
    raise AssertionError(f"{ast.unparse(node)} was checked")
