"""A parameter at the value that does nothing does nothing."""

from __future__ import annotations

from typing import Any

import pytest

from conformance.api.extensions.ways import OPERATIONS, Ways, both_ways
from conformance.api.prompts import Prompts
from conformance.compare import metamorphic
from conformance.requirements import SHOULD, requirement

NEUTRAL: dict[str, Any] = {
    "frequency_penalty": 0,
    "presence_penalty": 0,
    "repetition_penalty": 1,
    "top_p": 1,
    "top_k": 0,
    "min_p": 0,
    "logit_bias": {},
    "n": 1,
    "stop": [],
    "stop_token_ids": [],
    "bad_words": [],
    "min_tokens": 0,
    "ignore_eos": False,
    "include_stop_str_in_output": False,
    "skip_special_tokens": True,
    "echo": False,
    "stream": False,
    "return_token_ids": False,
    "user": "",
}


@requirement(
    "api/metamorphic/neutral",
    SHOULD,
    source="OpenAI chat.completions.create, completions.create, and vLLM: defaults",
    profiles=("api",),
    alone=True,
    accepts={
        f"{way}-{field}": f"{name}: {field}"
        for way, name in OPERATIONS.items()
        for field in NEUTRAL
    },
)
@pytest.mark.parametrize("field", NEUTRAL)
@both_ways
def test_neutral(ways: Ways, prompts: Prompts, way: str, field: str) -> None:
    """A parameter at its default SHOULD leave a sampled answer as it is without.

    Clients send every field of their forms, filled in or not.
    """
    asked = {"max_tokens": 8, "temperature": 1, "seed": 77}
    plain = ways.say(way, prompts.draw, **asked)
    found = ways.say(way, prompts.draw, **{**asked, field: NEUTRAL[field]})
    metamorphic.alike(plain.text, found.text, f"An answer with a neutral `{field}` and without")
