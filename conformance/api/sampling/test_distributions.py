"""The distribution of sampled answers, exactly: each parameter alone, and several together."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from conformance.api.sampling.cases import OPENAI, RARER, TOGETHER, Case
from conformance.api.sampling.drawing import FORMS
from conformance.api.sampling.judging import Sampling
from conformance.requirements import MUST, SHOULD, requirement

OPERATIONS = {"chat": "chat.completions.create", "completions": "completions.create"}
ORDER = "vLLM: vllm/v1/sample/sampler.py, the order of its steps"


def _covered(cases: Mapping[str, Case]) -> dict[str, str]:
    """By case, the fields that it shows to be honoured."""
    return {
        f"{form}-{name}": f"{OPERATIONS[form]}: {', '.join(case.fields)}"
        for name, case in cases.items()
        for form in FORMS
    }


def _each(cases: Mapping[str, Case]) -> pytest.MarkDecorator:
    """Every case as chat and as a legacy completion."""
    found = [
        pytest.param(form, case, id=f"{form}-{name}")
        for name, case in cases.items()
        for form in FORMS
    ]
    return pytest.mark.parametrize(("form", "case"), found)


@requirement(
    "api/sampling/distribution",
    MUST,
    source="OpenAI chat.completions.create, completions.create: temperature, top_p",
    profiles=("api",),
    honours=_covered(OPENAI),
)
@_each(OPENAI)
def test_distribution(sampling: Sampling, form: str, case: Case) -> None:
    """Sampled answers MUST have the distribution that the model gives and `temperature` and `top_p`
    make of it.

    Every measured figure of a model, from its accuracy to its safety, is one of this distribution;
    a sampler that is a little off is off in all of them, and no single answer shows it.
    """
    sampling.distributed(form, case)


@requirement(
    "api/sampling/distribution-rarer",
    SHOULD,
    source="OpenAI chat.completions.create: logit_bias, presence_penalty, frequency_penalty; "
    "vLLM: top_k, min_p, allowed_token_ids, bad_words, structured_outputs",
    profiles=("api",),
    honours=_covered(RARER),
)
@_each(RARER)
def test_distribution_rarer(sampling: Sampling, form: str, case: Case) -> None:
    """Each other parameter of sampling SHOULD change the distribution as its definition says, and
    no more.

    A constraint or a ban leaves the odds of what is still allowed as they were: only then are
    its answers the model's own.
    """
    sampling.distributed(form, case)


@requirement(
    "api/sampling/order",
    SHOULD,
    source=ORDER,
    profiles=("api",),
    honours=_covered(TOGETHER),
)
@_each(TOGETHER)
def test_order(sampling: Sampling, form: str, case: Case) -> None:
    """Several parameters together SHOULD be applied in production's order.

    Model cards recommend them together, tuned in that order: a `top_p` before the temperature keeps
    other words than one after it.
    """
    sampling.distributed(form, case)
