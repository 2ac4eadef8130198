"""Vectors from vLLM's own operations: `/pooling`, and `/v2/embed` after Cohere's API."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from conformance.api import expect
from conformance.api.vectors import Embedder, Vectors, table
from conformance.targets.client import Response


class _Pooled(BaseModel):
    index: int
    object: str
    data: list[float]


class _PooledAnswer(BaseModel):
    object: str
    model: str
    data: list[_Pooled]


class ByType(BaseModel):
    """The vectors of an answer of `/v2/embed`, in each form that was asked for."""

    numbers: list[list[float]] | None = Field(default=None, alias="float")
    base64: list[str] | None = None
    binary: list[list[int]] | None = None
    ubinary: list[list[int]] | None = None


class _Units(BaseModel):
    input_tokens: int | None = None


class _Meta(BaseModel):
    billed_units: _Units | None = None


class Embedded(BaseModel):
    """An answer of `/v2/embed`."""

    id: str
    embeddings: ByType
    texts: list[str] | None = None
    meta: _Meta | None = None
    response_type: str

    @property
    def vectors(self) -> Vectors:
        """As numbers, `[N, size]`. Raises Failed."""
        return table(self.embeddings.numbers or [])


class Pooler(Embedder):
    """Requests to the operations of vLLM's own, beside those to /embeddings."""

    def own(self, path: str, /, **body: Any) -> Response:
        """POST `path` below the server's root, the model's name filled in."""
        return self.client.post(f"{self.client.root}{path}", {"model": self.target.model, **body})

    def pool(self, **body: Any) -> Vectors:
        """What /pooling gives for a valid request, `[N, size]`. Raises as `expect.ok`."""
        response = self.own("/pooling", **body)
        expect.ok(response)
        found = expect.typed_json(response.body, _PooledAnswer)
        expect.same(found.object, "list", what="`object`")
        expect.same({each.object for each in found.data}, {"pooling"}, what="`data[].object`")
        expect.same(
            [each.index for each in found.data], list(range(len(found.data))), what="The numbering"
        )
        return table([each.data for each in found.data])

    def embed(self, **body: Any) -> Embedded:
        """What /v2/embed gives for a valid request. Raises as `expect.ok`."""
        response = self.own("/v2/embed", **body)
        expect.ok(response)
        return expect.typed_json(response.body, Embedded)
