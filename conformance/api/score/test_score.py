"""POST /score: how well pairs of texts fit."""

from __future__ import annotations

from typing import Any

import pytest

from conformance.api import expect, of_texts
from conformance.api.invalid import context_length
from conformance.api.scores import BOUNDS, RERANKER, Asker, Scored, moved, near, sigmoid
from conformance.outcomes import Silent
from conformance.requirements import MAY, MUST, SHOULD, requirement
from fixtures.goldens.tasks.texts import DOCUMENTS, QUERY

BOUND = BOUNDS[RERANKER]
LONG = " a" * 120
NAMES = {
    "data": ("data_1", "data_2"),
    "text": ("text_1", "text_2"),
    "items": ("queries", "items"),
}
"""What a pair's texts were called before they were `queries` and `documents`."""


@requirement(
    "api/score/create",
    MUST,
    source="vLLM /score",
    accepts="queries, documents, model",
    honours="/score:",
)
def test_create(asker: Asker) -> None:
    """The server MUST answer a query and documents with a `list` of scores, one a document, in
    the documents' order.

    Programs put the scores beside the documents that they sent.
    """
    found = asker.score()
    expect.same(found.object, "list", what="`object`")
    expect.same({each.object for each in found.data}, {"score"}, what="`data[].object`")
    expect.same(len(found.scores), len(DOCUMENTS), what="The number of scores")


@requirement(
    "api/score/golden",
    MUST,
    source="transformers in float32 on a CPU: fixtures/goldens/tasks",
    honours="queries, documents",
)
def test_golden(asker: Asker) -> None:
    """Each score MUST be the checkpoint's own, within twice what bfloat16 was measured to be off.

    Thresholds that were set on production hold on the Mac.
    """
    golden = asker.golden(RERANKER)
    queries, documents = ([case[side] for case in golden.cases] for side in (0, 1))
    found = asker.score(queries=queries, documents=documents).scores
    near(found, golden.values[:, 0], what="This server", bound=golden.bound)


@requirement(
    "api/score/one-to-many", MUST, source="vLLM /score: 1:N and N:N", honours="queries, documents"
)
def test_one_to_many(asker: Asker) -> None:
    """One query and several documents MUST be scored as the query repeated for each.

    Both are in use, and mean the same pairs.
    """
    repeated = asker.score(queries=[QUERY] * len(DOCUMENTS), documents=list(DOCUMENTS))
    near(asker.score().scores, repeated.scores, what="One query for all", bound=BOUND)


@requirement("api/score/alone", MUST, source="vLLM /score: 1:1", honours="queries, documents")
def test_alone(asker: Asker) -> None:
    """A pair of two plain texts MUST get the score that it gets among others.

    Padding is the server's affair.
    """
    one = asker.score(queries=QUERY, documents=DOCUMENTS[3])
    near(one.scores, asker.score().scores[3:4], what="A pair alone", bound=BOUND)


@requirement(
    "api/score/sides", MUST, source="a cross-encoder reads the query first", honours="queries"
)
def test_sides(asker: Asker) -> None:
    """Query and document exchanged MUST not get the same score from a model that tells them apart.

    A server that sorts or joins them loses which is which.
    """
    asker.golden(RERANKER)
    one = asker.score(queries=QUERY, documents=DOCUMENTS[1]).scores
    other = asker.score(queries=DOCUMENTS[1], documents=QUERY).scores
    moved(other, one, what="Which text is the query", bound=BOUND)


@requirement(
    "api/score/names",
    SHOULD,
    source="vLLM /score: data_1 and data_2, text_1 and text_2, queries and items",
    accepts={case: ", ".join(names) for case, names in NAMES.items()},
    honours={case: ", ".join(names) for case, names in NAMES.items()},
)
@pytest.mark.parametrize("case", NAMES)
def test_names(asker: Asker, case: str) -> None:
    """The older names of the two sides SHOULD mean the same.

    Programs that were written for them are in use.
    """
    one, other = NAMES[case]
    response = asker.post("/score", **{one: QUERY, other: list(DOCUMENTS)})
    expect.ok(response)
    found = expect.typed_json(response.body, Scored)
    near(found.scores, asker.score().scores, what="Another name", bound=BOUND)


@requirement(
    "api/score/route", SHOULD, source="vLLM serves /score and /v1/score alike", honours="/score:"
)
def test_route(asker: Asker) -> None:
    """`/v1/score` SHOULD give the same scores.

    Clients with a base URL that ends in /v1 reach only this one.
    """
    response = asker.post("/v1/score", queries=QUERY, documents=list(DOCUMENTS))
    expect.ok(response)
    found = expect.typed_json(response.body, Scored)
    near(found.scores, asker.score().scores, what="The route", bound=BOUND)


@requirement("api/score/usage", SHOULD, source="vLLM /score: usage", honours="/score:")
def test_usage(asker: Asker) -> None:
    """`usage` SHOULD count the tokens of all pairs.

    That is what is computed, and paid.
    """
    golden = asker.golden(RERANKER)
    queries, documents = ([case[side] for case in golden.cases] for side in (0, 1))
    found = asker.score(queries=queries, documents=documents).usage
    wanted = sum(len(ids) for ids in golden.token_ids)
    expect.same((found.prompt_tokens, found.total_tokens), (wanted, wanted), what="`usage`")


@requirement(
    "api/score/raw",
    SHOULD,
    source="vLLM /score: use_activation",
    accepts="use_activation",
    honours="use_activation",
)
def test_raw(asker: Asker) -> None:
    """`use_activation: false` SHOULD give the scores before the sigmoid.

    Losses are computed of these.
    """
    asker.golden(RERANKER)
    plain, raw = asker.score().scores, asker.score(use_activation=False).scores
    moved(raw, plain, what="`use_activation: false`", bound=BOUND)
    near(sigmoid(raw), plain, what="`use_activation: false`", bound=BOUND)


@requirement(
    "api/score/cut",
    SHOULD,
    source="vLLM /score: truncate_prompt_tokens, max_tokens_per_doc, max_tokens_per_query",
    accepts="{name}",
    honours="{name}",
)
@pytest.mark.parametrize(
    "name", ["truncate_prompt_tokens", "max_tokens_per_doc", "max_tokens_per_query"]
)
def test_cut(asker: Asker, name: str) -> None:
    """A limit on the tokens of a pair, of its document or of its query SHOULD cut it there.

    Texts are cut rather than refused.
    """
    asker.golden(RERANKER)
    pair = {"queries": LONG if name.endswith("query") else "a", "documents": LONG}
    if name.endswith("query"):
        pair["documents"] = "a"
    whole = asker.score(**pair).usage.prompt_tokens
    cut = asker.score(**pair, **{name: 40}).usage.prompt_tokens
    if cut >= whole:
        raise Silent(f"`{name}` is accepted and ignored", expected="fewer tokens", actual=cut)


@requirement(
    "api/score/truncation-side",
    SHOULD,
    source="vLLM /score: truncation_side",
    accepts="truncation_side",
    honours="truncation_side",
)
def test_truncation_side(asker: Asker) -> None:
    """`truncation_side` SHOULD say on which side a pair is cut.

    What is asked for may be at the end of a document.
    """
    asker.golden(RERANKER)
    pair = {"queries": QUERY, "documents": "".join(DOCUMENTS), "truncate_prompt_tokens": 30}
    right, left = (asker.score(**pair, truncation_side=side).scores for side in ("right", "left"))
    moved(left, right, what="`truncation_side`", bound=0)


@requirement(
    "api/score/request-id",
    MAY,
    source="vLLM /score: request_id",
    accepts="request_id",
    honours="request_id",
)
def test_request_id(asker: Asker) -> None:
    """A server MAY take `request_id`, and the answer's `id` then holds it.

    It is how a call is found again in the server's log.
    """
    response = asker.post("/score", queries="a", documents="a", request_id=of_texts.REQUEST_ID)
    of_texts.of_request(expect.ok(response).get("id"))


@requirement(
    "api/score/without-effect",
    SHOULD,
    source="vLLM /score: fields that a checkpoint without a template for pairs does not use",
    accepts="{name}",
)
@pytest.mark.parametrize("name", of_texts.HARMLESS_OF_PAIRS)
def test_without_effect(asker: Asker, name: str) -> None:
    """A field that has nothing to do with the scores SHOULD be accepted, and leave them.

    Gateways add `user`, and frameworks send an instruction to every model.
    """
    found = asker.score(**{name: of_texts.HARMLESS_OF_PAIRS[name]}).scores
    near(found, asker.score().scores, what=f"`{name}`", bound=BOUND)


WRONG: dict[str, tuple[str, dict[str, Any]]] = {
    "without-documents": ("queries, documents, items", {"queries": "a"}),
    "without-text-2": ("text_1, text_2", {"text_1": "a"}),
    "without-data-1": ("data_1, data_2", {"data_2": "a"}),
    "nothing": ("queries, documents", {"queries": [], "documents": []}),
    "not-as-many": ("queries, documents", {"queries": ["a", "b"], "documents": ["a", "b", "c"]}),
    "number": ("queries", {"queries": 5, "documents": "a"}),
}


@requirement(
    "api/score/refused",
    MUST,
    source="vLLM /score answers 400",
    refuses={case: field for case, (field, _) in WRONG.items()},
)
@pytest.mark.parametrize("case", WRONG)
def test_refused(asker: Asker, case: str) -> None:
    """A request that is wrong MUST be refused with 400 or 422 and an OpenAI error, and the next
    valid one answered.

    Scores for fewer pairs than were sent are read as those of other pairs.
    """
    field, body = WRONG[case]
    expect.refused(asker.post("/score", **body), what=f"A wrong `{field}`")
    asker.score()


@requirement(
    "api/score/refused-of-vllm",
    SHOULD,
    source="vLLM 0.32 /score answers 400",
    refuses={case: field for case, (field, _) in of_texts.WRONG_OF_PAIRS.items()},
    profiles=("api",),
)
@pytest.mark.parametrize("case", of_texts.WRONG_OF_PAIRS)
def test_refused_of_vllm(asker: Asker, case: str) -> None:
    """A wrong value of a rarer field SHOULD be refused as production refuses it.

    A server that drops what it does not know answers as if nothing had been asked for.
    """
    field, value = of_texts.WRONG_OF_PAIRS[case]
    response = asker.post("/score", queries="a", documents="a", **{field: value})
    expect.refused(response, what=f"A wrong `{field}`")


@requirement("api/score/too-long", MUST, source="vLLM /score answers 400", refuses="documents")
def test_too_long(asker: Asker) -> None:
    """A pair of more tokens than the model takes MUST be refused, and not silently cut.

    Its score would be that of another text.
    """
    length = context_length(asker.target)
    response = asker.post("/score", queries="a", documents=["a", " a" * (length + 1)])
    expect.refused(response, what="A document that is too long")
    asker.score()


@requirement("api/score/unknown-model", MUST, source="vLLM /score answers 404", refuses="model")
def test_unknown_model(asker: Asker) -> None:
    """A model that is not served MUST be refused with 404, 400 or 422.

    Scores of two models cannot be compared.
    """
    response = asker.post("/score", model="no-such-model", queries="a", documents="a")
    expect.refused(response, what="An unknown model", statuses=(404, 400, 422))
