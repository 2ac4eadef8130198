"""Requirements on embeddings, scores and classes hold for a right server and catch each fault."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tiny_server import TinyServer

from conformance.api.classify import test_classify as classify
from conformance.api.embeddings import test_embedding as embedding
from conformance.api.embeddings import test_input as input_of
from conformance.api.embeddings import test_parameters as parameters
from conformance.api.embeddings import test_refusals as refusals
from conformance.api.rerank import test_rerank as rerank
from conformance.api.score import test_score as score
from conformance.api.scores import Asker
from conformance.api.vectors import Embedder
from conformance.outcomes import Failed, Judgement, Silent
from conformance.targets.client import Client

Case = tuple[str, Callable[..., None], tuple[Any, ...], type[Judgement]]

EMBEDDINGS: list[Case] = [
    ("first-token", embedding.test_golden, ("sentence",), Failed),
    ("no-special-tokens", embedding.test_golden, ("word",), Failed),
    ("no-order", embedding.test_distinct, (), Failed),
    ("not-unit", embedding.test_unit_length, (), Failed),
    ("counts", embedding.test_usage, (), Failed),
    ("index-zero", input_of.test_batch, (), Failed),
    ("one-less", input_of.test_batch, (), Failed),
    ("one-less", input_of.test_batch_of_many, (), Failed),
    ("averages-padding", input_of.test_batch_as_alone, (), Failed),
    ("backwards", input_of.test_batch_as_alone, (), Failed),
    ("no-special-tokens", input_of.test_tokens, (), Failed),
    ("averages-padding", input_of.test_empty_text, (), Failed),
    ("ignores-base64", parameters.test_base64, (), Silent),
    ("big-endian", parameters.test_base64, (), Failed),
    ("ignores-dimensions", parameters.test_dimensions, (32,), Silent),
    ("cuts-only", parameters.test_dimensions, (64,), Failed),
    ("ignores-special", parameters.test_without_special_tokens, (), Silent),
    ("ignores-truncation", parameters.test_truncated, (), Silent),
    ("ignores-truncation", parameters.test_truncation_side, ("left",), Silent),
    ("cuts-silently", refusals.test_too_long, (), Silent),
    ("cuts-silently", refusals.test_too_long_in_a_batch, (), Silent),
    ("takes-anything", refusals.test_refused, ("unknown-token",), Silent),
    ("takes-anything", refusals.test_refused, ("encoding-format",), Silent),
    ("takes-anything", refusals.test_refused, ("without-input",), Silent),
    ("takes-anything", refusals.test_dimensions_untrained, (), Silent),
    ("takes-any-model", refusals.test_unknown_model, (), Silent),
]

SCORES: list[Case] = [
    ("one-segment", rerank.test_golden, (), Failed),
    ("one-segment", score.test_golden, (), Failed),
    ("unordered", rerank.test_order, (), Failed),
    ("worst-first", rerank.test_order, (), Failed),
    ("ignores-top-n", rerank.test_top_n, (3,), Silent),
    ("index-of-rank", rerank.test_documents, (), Failed),
    ("index-of-rank", rerank.test_golden, (), Failed),
    ("ignores-query", rerank.test_query_matters, (), Failed),
    ("ignores-activation", rerank.test_raw, (), Silent),
    ("cuts-silently", rerank.test_too_long, (), Silent),
    ("cuts-silently", score.test_too_long, (), Silent),
    ("pairs-what-there-is", score.test_refused, ("not-as-many",), Silent),
    ("sorts-the-pair", score.test_sides, (), Silent),
]

CLASSES: list[Case] = [
    ("no-special-tokens", classify.test_golden, (), Failed),
    ("sigmoid", classify.test_sum, (), Failed),
    ("sigmoid", classify.test_golden, (), Failed),
    ("worst-label", classify.test_labels, (), Failed),
    ("no-names", classify.test_labels, (), Failed),
    ("ignores-special", classify.test_without_special_tokens, (), Silent),
    ("ignores-truncation", classify.test_cut, ("right",), Silent),
    ("cuts-silently", classify.test_too_long, (), Silent),
]


def named(cases: list[Case]) -> list[Any]:
    return [pytest.param(*case, id=f"{case[0]}-{case[1].__name__}") for case in cases]


@pytest.fixture(scope="module")
def embedders() -> Iterator[tuple[TinyServer, Embedder]]:
    with TinyServer("bert-embedding") as server, Client(server.target.base_url) as client:
        yield server, Embedder(client, server.target)


@pytest.fixture(scope="module")
def scorers() -> Iterator[tuple[TinyServer, Asker]]:
    with TinyServer("bert-reranker") as server, Client(server.target.base_url) as client:
        yield server, Asker(client, server.target)


@pytest.fixture(scope="module")
def classifiers() -> Iterator[tuple[TinyServer, Asker]]:
    with TinyServer("bert-classifier") as server, Client(server.target.base_url) as client:
        yield server, Asker(client, server.target)


def caught(
    server: TinyServer,
    asker: object,
    fault: str,
    requirement: Callable[..., None],
    arguments: tuple[Any, ...],
    outcome: type[Judgement],
) -> None:
    """The requirement holds without the fault, and comes to this outcome with it."""
    server.fault = ""
    requirement(asker, *arguments)
    server.fault = fault
    with pytest.raises(outcome):
        requirement(asker, *arguments)


@pytest.mark.parametrize(("fault", "requirement", "arguments", "outcome"), named(EMBEDDINGS))
def test_a_fault_of_embeddings_is_caught(
    embedders: tuple[TinyServer, Embedder],
    fault: str,
    requirement: Callable[..., None],
    arguments: tuple[Any, ...],
    outcome: type[Judgement],
) -> None:
    caught(*embedders, fault, requirement, arguments, outcome)


@pytest.mark.parametrize(("fault", "requirement", "arguments", "outcome"), named(SCORES))
def test_a_fault_of_scores_is_caught(
    scorers: tuple[TinyServer, Asker],
    fault: str,
    requirement: Callable[..., None],
    arguments: tuple[Any, ...],
    outcome: type[Judgement],
) -> None:
    caught(*scorers, fault, requirement, arguments, outcome)


@pytest.mark.parametrize(("fault", "requirement", "arguments", "outcome"), named(CLASSES))
def test_a_fault_of_classes_is_caught(
    classifiers: tuple[TinyServer, Asker],
    fault: str,
    requirement: Callable[..., None],
    arguments: tuple[Any, ...],
    outcome: type[Judgement],
) -> None:
    caught(*classifiers, fault, requirement, arguments, outcome)
