"""POST /embeddings: what a request may ask for beside its input."""

from __future__ import annotations

import numpy as np
import pytest

from conformance.api import expect, of_texts
from conformance.api.vectors import (
    Embedder,
    answer,
    distance,
    effective,
    encoded,
    of_length_one,
    same,
)
from conformance.outcomes import Failed, Silent
from conformance.requirements import MAY, MUST, SHOULD, requirement
from fixtures.goldens.tasks.texts import TEXTS
from fixtures.models.tasks.encoders import MATRYOSHKA

TEXT, LONG = TEXTS[5], TEXTS[9]

DTYPES = {"float32": "<f4", "float16": "<f2", "bfloat16": "bfloat16"}
ROUNDED = {"float32": 0.0, "float16": 2.0**-11, "bfloat16": 2.0**-8}
"""Largest relative rounding of a number: half a unit in the last place; that of bfloat16 twice,
since it may be cut instead of rounded."""

KEPT = 12
"""Tokens that are left of a text that is cut."""


@requirement(
    "api/embeddings/base64",
    MUST,
    source="OpenAI embeddings.create: encoding_format; the openai client asks for it by itself",
    accepts="encoding_format",
    honours="encoding_format",
)
def test_base64(embedder: Embedder) -> None:
    """`encoding_format: "base64"` MUST give the same numbers, as float32 in base64.

    The official client asks for it unless told otherwise, and decodes whatever string comes.
    """
    plain = embedder.ask([TEXT, LONG])
    found = encoded(embedder.post([TEXT, LONG], encoding_format="base64"))
    if found.shape != plain.shape or np.abs(found - plain).max() > 1e-6:
        raise Failed(
            "The numbers in base64 are not those of the list",
            expected=plain[0][:4].tolist(),
            actual=found[0][:4].tolist(),
        )


@requirement(
    "api/embeddings/float",
    MUST,
    source="OpenAI embeddings.create: encoding_format",
    accepts="encoding_format",
    honours="encoding_format",
)
def test_float(embedder: Embedder) -> None:
    """`encoding_format: "float"` MUST give what no format gives: a list of numbers.

    It is how a program says that it does not decode base64.
    """
    same(embedder.ask(TEXT, encoding_format="float"), embedder.ask(TEXT), what="Naming the default")


@requirement(
    "api/embeddings/embed-dtype",
    SHOULD,
    source="vLLM embeddings: embed_dtype",
    accepts="embed_dtype",
    honours="embed_dtype",
)
@pytest.mark.parametrize("dtype", DTYPES)
def test_embed_dtype(embedder: Embedder, dtype: str) -> None:
    """`embed_dtype` SHOULD say of which type the numbers in base64 are.

    Half the bytes go over the network for a whole corpus.
    """
    plain = embedder.ask(TEXT)
    response = embedder.post(TEXT, encoding_format="base64", embed_dtype=dtype)
    if dtype != "float32" and encoded(response).shape == plain.shape:
        raise Silent("`embed_dtype` is accepted and ignored", expected=dtype, actual="float32")
    found = encoded(response, DTYPES[dtype])
    allowed = np.abs(plain) * ROUNDED[dtype] + 1e-6
    if found.shape != plain.shape or (np.abs(found - plain) > allowed).any():
        raise Failed(
            f"The numbers in {dtype} are not those of the list",
            expected=plain[0][:4].tolist(),
            actual=found[0][:4].tolist(),
        )


@requirement(
    "api/embeddings/endianness",
    SHOULD,
    source="vLLM embeddings: endianness",
    accepts="endianness",
    honours="endianness",
)
def test_endianness(embedder: Embedder) -> None:
    """`endianness: "big"` SHOULD put the most significant byte of each number first.

    A reader of the other order gets numbers, and wrong ones.
    """
    plain = embedder.ask(TEXT)
    response = embedder.post(TEXT, encoding_format="base64", endianness="big")
    little = encoded(response, "<f4") if _finite(response) else None
    if little is not None and np.abs(little - plain).max() <= 1e-6:
        raise Silent("`endianness` is accepted and ignored", expected="big", actual="little")
    found = encoded(response, ">f4")
    if np.abs(found - plain).max() > 1e-6:
        raise Failed(
            "The numbers in the other byte order are not those of the list",
            expected=plain[0][:4].tolist(),
            actual=found[0][:4].tolist(),
        )


@requirement(
    "api/embeddings/dimensions",
    SHOULD,
    source="OpenAI embeddings.create: dimensions; vLLM: for checkpoints with "
    "`matryoshka_dimensions`",
    accepts="dimensions",
    honours="dimensions",
)
@pytest.mark.parametrize("size", MATRYOSHKA)
def test_dimensions(embedder: Embedder, size: int) -> None:
    """`dimensions` SHOULD give the first numbers of the whole vector, made a unit vector again.

    Stores have columns of one size: a longer vector is an error there, and one that was cut and
    not made longer spoils every comparison by the dot product.
    """
    embedder.golden()
    whole = embedder.ask(TEXT)
    found = embedder.ask(TEXT, dimensions=size)
    if found.shape == whole.shape:
        raise Silent("`dimensions` is accepted and ignored", expected=size, actual=whole.shape[1])
    same(found, whole[:, :size], what=f"A size of {size}")
    of_length_one(found)


@requirement(
    "api/embeddings/without-unit-length",
    SHOULD,
    source="vLLM embeddings: use_activation",
    accepts="use_activation",
    honours="use_activation",
)
def test_without_unit_length(embedder: Embedder) -> None:
    """`use_activation: false` SHOULD leave the vector as long as the model makes it.

    Its length is part of what some models say.
    """
    embedder.golden()
    plain, found = embedder.ask(TEXT), embedder.ask(TEXT, use_activation=False)
    same(found, plain, what="Another length")
    if abs(float(np.linalg.norm(found)) - 1) < 1e-3:
        raise Silent("`use_activation` is accepted and ignored", expected="≠ 1", actual="length 1")


@requirement(
    "api/embeddings/without-special-tokens",
    SHOULD,
    source="vLLM embeddings: add_special_tokens",
    accepts="add_special_tokens",
    honours="add_special_tokens",
)
def test_without_special_tokens(embedder: Embedder) -> None:
    """`add_special_tokens: false` SHOULD give the vector of the text's own tokens alone.

    For texts that bring their special tokens along, which else were doubled.
    """
    golden = embedder.golden()
    found = embedder.ask(TEXT, add_special_tokens=False)
    effective(found, embedder.ask(TEXT), what="`add_special_tokens: false`")
    same(found, embedder.ask(golden.token_ids[5][1:-1]), what="`add_special_tokens: false`")


@requirement(
    "api/embeddings/truncated",
    SHOULD,
    source="vLLM embeddings: truncate_prompt_tokens",
    accepts="truncate_prompt_tokens",
    honours="truncate_prompt_tokens",
)
def test_truncated(embedder: Embedder) -> None:
    """`truncate_prompt_tokens` SHOULD give the vector of a text's first so many tokens, whether the
    last of them is the one that ends every text or not, and count only these.

    Documents are cut rather than refused.
    """
    ids = embedder.golden().token_ids[9]
    response = embedder.post(LONG, truncate_prompt_tokens=KEPT)
    found = embedder.ask(LONG, truncate_prompt_tokens=KEPT)
    effective(found, embedder.ask(LONG), what="`truncate_prompt_tokens`")
    expect.same(answer(response).usage.prompt_tokens, KEPT, what="`prompt_tokens`")
    _either(embedder, found, ids[:KEPT], [*ids[: KEPT - 1], ids[-1]])


@requirement(
    "api/embeddings/truncated-to-the-limit",
    SHOULD,
    source="vLLM embeddings: truncate_prompt_tokens: -1",
    honours="truncate_prompt_tokens",
)
def test_truncated_to_the_limit(embedder: Embedder) -> None:
    """`truncate_prompt_tokens: -1` SHOULD cut a text that is too long to what the model takes.

    A loader that does not know the limit asks for this.
    """
    embedder.golden()
    found = answer(embedder.post(" a" * 400, truncate_prompt_tokens=-1))
    if embedder.target.max_model_len is not None:
        expect.same(
            found.usage.prompt_tokens, embedder.target.max_model_len, what="`prompt_tokens`"
        )


@requirement(
    "api/embeddings/truncation-side",
    SHOULD,
    source="vLLM embeddings: truncation_side",
    accepts="truncation_side",
    honours="truncation_side",
)
@pytest.mark.parametrize("side", ["left", "right"])
def test_truncation_side(embedder: Embedder, side: str) -> None:
    """`truncation_side` SHOULD say on which side a text is cut: "left" keeps its end.

    What matters in a conversation is at its end.
    """
    ids = embedder.golden().token_ids[9]
    found = embedder.ask(LONG, truncate_prompt_tokens=KEPT, truncation_side=side)
    if side == "left":
        end = embedder.ask(LONG, truncate_prompt_tokens=KEPT)
        effective(found, end, what="`truncation_side: left`")
        _either(embedder, found, ids[-KEPT:], [ids[0], *ids[-KEPT + 1 :]])
    else:
        _either(embedder, found, ids[:KEPT], [*ids[: KEPT - 1], ids[-1]])


@requirement(
    "api/embeddings/padded",
    SHOULD,
    source="vLLM 0.32 embeddings: padding; 0.26 and 0.27 do not have it and ignore it",
    accepts="padding",
    honours="padding",
    profiles=("api",),
)
def test_padded(embedder: Embedder) -> None:
    """`padding: "do_not_pad"` SHOULD give the vector of the text as it is, and "max_length", where
    a server has it, that of the text filled up to the limit.

    Models without a mask were trained on texts of one length.
    """
    embedder.golden()
    plain = embedder.ask(TEXT)
    same(embedder.ask(TEXT, padding="do_not_pad"), plain, what="`padding: do_not_pad`")
    filled = answer(embedder.post(TEXT, padding="max_length")).usage.prompt_tokens
    limit = embedder.target.max_model_len
    if limit is not None and filled != answer(embedder.post(TEXT)).usage.prompt_tokens:
        expect.same(filled, limit, what="`prompt_tokens` of a padded text")


@requirement(
    "api/embeddings/request-id",
    MAY,
    source="vLLM embeddings: request_id",
    accepts="request_id",
    honours="request_id",
)
def test_request_id(embedder: Embedder) -> None:
    """A server MAY take `request_id`, and the answer's `id` then holds it.

    It is how a call is found again in the server's log.
    """
    body = expect.ok(embedder.post(TEXT, request_id=of_texts.REQUEST_ID))
    of_texts.of_request(body.get("id"))


HARMLESS: dict[str, object] = {
    "user": "somebody",
    "priority": 0,
    "cache_salt": "pepper",
    "mm_processor_kwargs": None,
    "media_io_kwargs": {},
    "chat_template": None,
}


@requirement(
    "api/embeddings/without-effect",
    SHOULD,
    source="OpenAI embeddings.create: user; vLLM: the others",
    accepts="{name}",
)
@pytest.mark.parametrize("name", HARMLESS)
def test_without_effect(embedder: Embedder, name: str) -> None:
    """A field that has nothing to do with the vector SHOULD be accepted, and leave it as it is.

    Gateways add `user` and `cache_salt` to whatever passes through them.
    """
    chat = {"messages": [{"role": "user", "content": "A cat sleeps."}]}
    of_a_chat = name in ("media_io_kwargs", "chat_template")
    own, input = (chat, None) if of_a_chat else ({}, TEXT)
    plain = embedder.ask(input, **own)
    same(embedder.ask(input, **own, **{name: HARMLESS[name]}), plain, what=f"`{name}`")


def _either(embedder: Embedder, found: np.ndarray, one: list[int], other: list[int]) -> None:
    """What is found is the vector of one of two lists of tokens."""
    wanted = embedder.ask([one, other])
    if (
        min(distance(found, wanted[:1]), distance(found, wanted[1:]))
        > distance(wanted[:1], wanted[1:]) * 0.1
    ):
        same(found, wanted[:1], what="Cutting a text elsewhere than was asked")


def _finite(response: object) -> bool:
    try:
        encoded(response, "<f4")  # type: ignore[arg-type]
    except Failed:
        return False
    return True
