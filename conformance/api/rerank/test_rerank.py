"""POST /rerank: documents in the order in which they fit a query."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from conformance.api import expect, of_texts
from conformance.api.invalid import context_length
from conformance.api.scores import BOUNDS, RERANKER, Asker, Ranking, moved, near, sigmoid
from conformance.outcomes import Failed, Silent
from conformance.requirements import MAY, MUST, SHOULD, requirement
from fixtures.goldens.tasks.texts import DOCUMENTS, QUERY

BOUND = BOUNDS[RERANKER]
LONG = " a" * 120
"""A document that fits, and that does not once it is cut."""


@requirement(
    "api/rerank/create",
    MUST,
    source="vLLM /rerank, after Jina's and Cohere's",
    accepts="query, documents, model",
    honours="/rerank:",
)
def test_create(asker: Asker) -> None:
    """The server MUST answer a query and documents with one result a document, each with the
    `index` of its document and a `relevance_score`.

    Search programs show the documents that these name.
    """
    found = asker.rerank()
    expect.same(
        sorted(each.index for each in found.results),
        list(range(len(DOCUMENTS))),
        what="The set of indices",
    )
    expect.same(found.model, asker.target.model, what="`model`")


@requirement(
    "api/rerank/golden",
    MUST,
    source="transformers in float32 on a CPU: fixtures/goldens/tasks",
    honours="query, documents",
)
def test_golden(asker: Asker) -> None:
    """Each score MUST be the checkpoint's own, within twice what bfloat16 was measured to be off.

    A pair that is put together without the token between, or with one kind of segment for both
    texts, still gets a score, and another order.
    """
    golden = asker.golden(RERANKER)
    texts = [case[1] for case in golden.cases]
    found = asker.rerank(documents=texts).scores
    near(found, golden.values[:, 0], what="This server", bound=golden.bound)


@requirement(
    "api/rerank/order", MUST, source="vLLM /rerank: results, best first", honours="documents"
)
def test_order(asker: Asker) -> None:
    """The results MUST come with the highest score first.

    Programs take the first few.
    """
    scores = [each.relevance_score for each in asker.rerank().results]
    expect.same(scores, sorted(scores, reverse=True), what="The order of the scores")


@requirement(
    "api/rerank/documents", SHOULD, source="vLLM /rerank: document.text", honours="documents"
)
def test_documents(asker: Asker) -> None:
    """Each result SHOULD hold the text of the document that its index names.

    It is what a prompt is made of, and a text beside the wrong index is believed.
    """
    for each in asker.rerank().results:
        text = each.document.text if each.document else None
        expect.same(text, DOCUMENTS[each.index], what=f"The text of document {each.index}")


@requirement(
    "api/rerank/top-n",
    MUST,
    source="vLLM /rerank: top_n; 0 or none gives all",
    accepts="top_n",
    honours="top_n",
)
@pytest.mark.parametrize("top", [1, 3, 0, 50])
def test_top_n(asker: Asker, top: int) -> None:
    """`top_n` MUST give the best so many results, and all where it is 0 or more than there are.

    A prompt has room for the best few only.
    """
    everything = [each.index for each in asker.rerank().results]
    found = [each.index for each in asker.rerank(top_n=top).results]
    if top in (1, 3) and len(found) == len(everything):
        raise Silent("`top_n` is accepted and ignored", expected=top, actual=len(found))
    expect.same(found, everything[: top or None], what=f"The best {top}")


@requirement(
    "api/rerank/route",
    SHOULD,
    source="vLLM serves /rerank, /v1/rerank and /v2/rerank alike",
    honours="/rerank:",
)
@pytest.mark.parametrize("route", ["/v1/rerank", "/v2/rerank"])
def test_route(asker: Asker, route: str) -> None:
    """The routes of Jina's and of Cohere's clients SHOULD give the same ranking.

    Each client has its own in its code.
    """
    response = asker.post(route, query=QUERY, documents=list(DOCUMENTS))
    expect.ok(response)
    found = expect.typed_json(response.body, Ranking)
    near(found.scores, asker.rerank().scores, what=f"The route {route}", bound=BOUND)


@requirement("api/rerank/usage", SHOULD, source="vLLM /rerank: usage", honours="/rerank:")
def test_usage(asker: Asker) -> None:
    """`usage` SHOULD count the tokens of all pairs, the query once for each document.

    That is what is computed, and paid.
    """
    golden = asker.golden(RERANKER)
    found = asker.rerank(documents=[case[1] for case in golden.cases]).usage
    wanted = sum(len(ids) for ids in golden.token_ids)
    expect.same((found.prompt_tokens, found.total_tokens), (wanted, wanted), what="`usage`")


@requirement(
    "api/rerank/alone",
    MUST,
    source="padding and batching are the server's affair",
    honours="documents",
)
def test_alone(asker: Asker) -> None:
    """A document MUST get the same score among others as alone, given in a list or by itself.

    A score that hangs on its neighbours cannot be cut off at a threshold.
    """
    together = asker.rerank().scores
    one = asker.rerank(documents=[DOCUMENTS[3]]).scores
    near(one, together[3:4], what="A list of one", bound=BOUND)
    near(asker.rerank(documents=DOCUMENTS[3]).scores, one, what="A plain text", bound=BOUND)


@requirement(
    "api/rerank/query-matters", MUST, source="a score is of a query and a document", honours="query"
)
def test_query_matters(asker: Asker) -> None:
    """Another query MUST give other scores.

    A server that scores the documents alone ranks them the same for everybody.
    """
    plain, other = asker.rerank().scores, asker.rerank(query="At which temperature?").scores
    if np.abs(plain - other).max() <= BOUND:
        raise Failed(
            "Another query gives the same scores",
            expected="other scores",
            actual=np.round(other, 4).tolist(),
        )


@requirement(
    "api/rerank/raw",
    SHOULD,
    source="vLLM /rerank: use_activation",
    accepts="use_activation",
    honours="use_activation",
)
def test_raw(asker: Asker) -> None:
    """`use_activation: false` SHOULD give the scores before the sigmoid: in the same order.

    Scores near 0 and 1 are told apart there.
    """
    asker.golden(RERANKER)
    plain, raw = asker.rerank().scores, asker.rerank(use_activation=False).scores
    moved(raw, plain, what="`use_activation: false`", bound=BOUND)
    near(sigmoid(raw), plain, what="`use_activation: false`", bound=BOUND)


@requirement(
    "api/rerank/cut",
    SHOULD,
    source="vLLM /rerank: truncate_prompt_tokens, truncation_side, max_tokens_per_doc, "
    "max_tokens_per_query",
    accepts="{name}",
    honours="{name}",
)
@pytest.mark.parametrize("name", ["truncate_prompt_tokens", "max_tokens_per_doc"])
def test_cut(asker: Asker, name: str) -> None:
    """A limit on the tokens of a pair, or of its document, SHOULD cut it there.

    Documents are cut rather than refused.
    """
    asker.golden(RERANKER)
    whole, cut = asker.rerank(documents=LONG), asker.rerank(documents=LONG, **{name: 40})
    if cut.usage.prompt_tokens >= whole.usage.prompt_tokens:
        raise Silent(
            f"`{name}` is accepted and ignored",
            expected=f"fewer tokens than {whole.usage.prompt_tokens}",
            actual=cut.usage.prompt_tokens,
        )
    if name == "truncate_prompt_tokens":
        expect.same(cut.usage.prompt_tokens, 40, what="`prompt_tokens`")


@requirement(
    "api/rerank/cut-query",
    SHOULD,
    source="vLLM 0.32 /rerank: max_tokens_per_query",
    accepts="max_tokens_per_query",
    honours="max_tokens_per_query",
    profiles=("api",),
)
def test_cut_query(asker: Asker) -> None:
    """`max_tokens_per_query` SHOULD cut the query, and leave the document whole.

    A query that was pasted in must not push the document out.
    """
    asker.golden(RERANKER)
    whole = asker.rerank(query=LONG, documents="a").usage.prompt_tokens
    cut = asker.rerank(query=LONG, documents="a", max_tokens_per_query=20).usage.prompt_tokens
    if cut >= whole:
        raise Silent("`max_tokens_per_query` is accepted and ignored", expected=20, actual=cut)


@requirement(
    "api/rerank/truncation-side",
    SHOULD,
    source="vLLM /rerank: truncation_side",
    accepts="truncation_side",
    honours="truncation_side",
)
def test_truncation_side(asker: Asker) -> None:
    """`truncation_side` SHOULD say on which side a pair is cut.

    What is asked for may be at the end of a document.
    """
    asker.golden(RERANKER)
    document = "".join(DOCUMENTS)
    right, left = (
        asker.rerank(documents=document, truncate_prompt_tokens=30, truncation_side=side).scores
        for side in ("right", "left")
    )
    moved(left, right, what="`truncation_side`", bound=0)


@requirement(
    "api/rerank/request-id",
    MAY,
    source="vLLM /rerank: request_id",
    accepts="request_id",
    honours="request_id",
)
def test_request_id(asker: Asker) -> None:
    """A server MAY take `request_id`, and the answer's `id` then holds it.

    It is how a call is found again in the server's log.
    """
    of_texts.of_request(asker.rerank(request_id=of_texts.REQUEST_ID).id)


@requirement(
    "api/rerank/without-effect",
    SHOULD,
    source="vLLM /rerank: fields that a checkpoint without a template for pairs does not use",
    accepts="{name}",
)
@pytest.mark.parametrize("name", of_texts.HARMLESS_OF_PAIRS)
def test_without_effect(asker: Asker, name: str) -> None:
    """A field that has nothing to do with the scores SHOULD be accepted, and leave them.

    Gateways add `user`, and frameworks send an instruction to every model.
    """
    found = asker.rerank(**{name: of_texts.HARMLESS_OF_PAIRS[name]}).scores
    near(found, asker.rerank().scores, what=f"`{name}`", bound=BOUND)


WRONG: dict[str, tuple[str, dict[str, Any]]] = {
    "without-query": ("query", {"documents": ["a"]}),
    "without-documents": ("documents", {"query": "a"}),
    "no-document": ("documents", {"query": "a", "documents": []}),
    "query-number": ("query", {"query": 5, "documents": ["a"]}),
    "document-number": ("documents", {"query": "a", "documents": [5]}),
    "top-n-negative": ("top_n", {"query": "a", "documents": ["a"], "top_n": -1}),
    "top-n-text": ("top_n", {"query": "a", "documents": ["a"], "top_n": "few"}),
}

WRONG_OF_VLLM = {
    **of_texts.WRONG_OF_PAIRS,
    "truncate-beyond": ("truncate_prompt_tokens", 100_000),
}


@requirement(
    "api/rerank/refused",
    MUST,
    source="vLLM /rerank answers 400",
    refuses={case: field for case, (field, _) in WRONG.items()},
)
@pytest.mark.parametrize("case", WRONG)
def test_refused(asker: Asker, case: str) -> None:
    """A request that is wrong MUST be refused with 400 or 422 and an OpenAI error, and the next
    valid one answered.

    An empty ranking for a request that was lost looks like a search without a hit.
    """
    field, body = WRONG[case]
    expect.refused(asker.post("/rerank", **body), what=f"A wrong `{field}`")
    asker.rerank()


@requirement(
    "api/rerank/refused-of-vllm",
    SHOULD,
    source="vLLM 0.32 /rerank answers 400",
    refuses={case: field for case, (field, _) in WRONG_OF_VLLM.items()},
    profiles=("api",),
)
@pytest.mark.parametrize("case", WRONG_OF_VLLM)
def test_refused_of_vllm(asker: Asker, case: str) -> None:
    """A wrong value of a rarer field SHOULD be refused as production refuses it.

    A server that drops what it does not know answers as if nothing had been asked for.
    """
    field, value = WRONG_OF_VLLM[case]
    response = asker.post("/rerank", query="a", documents=["a"], **{field: value})
    expect.refused(response, what=f"A wrong `{field}`")


@requirement(
    "api/rerank/too-long",
    MUST,
    source="vLLM /rerank answers 400",
    refuses="documents",
)
def test_too_long(asker: Asker) -> None:
    """A pair of more tokens than the model takes MUST be refused, and not silently cut.

    A document that was cut before what is asked for is ranked last.
    """
    length = context_length(asker.target)
    response = asker.post("/rerank", query="a", documents=["a", " a" * (length + 1)])
    expect.refused(response, what="A document that is too long")
    asker.rerank()


@requirement("api/rerank/unknown-model", MUST, source="vLLM /rerank answers 404", refuses="model")
def test_unknown_model(asker: Asker) -> None:
    """A model that is not served MUST be refused with 404, 400 or 422.

    Scores of two models cannot be compared.
    """
    response = asker.post("/rerank", model="no-such-model", query="a", documents=["a"])
    expect.refused(response, what="An unknown model", statuses=(404, 400, 422))
