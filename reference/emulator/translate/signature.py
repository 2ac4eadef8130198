"""The parameters of a kernel function and what their attributes bind them to."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from dataclasses import dataclass

from reference.emulator.errors import CompileError
from reference.emulator.translate.structure import closing
from reference.emulator.translate.tokens import Token, place, unsupported

# Attributes that give a place in the grid (Metal specification, section 5.2.3.6), and the field of
# runtime/contract.hpp's Position.
VECTORS = {
    name: name
    for name in (
        "thread_position_in_grid",
        "threadgroup_position_in_grid",
        "thread_position_in_threadgroup",
        "threads_per_threadgroup",
        "dispatch_threads_per_threadgroup",
        "threads_per_grid",
        "threadgroups_per_grid",
    )
}
SCALARS = {
    name: name
    for name in (
        "thread_index_in_threadgroup",
        "thread_index_in_simdgroup",
        "simdgroup_index_in_threadgroup",
        "simdgroups_per_threadgroup",
        "dispatch_simdgroups_per_threadgroup",
        "threads_per_simdgroup",
        "thread_index_in_quadgroup",
        "quadgroup_index_in_threadgroup",
        "quadgroups_per_threadgroup",
    )
} | {"thread_execution_width": "threads_per_simdgroup"}


@dataclass(frozen=True)
class Parameter:
    """`kind` is "buffer", "threadgroup" or "position"; `index` is the argument index of the first
    two, and `attribute` the name of the last."""

    name: str
    kind: str
    index: int
    attribute: str
    writable: bool


@dataclass(frozen=True)
class Attribute:
    name: str
    arguments: list[Token]


def attributes(tokens: list[Token]) -> tuple[list[Token], list[Attribute]]:
    """`tokens` without their [[attributes]], and those."""
    plain: list[Token] = []
    found: list[Attribute] = []
    i = 0
    while i < len(tokens):
        if is_attribute(tokens, i):
            end = closing(tokens, i)
            found += [_attribute(part) for part in split(tokens[i + 2 : end - 1]) if part]
            i = end + 1
            continue
        plain.append(tokens[i])
        i += 1
    return plain, found


def is_attribute(tokens: list[Token], at: int) -> bool:
    return tokens[at].text == "[" and at + 1 < len(tokens) and tokens[at + 1].text == "["


def _attribute(tokens: list[Token]) -> Attribute:
    if len(tokens) > 2 and tokens[1].text == "::":  # a vendor's namespace
        tokens = tokens[2:]
    return Attribute(tokens[0].text, tokens[2:-1] if len(tokens) > 2 else [])


def split(tokens: list[Token]) -> list[list[Token]]:
    """`tokens` at the commas that stand in no bracket and in no template's arguments."""
    parts: list[list[Token]] = [[]]
    depth = 0
    i = 0
    while i < len(tokens):
        text = tokens[i].text
        if text in ("(", "[", "{"):
            end = closing(tokens, i)
            parts[-1] += tokens[i : end + 1]
            i = end + 1
            continue
        if text == "<":
            depth += 1
        elif text == ">":
            depth -= 1
        if text == "," and depth == 0:
            parts.append([])
        else:
            parts[-1].append(tokens[i])
        i += 1
    return parts


def parameters(tokens: list[Token]) -> list[Parameter]:
    """The parameters of a kernel; `tokens` is what stands between its parentheses."""
    found: list[Parameter] = []
    if not tokens or (len(tokens) == 1 and tokens[0].text == "void"):
        return found
    for part in split(tokens):
        found.append(_parameter(part, found))
    return found


def _parameter(tokens: list[Token], before: list[Parameter]) -> Parameter:
    plain, given = attributes(tokens)
    array = False
    while plain and plain[-1].text == "]":  # an array as parameter: T name[N]
        opening = max(i for i, t in enumerate(plain) if t.text == "[")
        plain = plain[:opening]
        array = True
    names = [t for t in plain if t.kind == "identifier"]
    if not names:
        raise CompileError(f"{place(tokens[0])}: a kernel's parameter has no name")
    name = names[-1].text
    texts = [t.text for t in plain]
    pointer = array or "*" in texts or "&" in texts
    writable = "constant" not in texts and "const" not in texts
    for attribute in given:
        if attribute.name in ("buffer", "threadgroup"):
            index = integer_argument(attribute, tokens[0])
            return Parameter(name, attribute.name, index, "", writable)
        if attribute.name in VECTORS or attribute.name in SCALARS:
            return Parameter(name, "position", 0, attribute.name, False)
        if attribute.name not in ("function_constant", "maybe_unused", "clang"):
            raise unsupported(f"the attribute [[{attribute.name}]] of a parameter", tokens[0])
    if not pointer:
        raise unsupported(f"the kernel's parameter {name!r} without an attribute", tokens[0])
    kind = "threadgroup" if "threadgroup" in texts else "buffer"
    taken = {p.index for p in before if p.kind == kind}
    index = next(i for i in range(len(taken) + 1) if i not in taken)
    return Parameter(name, kind, index, "", writable)


_OPERATIONS: dict[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.LShift: operator.lshift,
    ast.BitOr: operator.or_,
}


def integer_argument(attribute: Attribute, near: Token) -> int:
    """The argument of [[buffer(700 + 0)]]: an integer literal, or a sum or the like of some.

    Raises CompileError for anything else.
    """
    text = " ".join(t.text.rstrip("uUlL") or t.text for t in attribute.arguments)

    def value(node: ast.AST) -> int:
        if isinstance(node, ast.Constant) and type(node.value) is int:
            return node.value
        if isinstance(node, ast.BinOp) and type(node.op) in _OPERATIONS:
            return _OPERATIONS[type(node.op)](value(node.left), value(node.right))
        raise ValueError

    try:
        return value(ast.parse(text.strip(), mode="eval").body)
    except (SyntaxError, ValueError):
        message = f"[[{attribute.name}({text})]], not an integer of literals,"
        raise unsupported(message, near) from None
