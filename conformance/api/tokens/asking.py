"""vLLM's `/tokenize` and `/detokenize`, which lie beside the API's base path."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel

from conformance.api import expect, optional
from conformance.targets.client import Client, Response

TOKENIZE, DETOKENIZE = "/../tokenize", "/../detokenize"
"""Below the base URL, which ends in /v1."""

_Answer = TypeVar("_Answer", bound=BaseModel)


class Tokenized(BaseModel):
    """An answer of `/tokenize`."""

    count: int
    max_model_len: int
    tokens: list[int]
    token_strs: list[str] | None = None


class Detokenized(BaseModel):
    """An answer of `/detokenize`."""

    prompt: str


@dataclass(frozen=True)
class Tokens:
    """Texts and their tokens, by the target."""

    client: Client
    model: str

    def tokenize(self, **fields: Any) -> Tokenized:
        """The tokens of a `prompt` or of `messages`. Raises as `served` and `ok`."""
        response = self.client.post(TOKENIZE, {"model": self.model, **fields})
        return _read(response, Tokenized, "/tokenize")

    def detokenize(self, tokens: list[int]) -> str:
        """The text of tokens. Raises as `served` and `ok`."""
        body = {"model": self.model, "tokens": tokens}
        return _read(self.client.post(DETOKENIZE, body), Detokenized, "/detokenize").prompt


def _read(response: Response, model: type[_Answer], operation: str) -> _Answer:
    expect.ok(optional.served(response, what=operation))
    return expect.typed_json(response.body, model)
