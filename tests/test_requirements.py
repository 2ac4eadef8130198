"""The requirement marker, and every requirement that there is."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from conformance import catalogue
from conformance.compare import production
from conformance.outcomes import Level
from conformance.requirements import MUST, PROFILES, Requirement, of_model, requirement


def sound() -> None:
    """The server MUST answer.

    Nobody waits for ever.
    """


def no_level() -> None:
    """The server answers."""


def silent() -> None: ...


def test_the_docstring_is_the_requirement() -> None:
    (mark,) = requirement("api/chat/x", MUST, source="s")(sound).pytestmark  # type: ignore[attr-defined]
    stated: Requirement = mark.args[0]
    assert stated.title == "The server MUST answer."
    assert stated.why == "Nobody waits for ever."


@pytest.mark.parametrize(
    ("function", "id", "profiles", "complaint"),
    [
        (no_level, "api/chat/x", ("core",), "must contain MUST"),
        (silent, "api/chat/x", ("core",), "needs a docstring"),
        (sound, "chat", ("core",), "not of the form"),
        (sound, "api/chat/X y", ("core",), "not of the form"),
        (sound, "api/chat/x", ("cores",), "unknown profile cores"),
    ],
)
def test_a_requirement_that_breaks_the_rules_is_refused(
    function: object, id: str, profiles: tuple[str, ...], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        requirement(id, MUST, source="s", profiles=profiles)(function)  # type: ignore[type-var]


STATED = Requirement("numerics/distribution/kl", MUST, "It MUST.", "why", "s", ("numerics",))


@pytest.mark.parametrize(
    ("id", "of_it"),
    [
        ("numerics/distribution/kl", "numerics/distribution/kl[llama-gqa]"),
        ("numerics/distribution/kl[long]", "numerics/distribution/kl[llama-gqa-long]"),
        ("api/chat/n", "api/chat/n"),
        ("runner/production/kl[llama-gqa]", "runner/production/kl[llama-gqa]"),
    ],
)
def test_a_requirement_of_the_numerics_is_one_of_each_model(id: str, of_it: str) -> None:
    assert of_model(replace(STATED, id=id), "llama-gqa").id == of_it


def test_the_ids_that_a_known_failures_file_may_name() -> None:
    known = catalogue.known_ids()
    for model in production.names():
        assert f"numerics/model/served[{model}]" in known
    assert "api/chat/n" in known
    assert "numerics/model/served" not in known
    assert "numerics/model/served[nonesuch]" not in known


@pytest.fixture(scope="module")
def all_requirements() -> tuple[Requirement, ...]:
    return catalogue.requirements()


def test_there_is_a_body_of_requirements(all_requirements: tuple[Requirement, ...]) -> None:
    ids = [stated.id for stated in all_requirements]
    assert len(set(ids)) == len(ids) >= 70
    assert sum(stated.level is Level.MUST for stated in all_requirements) >= 40


def test_every_requirement_is_one_sentence_with_a_reason_and_a_source(
    all_requirements: tuple[Requirement, ...],
) -> None:
    wanting = [
        stated.id
        for stated in all_requirements
        if not stated.title.endswith(".")
        or len(re.findall(r"\b(MUST|SHOULD|MAY)\b", stated.title)) != 1
        or not stated.why
        or not stated.source
    ]
    assert wanting == []


def test_core_is_contained_in_api(all_requirements: tuple[Requirement, ...]) -> None:
    assert [r.id for r in all_requirements if {"core", "api"} & {*r.profiles} == {"core"}] == []
    assert {profile for r in all_requirements for profile in r.profiles} <= set(PROFILES)
