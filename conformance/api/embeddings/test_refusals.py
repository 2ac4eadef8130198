"""POST /embeddings: what is refused, and that the server goes on afterwards."""

from __future__ import annotations

from typing import Any

import pytest

from conformance.api import expect
from conformance.api.invalid import context_length
from conformance.api.vectors import Embedder
from conformance.requirements import MUST, SHOULD, requirement

WRONG: dict[str, tuple[str, dict[str, Any]]] = {
    "without-input": ("input", {}),
    "no-text": ("input", {"input": []}),
    "no-token": ("input", {"input": [[]]}),
    "mixed-input": ("input", {"input": ["a", 5]}),
    "number": ("input", {"input": 5}),
    "unknown-token": ("input", {"input": [10_000_000]}),
    "negative-token": ("input", {"input": [-1]}),
    "encoding-format": ("encoding_format", {"input": "a", "encoding_format": "morse"}),
    "dimensions-zero": ("dimensions", {"input": "a", "dimensions": 0}),
    "dimensions-beyond": ("dimensions", {"input": "a", "dimensions": 100_000}),
}

WRONG_OF_VLLM: dict[str, tuple[str, dict[str, Any]]] = {
    "embed-dtype": ("embed_dtype", {"input": "a", "embed_dtype": "float7"}),
    "endianness": ("endianness", {"input": "a", "endianness": "middle"}),
    "truncate-below": ("truncate_prompt_tokens", {"input": "a", "truncate_prompt_tokens": -2}),
    "truncate-beyond": (
        "truncate_prompt_tokens",
        {"input": "a", "truncate_prompt_tokens": 100_000},
    ),
    "truncation-side": (
        "truncation_side",
        {"input": "a", "truncate_prompt_tokens": 2, "truncation_side": "middle"},
    ),
    "cache-salt": ("cache_salt", {"input": "a", "cache_salt": ""}),
    "use-activation": ("use_activation", {"input": "a", "use_activation": "perhaps"}),
    "add-special-tokens": ("add_special_tokens", {"input": "a", "add_special_tokens": "perhaps"}),
    "priority": ("priority", {"input": "a", "priority": "high"}),
    "no-message": ("messages", {"messages": []}),
    "prompt-and-continued": (
        "add_generation_prompt, continue_final_message",
        {
            "messages": [{"role": "user", "content": "a"}],
            "add_generation_prompt": True,
            "continue_final_message": True,
        },
    ),
    "chat-template": (
        "chat_template",
        {"messages": [{"role": "user", "content": "a"}], "chat_template": "{{ messages[0] }}"},
    ),
    "chat-template-kwargs": (
        "chat_template_kwargs",
        {"messages": [{"role": "user", "content": "a"}], "chat_template_kwargs": "none"},
    ),
}


def _goes_on(embedder: Embedder) -> None:
    """The next valid request is answered."""
    embedder.ask("a")


@requirement(
    "api/embeddings/refused",
    MUST,
    source="OpenAI embeddings.create; vLLM answers 400",
    refuses={case: field for case, (field, _) in WRONG.items()},
)
@pytest.mark.parametrize("case", WRONG)
def test_refused(embedder: Embedder, case: str) -> None:
    """A request that is wrong MUST be refused with 400 or 422 and an OpenAI error, and the next
    valid one answered.

    A vector that is made up for an input that was lost is stored and found for ever.
    """
    field, body = WRONG[case]
    expect.refused(embedder.post(None, **body), what=f"A wrong `{field}`")
    _goes_on(embedder)


@requirement(
    "api/embeddings/refused-of-vllm",
    SHOULD,
    source="vLLM 0.32 answers 400",
    refuses={case: field for case, (field, _) in WRONG_OF_VLLM.items()},
    profiles=("api",),
)
@pytest.mark.parametrize("case", WRONG_OF_VLLM)
def test_refused_of_vllm(embedder: Embedder, case: str) -> None:
    """A wrong value of a field that only vLLM has SHOULD be refused as production refuses it.

    A server that drops what it does not know answers as if nothing had been asked for.
    """
    field, body = WRONG_OF_VLLM[case]
    expect.refused(embedder.post(None, **body), what=f"A wrong `{field}`")
    _goes_on(embedder)


@requirement(
    "api/embeddings/too-long",
    MUST,
    source="OpenAI embeddings.create: input must not exceed the model's limit; vLLM answers 400",
    refuses="input",
)
def test_too_long(embedder: Embedder) -> None:
    """An input of more tokens than the model takes MUST be refused, and not silently cut.

    What is cut is not found: the end of every long document would be missing from the index.
    """
    length = context_length(embedder.target)
    expect.refused(embedder.post(" a" * (length + 1)), what="An input that is too long")
    _goes_on(embedder)


@requirement(
    "api/embeddings/too-long-in-a-batch",
    MUST,
    source="OpenAI embeddings.create: input; vLLM answers 400",
    refuses="input",
)
def test_too_long_in_a_batch(embedder: Embedder) -> None:
    """A batch with one input that is too long MUST be refused as a whole.

    An answer with a vector less is read as if every document after it were another one.
    """
    length = context_length(embedder.target)
    expect.refused(
        embedder.post(["a", " a" * (length + 1), "b"]), what="A batch with an input too long"
    )
    _goes_on(embedder)


@requirement(
    "api/embeddings/dimensions-untrained",
    SHOULD,
    source="vLLM: only the `matryoshka_dimensions` of the checkpoint",
    refuses="dimensions",
)
def test_dimensions_untrained(embedder: Embedder) -> None:
    """A size that the checkpoint was not trained for SHOULD be refused.

    A vector that is cut anywhere looks like one, and finds worse.
    """
    embedder.golden()
    expect.refused(embedder.post("a", dimensions=33), what="A size that the model does not have")


@requirement(
    "api/embeddings/unknown-model",
    MUST,
    source="OpenAI errors: 404 model_not_found; vLLM answers 404",
    refuses="model",
)
def test_unknown_model(embedder: Embedder) -> None:
    """A model that is not served MUST be refused with 404, 400 or 422.

    Vectors of another model than was asked for are of no use beside those in the store.
    """
    response = embedder.client.post("/embeddings", {"model": "no-such-model", "input": "a"})
    expect.refused(response, what="An unknown model", statuses=(404, 400, 422))
