"""What a person needs to act on an outcome: the request as a curl line and the raw response.

Nothing secret leaves this module: header values that carry credentials become `$NAME`
placeholders, and the secret itself is replaced wherever else it turns up, a server's echo
included.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from conformance.outcomes import Level, Outcome

RESPONSE_LIMIT = 4_000
"""Characters of a response, or of a request body, that are kept as evidence."""

REDACTED = "[redacted]"
_CREDENTIAL_HEADERS = {"authorization", "api-key", "x-api-key", "proxy-authorization", "cookie"}


@dataclass(frozen=True)
class Exchange:
    """One request and what came back, as evidence.

    `status` is None when no response arrived; `response` then says what happened instead.
    """

    curl: str
    method: str
    url: str
    status: int | None
    response: str
    truncated: bool
    elapsed_s: float


@dataclass(frozen=True)
class Result:
    """What one requirement came to, with its evidence. Plain data: JSON in, JSON out."""

    id: str
    level: Level
    title: str
    why: str
    source: str
    profiles: list[str]
    outcome: Outcome
    message: str = ""
    cause: str = ""
    expected: str | None = None
    actual: str | None = None
    duration_s: float = 0.0
    exchanges: list[Exchange] = field(default_factory=list)
    waived_outcome: Outcome | None = None
    waiver_reason: str | None = None
    waiver_link: str | None = None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Result:
        waived = data.get("waived_outcome")
        return cls(
            **{
                **data,
                "level": Level(data["level"]),
                "outcome": Outcome(data["outcome"]),
                "waived_outcome": Outcome(waived) if waived else None,
                "exchanges": [Exchange(**exchange) for exchange in data["exchanges"]],
            }
        )


def redact(text: str, secrets: Iterable[str]) -> str:
    """`text` with every secret replaced, also where it stands JSON-escaped."""
    for secret in secrets:
        for form in {secret, json.dumps(secret)[1:-1]}:
            if form:
                text = text.replace(form, REDACTED)
    return text


def clip(text: str, limit: int = RESPONSE_LIMIT) -> tuple[str, bool]:
    """The first `limit` characters, and whether any were cut."""
    return (text, False) if len(text) <= limit else (text[:limit], True)


def curl_line(
    method: str,
    url: str,
    headers: dict[str, str],
    body: bytes | None,
    secrets: Iterable[str] = (),
    *,
    key_variable: str = "OPENAI_API_KEY",
) -> str:
    """A line that a person can paste to repeat the request.

    Credentials appear as `$OPENAI_API_KEY` (or `key_variable`), which the shell fills in. A body
    that is not UTF-8, or longer than the evidence limit, is described instead of shown.
    """
    parts = ["curl", "-sS", "-i", "-N"]
    if method != "GET":
        parts += ["-X", method]
    parts.append(shlex.quote(redact(url, secrets)))
    for name, value in headers.items():
        if name.lower() in _CREDENTIAL_HEADERS:
            scheme = "Bearer " if value.lower().startswith("bearer ") else ""
            parts += ["-H", f'"{name}: {scheme}${key_variable}"']
        else:
            parts += ["-H", shlex.quote(redact(f"{name}: {value}", secrets))]
    if body is not None:
        parts += ["--data-binary", shlex.quote(redact(_body_text(body), secrets))]
    return " ".join(parts)


def _body_text(body: bytes) -> str:
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return f"<{len(body)} bytes that are not UTF-8, beginning {body[:40]!r}>"
    if "\0" in text:
        return f"<{len(body)} bytes with a null byte, beginning {body[:40]!r}>"
    shown, cut = clip(text)
    return f"{shown}… <{len(body)} bytes in all>" if cut else shown
