"""Finds the declarations of a file: where each begins, where its body is, and in which scope."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass

from reference.emulator.errors import CompileError
from reference.emulator.translate.tokens import Token, place

_OPEN = {"(": ")", "[": "]", "{": "}"}


@dataclass(frozen=True)
class Declaration:
    """Positions are into the list of significant tokens: [start, end), `body` is where the brace
    opens, or None. `kind` is "function", "class" or "other"."""

    kind: str
    start: int
    body: int | None
    end: int
    scope: tuple[str, ...]
    in_class: bool


def closing(tokens: list[Token], at: int) -> int:
    """The position of the bracket that closes the one at `at`."""
    opened = [tokens[at].text]
    for i in range(at + 1, len(tokens)):
        text = tokens[i].text
        if tokens[i].kind != "punctuator":
            continue
        if text in _OPEN:
            opened.append(text)
        elif text in ")]}":
            if _OPEN[opened.pop()] != text:
                raise CompileError(f"{place(tokens[i])}: {text!r} closes nothing")
            if not opened:
                return i
    raise CompileError(f"{place(tokens[at])}: {tokens[at].text!r} is not closed")


def closing_angle(tokens: list[Token], at: int) -> int:
    """The position of the > that closes the < at `at` of a template's header or arguments."""
    depth = 0
    i = at
    while i < len(tokens):
        text = tokens[i].text
        if text in _OPEN:
            i = closing(tokens, i)
        elif text == "<" and (i == at or tokens[i - 1].kind == "identifier"):
            depth += 1  # not the comparison of sizeof(T) < 8
        elif text == ">":
            depth -= 1
            if depth == 0:
                return i
        i += 1
    raise CompileError(f"{place(tokens[at])}: '<' is not closed")


def declarations(tokens: list[Token]) -> Iterator[Declaration]:
    """Every declaration at namespace and class scope; those of a class come before it."""
    yield from _scope(tokens, 0, len(tokens), (), False)


def _scope(
    tokens: list[Token], start: int, end: int, scope: tuple[str, ...], in_class: bool
) -> Iterator[Declaration]:
    i = start
    while i < end:
        text = tokens[i].text
        if text == ";":
            i += 1
            continue
        if text in ("public", "private", "protected") and tokens[i + 1].text == ":":
            i += 2
            continue
        i = yield from _declaration(tokens, i, end, scope, in_class)


def _declaration(
    tokens: list[Token], start: int, end: int, scope: tuple[str, ...], in_class: bool
) -> Generator[Declaration, None, int]:
    """The declaration at `start` and those inside it; returns where it ends."""
    i = start
    if tokens[i].text == "template" and i + 1 < end and tokens[i + 1].text == "<":
        i = closing_angle(tokens, i + 1) + 1
    head = i
    keyword = _keyword(tokens, head, end)
    seen_parenthesis = assigned = initialising = False
    while i < end:
        text = tokens[i].text
        if text == ";":
            yield Declaration("other", start, None, i + 1, scope, in_class)
            return i + 1
        if text == "{":
            close = closing(tokens, i)
            if keyword == "namespace":
                name = "".join(t.text for t in tokens[head + 1 : i])
                yield from _scope(tokens, i + 1, close, (*scope, name), False)
                return close + 1
            if keyword in ("class", "struct", "union") and not seen_parenthesis:
                name = "".join(t.text for t in tokens[head:i])
                yield from _scope(tokens, i + 1, close, (*scope, f"{name}@{start}"), True)
                after = close + 1
                while after < end and tokens[after].text != ";":
                    after += 1
                yield Declaration("class", start, i, after + 1, scope, in_class)
                return after + 1
            if keyword == "enum" or assigned or (initialising and _is_name(tokens[i - 1])):
                i = close + 1
                continue
            if not seen_parenthesis:  # brace initialisation of a variable
                i = close + 1
                continue
            yield Declaration("function", start, i, close + 1, scope, in_class)
            return close + 1
        if text in ("(", "["):
            seen_parenthesis = seen_parenthesis or text == "("
            i = closing(tokens, i) + 1
            continue
        if text == "=" and tokens[i - 1].text != "operator":
            assigned = True
        if text == ":" and seen_parenthesis:
            initialising = True
        i += 1
    yield Declaration("other", start, None, end, scope, in_class)
    return end


def _keyword(tokens: list[Token], at: int, end: int) -> str:
    """The word that says what is declared, after specifiers and attributes."""
    while at < end:
        text = tokens[at].text
        if text == "[":
            at = closing(tokens, at) + 1
        elif text in ("inline", "static", "typedef", "constexpr", "const", "extern"):
            at += 1
        else:
            return text
    return ""


def _is_name(token: Token) -> bool:
    return token.kind == "identifier" or token.text == ">"
