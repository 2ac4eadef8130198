"""Embeddings asked for, read from answers, and compared.

Two vectors are the same where their cosine distance is within the bound of the fixture model's
golden (`fixtures/goldens/tasks`): twice what bfloat16 was measured to be off. For another model it
is the same number, for want of its own.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from openai.types import CreateEmbeddingResponse

from conformance.api import expect
from conformance.outcomes import Failed, Inconclusive, Silent
from conformance.targets.client import Client, Response
from conformance.targets.server import ServerTarget, short_name
from fixtures.goldens.tasks import TaskGolden, load

Vectors = NDArray[np.float64]
Input = str | Sequence[str] | Sequence[int] | Sequence[Sequence[int]]

FIXTURE = "bert-embedding"
SAME = load(FIXTURE).bound
"""Cosine distance."""

UNIT = 1e-3
"""How far a length may be from 1: vectors are of 16 bits before they are made unit vectors, which
in float32 is exact to 1e-6; one that was rounded to bfloat16 afterwards is within 2^-8 / 4."""


class Embedder:
    """Requests for embeddings to one target."""

    def __init__(self, client: Client, target: ServerTarget) -> None:
        self.client, self.target = client, target

    def post(self, input: Input | None, /, **more: Any) -> Response:
        """POST /embeddings; `input` None leaves the field out."""
        own = {} if input is None else {"input": input}
        return self.client.post("/embeddings", {"model": self.target.model, **own, **more})

    def ask(self, input: Input | None, /, **more: Any) -> Vectors:
        """The vectors of a valid request, `[N, size]`. Raises as `vectors`."""
        return vectors(self.post(input, **more))

    def golden(self) -> TaskGolden:
        """What PyTorch makes of the fixture's texts.

        Raises:
            Inconclusive: the served model is another one.
        """
        return golden_of(self.target, FIXTURE)


def golden_of(target: ServerTarget, fixture: str) -> TaskGolden:
    """The golden of a fixture model, where it is the one that is served.

    Raises:
        Inconclusive: it is not.
    """
    if short_name(target.model) != fixture:
        raise Inconclusive(
            f"What is right is known of {fixture} only: serving that model would decide",
            cause=f"Needs the model {fixture}",
        )
    return load(fixture)


def answer(response: Response) -> CreateEmbeddingResponse:
    """A 200 that is, strictly, the client's type. Raises as `expect.ok`, and Failed."""
    expect.ok(response)
    return expect.typed_json(response.body, CreateEmbeddingResponse)


def vectors(response: Response) -> Vectors:
    """The vectors of an answer, `[N, size]`, by index.

    Raises:
        Unsupported: the request is refused honestly.
        Failed: they are not of one size, not finite, or their indices not 0, 1, 2, …
    """
    data = answer(response).data
    if [each.index for each in data] != list(range(len(data))):
        raise Failed(
            "The embeddings are not numbered in order",
            expected=list(range(len(data))),
            actual=[each.index for each in data],
        )
    return table([each.embedding for each in data])


def table(rows: Sequence[Sequence[float]]) -> Vectors:
    """Rows of numbers as an array, `[N, size]`. Raises Failed as `vectors`."""
    sizes = {len(row) for row in rows}
    if len(sizes) != 1 or 0 in sizes:
        raise Failed("The vectors are not of one size", expected="one size", actual=sorted(sizes))
    found = np.array(rows, dtype=np.float64)
    if not np.isfinite(found).all():
        raise Failed("A vector holds what is no number", expected="finite numbers", actual="NaN")
    return found


def encoded(response: Response, dtype: str = "<f4") -> Vectors:
    """The vectors of an answer in base64, `[N, size]`.

    Args:
        dtype: of the encoded numbers, as NumPy writes it; "bfloat16" too.

    Raises:
        Unsupported: the request is refused honestly.
        Silent: the numbers came in JSON.
        Failed: they are no base64 of such numbers.
    """
    return encoded_as(response, "embedding", dtype)


def encoded_as(response: Response, field: str, dtype: str) -> Vectors:
    """As `encoded`, for an operation that calls the vector `field`."""
    data = expect.ok(response).get("data")
    entries = data if isinstance(data, list) else []
    texts: list[Any] = [each.get(field) for each in entries if isinstance(each, dict)]
    if any(isinstance(text, list) for text in texts):
        raise Silent(
            "`encoding_format: base64` is accepted and ignored",
            expected="a base64 string",
            actual="a list of numbers",
        )
    if not texts or not all(isinstance(text, str) for text in texts):
        raise Failed("There is no vector in base64", expected=f"data[].{field}", actual=data)
    return table([_decoded(text, dtype) for text in texts])


def _decoded(text: str, dtype: str) -> list[float]:
    try:
        raw = base64.b64decode(text, validate=True)
        if dtype == "bfloat16":  # the upper half of a float32
            halves = np.frombuffer(raw, dtype="<u2").astype(np.uint32) << 16
            return [float(value) for value in halves.view(np.float32)]
        return [float(value) for value in np.frombuffer(raw, dtype=dtype)]
    except (binascii.Error, ValueError) as error:
        raise Failed(
            "An embedding is not base64 of the numbers that were asked for",
            expected=f"base64 of {dtype}",
            actual=f"{error}: {text[:60]}",
        ) from None


def distance(one: Vectors, other: Vectors) -> float:
    """The largest cosine distance between two lists of vectors, row by row.

    Raises:
        Failed: they are not as many, or not of one size.
    """
    if one.shape != other.shape:
        raise Failed(
            "The vectors are not as many, or not as long, as expected",
            expected=list(other.shape),
            actual=list(one.shape),
        )
    norms = np.linalg.norm(one, axis=-1) * np.linalg.norm(other, axis=-1)
    if not norms.all():
        raise Failed("A vector is zero", expected="numbers other than 0", actual="0")
    return float((1 - (one * other).sum(-1) / norms).max())


def same(found: Vectors, wanted: Vectors, *, what: str, bound: float = SAME) -> None:
    """Two lists of vectors point the same way, row by row.

    Args:
        what: names what was done, to begin the sentence "… changes the vector".
    """
    apart = distance(found, wanted)
    if apart > bound:
        raise Failed(
            f"{what} changes the vector",
            expected=f"cosine distance of at most {bound:.1e}",
            actual=f"{apart:.1e}",
        )


def effective(changed: Vectors, plain: Vectors, *, what: str) -> None:
    """A parameter had an effect on the vector.

    Raises:
        Silent: it had none.
    """
    if changed.shape == plain.shape and distance(changed, plain) <= SAME:
        raise Silent(
            f"{what} is accepted and ignored",
            expected=f"a vector at a cosine distance of more than {SAME:.1e}",
            actual=f"{distance(changed, plain):.1e}",
        )


def of_length_one(found: Vectors) -> None:
    """Every vector has length 1. Raises Failed."""
    lengths = np.linalg.norm(found, axis=-1)
    worst = float(lengths[np.abs(lengths - 1).argmax()])
    if abs(worst - 1) > UNIT:
        raise Failed("A vector is not of length 1", expected=f"1 ± {UNIT}", actual=f"{worst:.6f}")
