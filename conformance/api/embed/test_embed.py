"""POST /v2/embed: embeddings as Cohere's clients ask for them."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import pytest

from conformance.api import expect
from conformance.api.pooled import Pooler
from conformance.api.vectors import effective, of_length_one, same
from conformance.outcomes import Failed, Silent
from conformance.requirements import MUST, SHOULD, requirement
from fixtures.goldens.tasks.texts import TEXTS
from fixtures.models.tasks.encoders import MATRYOSHKA

SEVERAL = [TEXTS[number] for number in (9, 0, 5)]
TEXT, LONG = TEXTS[5], TEXTS[9]
TOO_LONG = " a" * 300


@requirement(
    "api/embed/create",
    SHOULD,
    source="Cohere /v2/embed, as vLLM serves it",
    accepts="texts, model",
    honours="texts; /v2/embed:",
)
def test_create(pooler: Pooler) -> None:
    """The vectors SHOULD be those of /embeddings, in the order of the texts, which come back too.

    One store is filled by clients of both kinds.
    """
    found = pooler.embed(texts=SEVERAL)
    expect.same(found.response_type, "embeddings_by_type", what="`response_type`")
    expect.same(found.texts, SEVERAL, what="`texts`")
    same(found.vectors, pooler.ask(SEVERAL), what="Another client")


@requirement(
    "api/embed/usage", SHOULD, source="Cohere /v2/embed: meta.billed_units", honours="/v2/embed:"
)
def test_usage(pooler: Pooler) -> None:
    """`billed_units` SHOULD count the tokens of all texts.

    Costs are computed from it.
    """
    golden = pooler.golden()
    meta = pooler.embed(texts=[case[0] for case in golden.cases]).meta
    wanted = sum(len(ids) for ids in golden.token_ids)
    units = meta.billed_units if meta else None
    expect.same(units.input_tokens if units else None, wanted, what="`input_tokens`")


@requirement(
    "api/embed/types",
    SHOULD,
    source="Cohere /v2/embed: embedding_types",
    accepts="embedding_types",
    honours="embedding_types",
)
def test_types(pooler: Pooler) -> None:
    """`embedding_types` SHOULD give the same vectors in each form: numbers, base64, and the signs
    as bits, eight to a byte, unsigned or with 128 taken off.

    An index of bits is 32 times as small.
    """
    found = pooler.embed(
        texts=[TEXT], embedding_types=["float", "base64", "binary", "ubinary"]
    ).embeddings
    if found.base64 is None or found.binary is None or found.ubinary is None:
        raise Silent(
            "`embedding_types` is accepted and ignored",
            expected="float, base64, binary, ubinary",
            actual=sorted(found.model_fields_set),
        )
    numbers = np.array(found.numbers)[0]
    raw = np.frombuffer(base64.b64decode(found.base64[0]), dtype="<f4")
    bits = np.packbits(numbers >= 0)
    expect.same(raw.shape, numbers.shape, what="The size in base64")
    if np.abs(raw - numbers).max() > 1e-6:
        raise Failed("The numbers in base64 are others", expected=numbers[:4], actual=raw[:4])
    expect.same(found.ubinary[0], bits.tolist(), what="`ubinary`")
    expect.same(found.binary[0], (bits.astype(int) - 128).tolist(), what="`binary`")


@requirement(
    "api/embed/only-the-type",
    SHOULD,
    source="Cohere /v2/embed: embedding_types",
    honours="embedding_types",
)
def test_only_the_type(pooler: Pooler) -> None:
    """A form that was not asked for SHOULD not come.

    Bits are asked for because numbers are too many.
    """
    found = pooler.embed(texts=[TEXT], embedding_types=["ubinary"]).embeddings
    expect.same(sorted(found.model_fields_set), ["ubinary"], what="The set of forms")


@requirement(
    "api/embed/dimension",
    SHOULD,
    source="Cohere /v2/embed: output_dimension",
    accepts="output_dimension",
    honours="output_dimension",
)
@pytest.mark.parametrize("size", MATRYOSHKA)
def test_dimension(pooler: Pooler, size: int) -> None:
    """`output_dimension` SHOULD give the first numbers of the vector, made a unit vector again.

    Stores have columns of one size.
    """
    pooler.golden()
    whole = pooler.ask(TEXT)
    found = pooler.embed(texts=[TEXT], output_dimension=size).vectors
    if found.shape == whole.shape:
        raise Silent(
            "`output_dimension` is accepted and ignored", expected=size, actual=whole.shape[1]
        )
    same(found, whole[:, :size], what=f"A size of {size}")
    of_length_one(found)


@requirement(
    "api/embed/inputs",
    SHOULD,
    source="Cohere /v2/embed: inputs",
    accepts="inputs",
    honours="inputs",
)
def test_inputs(pooler: Pooler) -> None:
    """`inputs` of texts SHOULD get a vector each, another text another one.

    It is how text and images are sent together.
    """
    inputs = [{"content": [{"type": "text", "text": text}]} for text in SEVERAL]
    found = pooler.embed(inputs=inputs).vectors
    expect.same(len(found), len(SEVERAL), what="The number of vectors")
    effective(found[:1], found[1:2], what="The text of an input")


@requirement(
    "api/embed/truncate",
    SHOULD,
    source="Cohere /v2/embed: truncate; END where nothing is said",
    accepts="truncate",
    honours="truncate",
)
@pytest.mark.parametrize("side", ["START", "END"])
def test_truncate(pooler: Pooler, side: str) -> None:
    """`truncate` SHOULD cut a text that is too long at that end, and by default at its end.

    Cohere's API cuts unless told otherwise.
    """
    text = "A beginning. " * 60 + "An end of other words. " * 60
    found = pooler.embed(texts=[text], truncate=side).vectors
    default = pooler.embed(texts=[text]).vectors
    if side == "END":
        same(found, default, what="Naming the default")
    else:
        effective(found, default, what="`truncate: START`")


@requirement(
    "api/embed/max-tokens",
    SHOULD,
    source="Cohere /v2/embed: max_tokens",
    accepts="max_tokens",
    honours="max_tokens",
)
def test_max_tokens(pooler: Pooler) -> None:
    """`max_tokens` SHOULD cut each text to so many tokens.

    Costs are limited so.
    """
    pooler.golden()
    found = pooler.embed(texts=[LONG], max_tokens=12)
    effective(found.vectors, pooler.ask(LONG), what="`max_tokens`")
    units = found.meta.billed_units if found.meta else None
    if units is not None:
        expect.same(units.input_tokens, 12, what="`input_tokens`")


@requirement(
    "api/embed/priority", SHOULD, source="vLLM 0.32 /v2/embed: priority", accepts="priority"
)
def test_priority(pooler: Pooler) -> None:
    """`priority: 0` SHOULD be accepted, and change nothing.

    It is what every request has.
    """
    same(pooler.embed(texts=[TEXT], priority=0).vectors, pooler.ask(TEXT), what="`priority`")


WRONG: dict[str, tuple[str, dict[str, Any]]] = {
    "nothing": ("texts, images, inputs", {}),
    "no-text": ("texts", {"texts": []}),
    "two-kinds": (
        "texts, inputs",
        {"texts": ["a"], "inputs": [{"content": [{"type": "text", "text": "a"}]}]},
    ),
    "type": ("embedding_types", {"texts": ["a"], "embedding_types": ["int3"]}),
    "truncate": ("truncate", {"texts": ["a"], "truncate": "MIDDLE"}),
    "too-long": ("texts", {"texts": [TOO_LONG], "truncate": "NONE"}),
    "dimension": ("output_dimension", {"texts": ["a"], "output_dimension": 33}),
    "input-type": ("input_type", {"texts": ["a"], "input_type": "no-such-type"}),
    "max-tokens": ("max_tokens", {"texts": ["a"], "max_tokens": "few"}),
    "priority": ("priority", {"texts": ["a"], "priority": "high"}),
    "image": ("images", {"images": ["data:image/png;base64,AAAA"]}),
}


@requirement(
    "api/embed/refused",
    SHOULD,
    source="vLLM 0.32 /v2/embed answers 400",
    refuses={case: field for case, (field, _) in WRONG.items()},
    profiles=("api",),
)
@pytest.mark.parametrize("case", WRONG)
def test_refused(pooler: Pooler, case: str) -> None:
    """What is wrong, or what this model does not do, SHOULD be refused as production refuses it,
    and the next valid request answered.

    A vector that was made up is stored and found for ever.
    """
    pooler.golden()
    field, body = WRONG[case]
    expect.refused(pooler.own("/v2/embed", **body), what=f"A wrong `{field}`")
    pooler.embed(texts=["a"])


@requirement("api/embed/unknown-model", MUST, source="vLLM: 404", refuses="model")
def test_unknown_model(pooler: Pooler) -> None:
    """A model that is not served MUST be refused with 404, 405, 400, 422 or 501.

    Vectors of another model than was asked for are of no use beside those in the store.
    """
    response = pooler.client.post(
        f"{pooler.client.root}/v2/embed", {"model": "no-such-model", "texts": ["a"]}
    )
    expect.refused(response, what="An unknown model", statuses=(404, 405, 400, 422, 501))
