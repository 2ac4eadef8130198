"""Scores of pairs of texts and probabilities of classes: asked for, read and compared.

The operations are vLLM's own, after Jina's and Cohere's: they are below the server's root, `/score`
and not `/v1/score`, which it serves as well.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from conformance.api import expect
from conformance.api.vectors import golden_of
from conformance.outcomes import Failed, Silent
from conformance.targets.client import Client, Response
from conformance.targets.server import ServerTarget
from fixtures.goldens.tasks import TaskGolden, load
from fixtures.goldens.tasks.texts import DOCUMENTS, QUERY

Scores = NDArray[np.float64]

RERANKER, CLASSIFIER = "bert-reranker", "bert-classifier"
LABELS = ("calm", "glad", "cross")
"""The classes of the fixture, in the order of its probabilities."""

BOUNDS = {name: load(name).bound for name in (RERANKER, CLASSIFIER)}


class _Usage(BaseModel):
    prompt_tokens: int
    total_tokens: int


class _Document(BaseModel):
    text: str | None = None


class Ranked(BaseModel):
    """One document of a ranking."""

    index: int
    relevance_score: float
    document: _Document | None = None


class Ranking(BaseModel):
    """An answer of `/rerank`."""

    id: str
    model: str
    usage: _Usage
    results: list[Ranked]

    @property
    def scores(self) -> Scores:
        """The scores by the documents' own order, `[N]`."""
        return np.array(
            [each.relevance_score for each in sorted(self.results, key=lambda found: found.index)]
        )


class Score(BaseModel):
    """One score of an answer."""

    index: int
    object: str
    score: float


class Scored(BaseModel):
    """An answer of `/score`."""

    object: str
    model: str
    usage: _Usage
    data: list[Score]

    @property
    def scores(self) -> Scores:
        """The scores in the order of the pairs, `[N]`. Raises Failed where they are numbered
        otherwise."""
        expect.same(
            [each.index for each in self.data], list(range(len(self.data))), what="The numbering"
        )
        return np.array([each.score for each in self.data])


class Class(BaseModel):
    """One text's class."""

    index: int
    label: str | None
    probs: list[float]
    num_classes: int


class Classified(BaseModel):
    """An answer of `/classify`."""

    object: str
    model: str
    usage: _Usage
    data: list[Class]

    @property
    def probabilities(self) -> Scores:
        """The probabilities of all texts, `[N, classes]`. Raises Failed as `Scored.scores`."""
        expect.same(
            [each.index for each in self.data], list(range(len(self.data))), what="The numbering"
        )
        return np.array([each.probs for each in self.data])


class Asker:
    """Requests to the operations of vLLM's own, at the root of one target."""

    def __init__(self, client: Client, target: ServerTarget) -> None:
        self.client, self.target = client, target

    def post(self, path: str, /, **body: Any) -> Response:
        """POST `path` below the root, the model's name filled in; None leaves a field out."""
        whole = {"model": self.target.model, **body}
        kept = {name: value for name, value in whole.items() if value is not None}
        return self.client.post(f"{self.client.root}{path}", kept)

    def rerank(self, **body: Any) -> Ranking:
        """The ranking of the fixture's documents, or as `body` says. Raises as `expect.ok`."""
        defaults = {"query": QUERY, "documents": list(DOCUMENTS)}
        response = self.post("/rerank", **{**defaults, **body})
        expect.ok(response)
        return expect.typed_json(response.body, Ranking)

    def score(self, **body: Any) -> Scored:
        """Scores of the fixture's documents, or as `body` says. Raises as `expect.ok`."""
        own = body if "queries" in body else {"queries": QUERY, "documents": list(DOCUMENTS)}
        response = self.post("/score", **{**own, **body})
        expect.ok(response)
        return expect.typed_json(response.body, Scored)

    def classify(self, input: object, /, **body: Any) -> Classified:
        """The classes of texts. Raises as `expect.ok`."""
        own = {} if input is None else {"input": input}
        response = self.post("/classify", **own, **body)
        expect.ok(response)
        return expect.typed_json(response.body, Classified)

    def golden(self, fixture: str) -> TaskGolden:
        """As `golden_of`."""
        return golden_of(self.target, fixture)


def near(found: Scores, wanted: Scores, *, what: str, bound: float) -> None:
    """Numbers are as expected, each within `bound`.

    Args:
        what: names what was done, to begin the sentence "… changes the numbers".
    """
    if found.shape != wanted.shape:
        raise Failed(
            "There are not as many numbers as expected",
            expected=list(wanted.shape),
            actual=list(found.shape),
        )
    if not np.isfinite(found).all() or np.abs(found - wanted).max() > bound:
        raise Failed(
            f"{what} changes the numbers",
            expected=f"{np.round(wanted, 4).tolist()} ± {bound:.2g}",
            actual=np.round(found, 4).tolist(),
        )


def moved(found: Scores, plain: Scores, *, what: str, bound: float) -> None:
    """A parameter had an effect. Raises Silent."""
    if found.shape == plain.shape and np.abs(found - plain).max() <= bound:
        raise Silent(
            f"{what} is accepted and ignored",
            expected=f"other numbers than {np.round(plain, 4).tolist()}",
            actual=np.round(found, 4).tolist(),
        )


def sigmoid(values: Scores) -> Scores:
    """1 / (1 + e^-x)."""
    return np.asarray(1 / (1 + np.exp(-values)))
