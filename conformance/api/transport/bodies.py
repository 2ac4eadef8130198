"""Bodies of requests that are unusual, or no JSON at all."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from conformance.api.transport.usual import Usual

Make = Callable[[Usual], bytes]

KB = 1024
HUGE = 50 * KB * KB
DEEP = 100_000


def plain(usual: Usual) -> bytes:
    """The usual request as JSON."""
    return json.dumps(usual.body).encode()


def padded(usual: Usual, size: int) -> bytes:
    """The usual request with white space before its end, until it has that size."""
    data = plain(usual)
    return data[:-1] + b" " * (size - len(data)) + data[-1:]


def _with(member: str) -> Make:
    """The usual request with one more member, or one more time."""
    return lambda usual: plain(usual)[:-1] + f", {member}}}".encode()


def _saying(content: str) -> Make:
    """The usual request with another content, as it stands between quotation marks in JSON."""

    def make(usual: Usual) -> bytes:
        messages = f'[{{"role": "user", "content": "{content}"}}]'
        return _with(f'"messages": {messages}')(usual)

    return make


def _nested(before: str, after: str) -> str:
    return before * DEEP + "1" + after * DEEP


DEEPLY_NESTED: Mapping[str, Make] = {
    "array": lambda usual: b"[" * DEEP + b"]" * DEEP,
    "messages": _with(f'"messages": {_nested("[", "]")}'),
    "unknown-field": _with(f'"x": {_nested("[", "]")}'),
    "unknown-object": _with(f'"x": {_nested(chr(123) + chr(34) + "a" + chr(34) + ": ", "}")}'),
    "unended": lambda usual: b'{"messages": ' + b"[" * DEEP,
}
"""JSON that is nested more deeply than parsers go."""

NO_NUMBERS: Mapping[str, Make] = {
    "nan": _with('"temperature": NaN'),
    "infinity": _with('"temperature": Infinity'),
    "top-p-nan": _with('"top_p": NaN'),
    "overflow": _with('"temperature": 1e999'),
}
"""What is no number in JSON, or none that fits."""

SURROGATES: Mapping[str, Make] = {
    "content": _saying("a \\ud83d b"),
    "content-low": _saying("\\udc00"),
    "model": _with('"model": "\\ud800"'),
    "name": _with('"\\udfff": 1'),
}
r"""Halves of surrogate pairs, which JSON can write (`\ud800`) and no text can contain."""

NULLS: Mapping[str, Make] = {
    "between": _saying("a\\u0000b"),
    "only": _saying("\\u0000"),
    "controls": _saying("\\u0001\\u0008\\u001b\\u007f"),
}
"""Control characters, written as JSON allows."""

NO_JSON: Mapping[str, Make] = {
    "raw-null": _saying("a\0b"),
    "raw-line-end": _saying("a\nb"),
    "latin-1": lambda usual: _saying("Grüße")(usual).decode().encode("latin-1"),
    "cut-in-a-character": lambda usual: _saying("🙂")(usual).replace("🙂".encode(), b"\xf0\x9f"),
    "two-objects": lambda usual: plain(usual) + b" " + plain(usual),
    "single-quotes": lambda usual: repr(usual.body).encode(),
    "comment": lambda usual: b"/* Hi */ " + plain(usual),
    "trailing-comma": lambda usual: plain(usual)[:-1] + b",}",
    "form": lambda usual: b"model=x&messages=Hi",
}
"""Bodies that are no JSON."""


def twice(usual: Usual, name: str, first: Any) -> bytes:
    """The usual request with one member that stands twice, the usual one last."""
    return b"{" + f'"{name}": {json.dumps(first)}, '.encode() + plain(usual)[1:]
