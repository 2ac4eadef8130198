"""What a batch is asked for, by field: the parameters, and whether they change an answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from conformance.api.prompts import Prompts, assistant
from conformance.compare import extensions, stops, vocabulary
from conformance.compare.tokens import Tokenizer

Messages = list[dict[str, Any]]

SAMPLED: dict[str, Any] = {"temperature": 1, "seed": 3}
HOT: dict[str, Any] = {"temperature": 2, "seed": 3}
DRAWS = 12
BEGUN: dict[str, Any] = {"continue_final_message": True, "add_generation_prompt": False}


@dataclass(frozen=True)
class Case:
    """Parameters of a request, and what it would be without the one that is looked at.

    Attributes:
        parameters: with the field.
        without: of a request that is answered otherwise; None where nothing changes.
    """

    parameters: dict[str, Any]
    without: dict[str, Any] | None = field(default_factory=dict)


EFFECTIVE: dict[str, Case] = {
    "frequency_penalty": Case({"frequency_penalty": 2}),
    "presence_penalty": Case({"presence_penalty": 2}),
    "logprobs": Case({"logprobs": True}),
    "top_logprobs": Case({"logprobs": True, "top_logprobs": 2}, {"logprobs": True}),
    "max_tokens": Case({"max_tokens": 2}),
    "max_completion_tokens": Case({"max_completion_tokens": 2}),
    "seed": Case(SAMPLED, {"temperature": 1, "seed": 4}),
    "temperature": Case({**HOT, "top_k": 4}),
    "top_p": Case({**HOT, "top_p": 1e-6}, HOT),
    "top_k": Case({**HOT, "top_k": 1}, HOT),
    "min_p": Case({**HOT, "min_p": 1.0}, HOT),
    "response_format": Case({"response_format": {"type": "json_object"}}),
    "structured_outputs": Case({"structured_outputs": {"choice": ["left", "right"]}}),
    "return_token_ids": Case({"return_token_ids": True}),
    "return_tokens_as_token_ids": Case(
        {"logprobs": True, "return_tokens_as_token_ids": True}, {"logprobs": True}
    ),
    "continue_final_message": Case(BEGUN, {}),
    "echo": Case({**BEGUN, "echo": True}, BEGUN),
}
"""What changes an answer. Others need tokens, and are made in `effective`."""

PASSIVE: dict[str, Any] = {
    "n": 1,
    "user": "person-1",
    "tool_choice": "none",
    "best_of": 1,
    "use_beam_search": False,
    "watermarking": False,
    "length_penalty": 1.0,
    "early_stopping": False,
    "media_io_kwargs": {"image": {}},
    "mm_processor_kwargs": {},
    "priority": 0,
    "cache_salt": "a-salt-of-43-characters-0123456789-abcdefgh",
    "guided_decoding_backend": "auto",
}
"""At values that change nothing."""

UNSURE = ("frequency_penalty", "presence_penalty", "seed", "temperature")
"""Of these, what shows only where a model is not sure of its answer."""

WITH_TOKENS = (
    "logit_bias", "logprob_token_ids", "repetition_penalty", "stop", "include_stop_str_in_output",
)  # fmt: skip


def effective(name: str, prompts: Prompts, tokenizer: Tokenizer, plain: str) -> Case:
    """A case whose parameters may be of the model's tokens, or of its plain answer to `words`.

    Raises:
        Inconclusive: the vocabulary or the answer does not allow it.
    """
    if name == "logit_bias":
        id = vocabulary.word_outside(tokenizer, prompts.words[-1]["content"])
        return Case({"logit_bias": {str(id): 100}})
    if name == "logprob_token_ids":
        asked = {"logprobs": True, "logprob_token_ids": vocabulary.two_words(tokenizer)}
        return Case(asked, {"logprobs": True})
    if name == "repetition_penalty":
        # As far as the plain answer and its end; what a model goes on with is all near ties.
        length = {"max_tokens": len(tokenizer.encode(plain, special=False)) + 1}
        return Case({"repetition_penalty": 5, **length}, length)
    if name in ("stop", "include_stop_str_in_output"):
        stop = {"stop": [stops.straddling(plain)]}
        if name == "stop":
            return Case(stop)
        return Case({**stop, "include_stop_str_in_output": True}, stop)
    return EFFECTIVE[name]


def conversations(name: str, prompts: Prompts, plain: str) -> list[Messages]:
    """Two conversations; begun answers where these are to be gone on with.

    Where answers are drawn the second comes many times: one draw is what it has to be by chance,
    too.
    """
    if name in ("continue_final_message", "echo"):
        begun = assistant(extensions.beginning(plain))
        return [[*prompts.words, begun], [*prompts.heated, begun]]
    drawn = name in EFFECTIVE and EFFECTIVE[name].parameters.get("temperature")
    second = prompts.draw if name in UNSURE else prompts.heated
    return [prompts.words, *[second] * (DRAWS if drawn else 1)]
