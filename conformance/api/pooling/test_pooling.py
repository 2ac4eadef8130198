"""POST /pooling: what a model's pooler gives, as it is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from conformance.api import expect, of_texts
from conformance.api.invalid import context_length
from conformance.api.pooled import Pooler
from conformance.api.vectors import effective, encoded_as, same
from conformance.outcomes import Failed, Silent
from conformance.requirements import MAY, SHOULD, requirement
from fixtures.goldens.tasks.texts import TEXTS

TEXT, LONG = TEXTS[5], TEXTS[9]
CHAT = [{"role": "user", "content": "A cat sleeps."}]


@requirement(
    "api/pooling/create",
    SHOULD,
    source="vLLM /pooling",
    accepts="input, model",
    honours="input; /pooling:",
)
def test_create(pooler: Pooler) -> None:
    """Of an embedding model, /pooling SHOULD give the vectors that /embeddings gives, one a text.

    Programs that read rewards, tokens and embeddings alike ask here.
    """
    texts = [TEXT, LONG, TEXTS[0]]
    same(pooler.pool(input=texts), pooler.ask(texts), what="Another operation")


@requirement("api/pooling/tokens", SHOULD, source="vLLM /pooling: input", honours="input")
def test_tokens(pooler: Pooler) -> None:
    """Token ids, and lists of them, SHOULD get what the text that has them gets.

    A text that was split by tokens is sent so.
    """
    ids = pooler.golden().token_ids
    same(pooler.pool(input=ids[5]), pooler.ask(TEXT), what="Token ids")
    same(pooler.pool(input=[ids[5], ids[9]]), pooler.ask([TEXT, LONG]), what="Token ids")


@requirement(
    "api/pooling/task", SHOULD, source="vLLM /pooling: task", accepts="task", honours="task"
)
def test_task(pooler: Pooler) -> None:
    """`task: "embed"` SHOULD give an embedding model's vectors, as without it.

    It says which of several things a model does.
    """
    same(pooler.pool(input=TEXT, task="embed"), pooler.pool(input=TEXT), what="Naming the task")


@requirement(
    "api/pooling/base64",
    SHOULD,
    source="vLLM /pooling: encoding_format, embed_dtype, endianness",
    accepts="encoding_format, embed_dtype, endianness",
    honours="encoding_format, embed_dtype, endianness",
)
@pytest.mark.parametrize(
    ("dtype", "endianness", "form"),
    [("float32", "little", "<f4"), ("float32", "big", ">f4"), ("float16", "little", "<f2")],
    ids=["float32", "big-endian", "float16"],
)
def test_base64(pooler: Pooler, dtype: str, endianness: str, form: str) -> None:
    """`encoding_format: "base64"` SHOULD give the same numbers, of the type and in the byte order
    that are asked for.

    States of whole documents are large.
    """
    plain = pooler.pool(input=TEXT)
    response = pooler.own(
        "/pooling",
        input=TEXT,
        encoding_format="base64",
        embed_dtype=dtype,
        endianness=endianness,
    )
    found = encoded_as(response, "data", form)
    if found.shape != plain.shape or np.abs(found - plain).max() > 2.0**-11:
        raise Failed(
            "The numbers in base64 are not those of the list",
            expected=plain[0][:4].tolist(),
            actual=found[0][:4].tolist(),
        )


@requirement(
    "api/pooling/raw",
    SHOULD,
    source="vLLM /pooling: use_activation",
    accepts="use_activation",
    honours="use_activation",
)
def test_raw(pooler: Pooler) -> None:
    """`use_activation: false` SHOULD leave the vector as long as the model makes it.

    It is the operation for what a model gives as it is.
    """
    pooler.golden()
    found = pooler.pool(input=TEXT, use_activation=False)
    if abs(float(np.linalg.norm(found)) - 1) < 1e-3:
        raise Silent("`use_activation` is accepted and ignored", expected="≠ 1", actual="length 1")
    same(found, pooler.pool(input=TEXT), what="Another length")


@requirement(
    "api/pooling/without-special-tokens",
    SHOULD,
    source="vLLM /pooling: add_special_tokens",
    accepts="add_special_tokens",
    honours="add_special_tokens",
)
def test_without_special_tokens(pooler: Pooler) -> None:
    """`add_special_tokens: false` SHOULD pool the text's own tokens alone.

    For texts that bring their special tokens along.
    """
    ids = pooler.golden().token_ids[5][1:-1]
    found = pooler.pool(input=TEXT, add_special_tokens=False)
    effective(found, pooler.pool(input=TEXT), what="`add_special_tokens: false`")
    same(found, pooler.pool(input=ids), what="`add_special_tokens: false`")


@requirement(
    "api/pooling/cut",
    SHOULD,
    source="vLLM /pooling: truncate_prompt_tokens, truncation_side",
    accepts="truncate_prompt_tokens, truncation_side",
    honours="truncate_prompt_tokens, truncation_side",
)
@pytest.mark.parametrize("side", ["right", "left"])
def test_cut(pooler: Pooler, side: str) -> None:
    """A text SHOULD be cut as for /embeddings.

    Texts are cut rather than refused.
    """
    pooler.golden()
    how = {"truncate_prompt_tokens": 12, "truncation_side": side}
    found = pooler.pool(input=LONG, **how)
    effective(found, pooler.pool(input=LONG), what="`truncate_prompt_tokens`")
    same(found, pooler.ask(LONG, **how), what="Cutting at another operation")


@requirement(
    "api/pooling/chat",
    SHOULD,
    source="vLLM /pooling: messages and what says how they become a prompt",
    accepts="{names}",
    honours="{names}",
)
@pytest.mark.parametrize(
    ("names", "options"),
    [
        ("messages", {}),
        ("add_generation_prompt", {"add_generation_prompt": True}),
        ("continue_final_message", {"continue_final_message": True}),
        ("chat_template_kwargs", {"chat_template_kwargs": {"instruction": "Find it."}}),
    ],
    ids=["messages", "generation-prompt", "continued", "template-kwargs"],
)
def test_chat(pooler: Pooler, names: str, options: dict[str, Any]) -> None:
    """`messages` SHOULD get the vector that /embeddings gives for them, with each option.

    Models that embed with an instruction take it as a message.
    """
    pooler.golden()
    found = pooler.pool(messages=CHAT, **options)
    if options:
        effective(found, pooler.pool(messages=CHAT), what=f"`{names}`")
    same(found, pooler.ask(None, messages=CHAT, **options), what="Another operation")


@requirement(
    "api/pooling/request-id",
    MAY,
    source="vLLM /pooling: request_id",
    accepts="request_id",
    honours="request_id",
)
def test_request_id(pooler: Pooler) -> None:
    """A server MAY take `request_id`, and the answer's `id` then holds it.

    It is how a call is found again in the server's log.
    """
    found = expect.ok(pooler.own("/pooling", input="a", request_id=of_texts.REQUEST_ID))
    of_texts.of_request(found.get("id"))


@requirement(
    "api/pooling/without-effect",
    SHOULD,
    source="vLLM /pooling: fields that do not concern the vector",
    accepts="{name}",
)
@pytest.mark.parametrize("name", of_texts.HARMLESS_OF_CHATS)
def test_without_effect(pooler: Pooler, name: str) -> None:
    """A field that has nothing to do with the vector SHOULD be accepted, and leave it.

    Gateways add `user` and `cache_salt` to whatever passes through them.
    """
    own: dict[str, Any] = {"messages": CHAT} if name == "media_io_kwargs" else {"input": TEXT}
    same(
        pooler.pool(**own, **{name: of_texts.HARMLESS_OF_CHATS[name]}),
        pooler.pool(**own),
        what=f"`{name}`",
    )


WRONG: dict[str, tuple[str, dict[str, Any]]] = {
    "without-input": ("input", {}),
    "no-text": ("input", {"input": []}),
    "unknown-token": ("input", {"input": [10_000_000]}),
    "encoding-format": ("encoding_format", {"input": "a", "encoding_format": "morse"}),
    "embed-dtype": ("embed_dtype", {"input": "a", "embed_dtype": "float7"}),
    "endianness": ("endianness", {"input": "a", "endianness": "middle"}),
    "dimensions": ("dimensions", {"input": "a", "dimensions": 32}),
    "task-unknown": ("task", {"input": "a", "task": "guess"}),
    "task-of-others": ("task", {"input": "a", "task": "classify"}),
    "use-activation": ("use_activation", {"input": "a", "use_activation": "perhaps"}),
    "add-special-tokens": ("add_special_tokens", {"input": "a", "add_special_tokens": "perhaps"}),
    "truncate-below": ("truncate_prompt_tokens", {"input": "a", "truncate_prompt_tokens": -2}),
    "truncation-side": ("truncation_side", {"input": "a", "truncation_side": "middle"}),
    "cache-salt": ("cache_salt", {"input": "a", "cache_salt": ""}),
    "priority": ("priority", {"input": "a", "priority": "high"}),
    "data": ("data", {"data": {"of": "a plug-in"}}),
    "no-message": ("messages", {"messages": []}),
    "chat-template": ("chat_template", {"messages": CHAT, "chat_template": "{{ messages[0] }}"}),
    "chat-template-kwargs": (
        "chat_template_kwargs",
        {"messages": CHAT, "chat_template_kwargs": "none"},
    ),
    "prompt-and-continued": (
        "add_generation_prompt, continue_final_message",
        {"messages": CHAT, "add_generation_prompt": True, "continue_final_message": True},
    ),
}


@requirement(
    "api/pooling/refused",
    SHOULD,
    source="vLLM 0.32 /pooling answers 400; `dimensions` it does not take here",
    refuses={case: field for case, (field, _) in WRONG.items()},
    profiles=("api",),
)
@pytest.mark.parametrize("case", WRONG)
def test_refused(pooler: Pooler, case: str) -> None:
    """What is wrong, or asks for what this model or operation does not do, SHOULD be refused as
    production refuses it, and the next valid request answered.

    A server that drops what it does not know answers as if nothing had been asked for.
    """
    field, body = WRONG[case]
    expect.refused(pooler.own("/pooling", **body), what=f"A wrong `{field}`")
    pooler.pool(input="a")


@requirement("api/pooling/too-long", SHOULD, source="vLLM /pooling: 400", refuses="input")
def test_too_long(pooler: Pooler) -> None:
    """A text of more tokens than the model takes SHOULD be refused, and not silently cut.

    What is cut is not found.
    """
    length = context_length(pooler.target)
    response = pooler.own("/pooling", input=" a" * (length + 1))
    expect.refused(response, what="A text that is too long")


@requirement("api/pooling/unknown-model", SHOULD, source="vLLM /pooling: 404", refuses="model")
def test_unknown_model(pooler: Pooler) -> None:
    """A model that is not served SHOULD be refused with 404, 400 or 422.

    What its pooler gives is something else.
    """
    response = pooler.client.post(
        f"{pooler.client.root}/pooling", {"model": "no-such-model", "input": "a"}
    )
    expect.refused(response, what="An unknown model", statuses=(404, 400, 422))
