"""What there is to cover: the operations that a model answers, and the parameters of each.

Operations and parameters come from the client's types; production adds its own fields to OpenAI's
operations, and operations of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from conformance.coverage import client
from fixtures.openai import BASE_PATH, plain, production
from fixtures.openai import operations as described

INFERENCE = (
    "chat.completions.create",
    "completions.create",
    "responses.create",
    "responses.retrieve",
    "responses.cancel",
    "responses.delete",
    "responses.compact",
    "responses.input_items.list",
    "responses.input_tokens.count",
    "embeddings.create",
    "audio.transcriptions.create",
    "audio.translations.create",
    "audio.speech.create",
    "images.generate",
    "images.edit",
    "images.create_variation",
    "moderations.create",
    "models.list",
    "models.retrieve",
    "models.delete",
)
"""Operations of OpenAI's that models answer or that are about them, by the client's names."""

ALIASES = {"/v1/score": "/score", "/v1/rerank": "/rerank", "/v2/rerank": "/rerank"}
"""Paths of vLLM's that are another's."""


@dataclass(frozen=True)
class Parameter:
    """A parameter: who has it, whether a request must have it, and what it may hold by either's
    types (`fixtures.openai.kinds`)."""

    name: str
    required: bool
    in_client: bool
    in_production: bool
    kinds: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Subject:
    """An operation to cover.

    `name` is the client's, or the path where only vLLM has it; `ids` are OpenAI's operationIds,
    several where the description tells the operation apart by a query.
    """

    name: str
    method: str
    path: str
    ids: tuple[str, ...]
    served: bool
    parameters: tuple[Parameter, ...]


@cache
def subjects() -> dict[str, Subject]:
    """Every operation to cover, by its name: OpenAI's first, then vLLM's own by their paths."""
    found = [_of_openai(client.named(name)) for name in INFERENCE]
    known = {(each.method, BASE_PATH + plain(each.path)) for each in found}
    for method, path in sorted(production(), key=lambda route: route[1]):
        if (method, path) not in known and path not in ALIASES:
            fields = production()[method, path]
            own = tuple(Parameter(f.name, f.required, False, True, f.kinds) for f in fields)
            found.append(Subject(path, method, path, (), True, own))
    return {subject.name: subject for subject in found}


def _of_openai(operation: client.ClientOperation) -> Subject:
    method, path = operation.route
    fields = production().get((method, BASE_PATH + path))
    own = {field.name: field for field in fields or ()}
    in_path = {piece.partition("}")[0] for piece in operation.path.split("{")[1:]}
    named = [
        Parameter(
            each.name,
            each.required,
            True,
            each.name in own or each.name in in_path,
            each.kinds | (own[each.name].kinds if each.name in own else frozenset()),
        )
        for each in operation.parameters
    ]
    names = {each.name for each in named}
    added = [
        Parameter(f.name, f.required, False, True, f.kinds)
        for f in own.values()
        if f.name not in names
    ]
    return Subject(
        operation.name,
        method,
        operation.path,
        tuple(each.id for each in described() if each.route == operation.route),
        fields is not None,
        (*named, *added),
    )
