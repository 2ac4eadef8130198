"""A target with rounded weights is known for what it is, and one that is wrong is not excused."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

import fixtures.models
from conformance.compare import parity, production, quantised
from conformance.outcomes import SuiteError
from fixtures.models.matrix import forward
from fixtures.models.matrix.architectures import BY_NAME as ARCHITECTURES
from fixtures.snapshots import noise, scoring
from fixtures.snapshots.quantised import make, schemes, statistics

BY_NAME = {scheme.name: scheme for scheme in schemes.SCHEMES}
MODELS = ("llama-gqa", "qwen2-bias")
SHOWN = (None, 20, 5)
BY_HEART = "script-"


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """What a model says with its weights rounded by a scheme, computed in float32."""

    @cache
    def compute(model, scheme):
        folder = fixtures.models.path(model)
        if scheme is not None:
            rounding = scheme if isinstance(scheme, schemes.Scheme) else BY_NAME[scheme]
            folder = make.rounded(folder, rounding, tmp_path_factory.mktemp("rounded"))
        return scoring.score(folder, "float32", production.load(model).snapshot.prompts)

    return compute


def through(recordings, shown):
    if shown is None:
        return recordings
    return {name: noise.truncated(found, shown) for name, found in recordings.items()}


@pytest.mark.parametrize("shown", SHOWN)
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    ("scheme", "looks"),
    [
        (None, "unquantised"),
        ("affine-8-g64", 8),
        ("affine-4-g64", 4),
        ("Q4_0", 4),
        ("affine-6-g64", 4),
        ("affine-3-g64", None),
    ],
)
def test_a_target_looks_like_the_bits_it_has(seen, model, scheme, looks, shown):
    found = through(seen(model, scheme), shown)
    assert quantised.looks_like(production.load(model), found) == looks


@pytest.mark.parametrize("model", MODELS)
def test_offsets_that_are_left_out_are_no_quantisation(seen, model):
    """4 bits read back wrongly: the group's offset is that of the group before."""

    def shifted(weights):
        groups = weights.float().reshape(len(weights), -1, 64)
        low = groups.amin(-1, keepdim=True)
        return (
            schemes.affine(weights, 4, 64).reshape(groups.shape) - low + low.roll(1, 1)
        ).reshape(weights.shape)

    wrong = schemes.Scheme("wrong", 4, 64, "offsets of another group", shifted)
    recorded = production.load(model)
    found = seen(model, wrong)
    assert quantised.looks_like(recorded, found) is None
    judged = quantised.judge(recorded, found, 4)
    assert judged.verdict == "outside"
    assert "at most" in judged.reason and "weights of 4 bits" in judged.reason


def test_a_model_that_is_read_wrongly_is_not_excused_by_8_bits():
    model = "gemma3-local-global"
    recorded = production.load(model)
    broken = forward.load(fixtures.models.path(model), "float32", ARCHITECTURES[model].features[0])
    found = scoring.of_model(broken, recorded.snapshot.prompts)
    assert quantised.judge(recorded, found, 8).verdict == "outside"


@pytest.mark.parametrize("shown", SHOWN)
@pytest.mark.parametrize("scheme", ["affine-4-g64", "affine-4-g128", "Q4_1"])
def test_what_is_seen_of_a_continuation_is_held_to_what_continuations_cost(seen, scheme, shown):
    recorded = production.load("llama-gqa")
    found = {
        name: noise.at(each, each.positions[each.positions >= each.prompt_length - 1])
        for name, each in through(seen("llama-gqa", scheme), shown).items()
    }
    judged = quantised.judge(recorded, found, 4)
    assert judged.verdict == "inside"
    assert not judged.limits.whole
    assert len(judged.compared()) == 2
    every = quantised.expected("llama-gqa", 4, shown)
    assert judged.limits.kl_mean != every.kl_mean


def test_a_4_bit_target_is_outside_productions_band(seen):
    recorded = production.load("llama-gqa")
    assert parity.compare(recorded, seen("llama-gqa", "affine-4-g64")).verdict == "outside"


def test_few_positions_decide_nothing(seen):
    recorded = production.load("llama-gqa")
    name, found = next(iter(seen("llama-gqa", "affine-4-g64").items()))
    few = {name: noise.at(found, found.positions[: parity.ENOUGH - 1])}
    assert quantised.judge(recorded, few, 4).verdict == "undecided"
    assert quantised.looks_like(recorded, few) is None
    assert quantised.looks_like(recorded, {}) is None


@pytest.mark.parametrize(
    ("scheme", "bits", "limits"),
    [(None, None, 8), ("affine-8-g64", 8, 8), ("affine-4-g64", 4, 4), ("affine-3-g64", None, 4)],
)
def test_a_certificate_gets_the_figures_with_their_limits(seen, scheme, bits, limits):
    recorded = production.load("llama-gqa")
    found = seen("llama-gqa", scheme)
    told = quantised.summary(recorded, found)
    figures = statistics.figures(recorded.snapshot.prompts, found)
    assert (told["bits"], told["limits_are_of_bits"]) == (bits, limits)
    assert told["kl_mean"] == figures.kl_mean
    assert told["kl_p999"] == figures.kl_p999
    assert told["same_top1"] == figures.same_top1
    over = told["kl_mean"] > told["kl_mean_limit"]
    assert over == (scheme == "affine-3-g64")
    assert all(isinstance(value, int | float | str | None) for value in told.values())


def test_limits_are_for_what_was_measured():
    with pytest.raises(SuiteError, match="3 bits"):
        quantised.expected("llama-gqa", 3)
    with pytest.raises(SuiteError, match="not measured"):
        quantised.expected("nobody", 4)
    shown = [quantised.expected("llama-gqa", 4, few) for few in (1, 5, 6, 20, 21, None)]
    assert [each.shown for each in shown] == [5, 5, 20, 20, None, None]
    assert shown[0].kl_mean < shown[2].kl_mean


def test_what_is_known_by_heart_leads_by_more_than_4_bits_overturn(seen):
    """Random tokens are known to nobody: there 4 bits overturn what 8 do not."""
    recorded = production.load("scripted").snapshot.prompts
    by_heart = {name: found for name, found in recorded.items() if name.startswith(BY_HEART)}
    found = statistics.figures(by_heart, seen("scripted", "affine-4-g64"))
    assert found.margin < 11 / 2
    lost = {bits: quantised.overturned("scripted", bits) for bits in (8, 4)}
    assert lost[8] < lost[4]
    with pytest.raises(SuiteError, match="2 bits"):
        quantised.overturned("scripted", 2)


def test_fewer_positions_allow_for_more_chance():
    parts = quantised.expected("llama-gqa", 4, None, {"long/prompt": 300})
    few = quantised.expected("llama-gqa", 4, None, {"long/prompt": 20})
    assert few.kl_mean > parts.kl_mean
    assert np.isfinite(few.kl_mean)
