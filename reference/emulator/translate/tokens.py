"""Text of the Metal Shading Language as tokens, each with its file and line."""

from __future__ import annotations

import re
from dataclasses import dataclass

from reference.emulator.errors import CompileError

_TOKEN = re.compile(
    r"""
      (?P<space>[ \t\r\f\v]+)
    | (?P<newline>\n)
    | (?P<directive>(?<![^\n])[ \t]*\#[^\n]*)
    | (?P<identifier>[A-Za-z_$][A-Za-z0-9_$]*)
    | (?P<number>\.?[0-9](?:[eEpP][+-]|'[0-9A-Za-z_]|[0-9A-Za-z_.])*)
    | (?P<string>(?:u8|[uUL])?"(?:\\.|[^"\\\n])*")
    | (?P<character>[uUL]?'(?:\\.|[^'\\\n])+')
    | (?P<punctuator><<=|>>=|->\*|\.\.\.|::|->|\+\+|--|<<|<=|>=|==|!=|&&|\|\||[-+*/%&|^]=|.)
    """,
    re.VERBOSE,
)
MOST_FILES = 4095  # more share the last number but one

_MARKER = re.compile(r'\s*#\s*(?:line\s+)?(\d+)\s+"((?:\\.|[^"\\])*)"')


@dataclass(slots=True)
class Token:
    """One token. `kind` is identifier, number, string, character, punctuator, space, newline or
    directive (a whole line that begins with #)."""

    kind: str
    text: str
    file: str
    line: int
    file_order: int = 0


@dataclass(frozen=True)
class Place:
    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


def place(token: Token) -> Place:
    return Place(token.file, token.line)


def tokenize(text: str, file: str) -> list[Token]:
    """All tokens of preprocessed text, white space included; line markers set file and line.

    `file_order` numbers the included files from 0; `file` itself comes after them.
    """
    tokens: list[Token] = []
    orders = {file: MOST_FILES}
    line = 1
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup
        assert kind is not None
        value = match.group()
        if kind == "directive" and (marker := _MARKER.match(value)) is not None:
            line, file = int(marker[1]) - 1, marker[2]  # the marker's own end of line follows
        order = orders.setdefault(file, min(len(orders) - 1, MOST_FILES - 1))
        tokens.append(Token(kind, value, file, line, order))
        if kind == "newline":
            line += 1
    return tokens


def significant(tokens: list[Token]) -> list[int]:
    """Indices of the tokens that a compiler sees."""
    return [i for i, t in enumerate(tokens) if t.kind not in ("space", "newline", "directive")]


def unsupported(construct: str, token: Token) -> CompileError:
    return CompileError(f"{place(token)}: {construct} is not supported by the emulator")
