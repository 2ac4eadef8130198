"""Which production a server is compared with: by its weights, by its name, and never by guess."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import fixtures.models
from conformance.api.numerics.identity import production_of
from conformance.outcomes import Inconclusive
from conformance.targets.server import ServerTarget
from fixtures.models.cache import weights_sha256


@pytest.fixture(scope="module")
def llama() -> Path:
    return fixtures.models.path("llama-gqa")


@pytest.fixture(scope="module")
def target(llama: Path) -> ServerTarget:
    return ServerTarget("x", "http://x/v1", "llama-gqa", tokenizer_dir=str(llama))


def test_by_the_name(target: ServerTarget) -> None:
    assert production_of(target).model == "llama-gqa"


def test_by_a_name_that_is_a_path(target: ServerTarget, llama: Path) -> None:
    assert production_of(replace(target, model=f"{llama}/")).model == "llama-gqa"


def test_by_the_weights_whatever_the_name(target: ServerTarget, llama: Path) -> None:
    named = replace(target, model="mistral-window", weights_sha256=weights_sha256(llama))
    assert production_of(named).model == "llama-gqa"


def test_unknown_weights_of_a_known_name_are_those_of_another_format(target: ServerTarget) -> None:
    assert production_of(replace(target, weights_sha256="0" * 64)).model == "llama-gqa"


def test_a_model_that_is_not_on_file(target: ServerTarget) -> None:
    with pytest.raises(Inconclusive, match=r"would decide .*, or one of .*llama-gqa"):
        production_of(replace(target, model="gpt-17", tokenizer_dir="/models/gpt-17"))


def test_a_name_with_another_tokenizer(target: ServerTarget) -> None:
    other = str(fixtures.models.path("scripted"))
    with pytest.raises(Inconclusive, match="another tokenizer than production's llama-gqa"):
        production_of(replace(target, tokenizer_dir=other))


def test_without_a_tokenizer(target: ServerTarget) -> None:
    with pytest.raises(Inconclusive, match="--tokenizer DIR would decide"):
        production_of(replace(target, tokenizer_dir=None))
