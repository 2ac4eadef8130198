"""POST /embeddings: what comes back, and that it is right."""

from __future__ import annotations

import pytest

from conformance.api import expect
from conformance.api.vectors import SAME, Embedder, answer, distance, of_length_one, same
from conformance.outcomes import Failed
from conformance.requirements import MUST, SHOULD, requirement
from fixtures.goldens.tasks.texts import TEXTS

CASES = {
    "word": 0,
    "two-words": 1,
    "other-words": 2,
    "other-order": 3,
    "sentence": 4,
    "long-sentence": 5,
    "unicode": 6,
    "white-space": 8,
    "paragraph": 9,
}
"""Texts of the golden, by what they are; an empty one is a matter of its own."""

ONE, OTHER = TEXTS[4], TEXTS[2]


@requirement(
    "api/embeddings/create",
    MUST,
    source="OpenAI embeddings.create: object, data[].object, data[].embedding, usage",
    accepts="input, model",
    honours="embeddings.create:",
)
def test_create(embedder: Embedder) -> None:
    """The server MUST answer a text with a `list` of one `embedding`, a list of finite numbers.

    Every vector store reads just these fields.
    """
    found = answer(embedder.post(ONE))
    expect.same(found.object, "list", what="`object`")
    expect.same([each.object for each in found.data], ["embedding"], what="`data[].object`")
    embedder.ask(ONE)


@requirement(
    "api/embeddings/model",
    SHOULD,
    source="OpenAI embeddings.create: model",
    honours="model",
)
def test_model(embedder: Embedder) -> None:
    """The answer SHOULD name the model that was asked for.

    Vectors of two models cannot be compared, so programs store the name beside them.
    """
    expect.same(answer(embedder.post(ONE)).model, embedder.target.model, what="`model`")


@requirement(
    "api/embeddings/golden",
    MUST,
    source="transformers in float32 on a CPU: fixtures/goldens/tasks",
    honours="input",
)
@pytest.mark.parametrize("case", CASES)
def test_golden(embedder: Embedder, case: str) -> None:
    """The vector MUST point where the checkpoint's own pooling makes it point, within twice the
    distance that bfloat16 was measured to have.

    An index that was filled by production is searched from the Mac: with the first token's state
    in place of the mean, without special tokens or in a wrong order of them, everything still
    looks like an embedding and finds the wrong documents.
    """
    golden, number = embedder.golden(), CASES[case]
    found = embedder.ask(golden.cases[number][0])
    same(found, golden.values[number : number + 1], what="This server", bound=golden.bound)


@requirement(
    "api/embeddings/unit-length",
    MUST,
    source="OpenAI's guide to embeddings: they are of length 1; vLLM: unless the checkpoint says "
    "otherwise",
)
def test_unit_length(embedder: Embedder) -> None:
    """Every vector MUST be of length 1.

    Vector stores are told to take the dot product for the cosine, which holds for unit vectors.
    """
    of_length_one(embedder.ask([ONE, OTHER]))


@requirement(
    "api/embeddings/usage",
    MUST,
    source="OpenAI embeddings.create: usage.prompt_tokens, usage.total_tokens",
    honours="input",
)
def test_usage(embedder: Embedder) -> None:
    """`usage` MUST count the tokens of all inputs, special tokens included, and nothing else.

    Costs are computed from it.
    """
    golden = embedder.golden()
    found = answer(embedder.post([case[0] for case in golden.cases])).usage
    wanted = sum(len(ids) for ids in golden.token_ids)
    expect.same(
        (found.prompt_tokens, found.total_tokens),
        (wanted, wanted),
        what="`prompt_tokens` and `total_tokens`",
    )


@requirement(
    "api/embeddings/distinct",
    MUST,
    source="an embedding is of the whole text, in its order",
    honours="input",
)
def test_distinct(embedder: Embedder) -> None:
    """The same words in another order MUST get another vector, by more than rounding.

    A server that has lost the positions, or answers everything from one cached vector, still
    answers 200.
    """
    found = embedder.ask(["The dog sees the cat.", "The cat sees the dog."])
    if (apart := distance(found[:1], found[1:])) <= SAME:
        raise Failed(
            "Two texts have one vector",
            expected=f"a cosine distance of more than {SAME:.1e}",
            actual=f"{apart:.1e}",
        )


@requirement(
    "api/embeddings/repeated",
    MUST,
    source="an embedding is a function of the text",
)
def test_repeated(embedder: Embedder) -> None:
    """The same text asked for twice MUST get the same vector.

    Stores are filled over months; a document must be found by its own text.
    """
    same(embedder.ask(ONE), embedder.ask(ONE), what="Asking again")
