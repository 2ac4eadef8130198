"""Bodies of requests that send a file."""

from __future__ import annotations

from collections.abc import Iterable

import httpx

BOUNDARY = "maccord-7Q-maccord"


def multipart(
    fields: Iterable[tuple[str, str]], file: bytes | None, name: str = "sound.wav"
) -> tuple[bytes, dict[str, str]]:
    """Body and headers of a form.

    Args:
        fields: by name, one several times where it is a list.
        file: content of the field `file`; None leaves the field out.
    """
    parts: list[tuple[str, tuple[str | None, bytes]]] = [
        (field, (None, value.encode())) for field, value in fields
    ]
    if file is not None:
        parts.append(("file", (name, file)))
    request = httpx.Request(
        "POST",
        "http://server",
        files=parts,
        headers={"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"},
    )
    return request.read(), {"Content-Type": request.headers["Content-Type"]}
