"""The list of mutants: every real bug of the numerics is in it, and each changes what it says."""

from __future__ import annotations

import json

import pytest
import torch

import fixtures.models
from conformance.selftest import routes
from fixtures.models.matrix import forward
from fixtures.models.matrix.architectures import BY_NAME as ARCHITECTURES
from fixtures.mutants.checkpoint import misread
from fixtures.mutants.numerics import BY_NAME, NUMERICS

BUGS = (
    "softcap ignored",
    "sliding window ignored on every layer",
    "#282",
    "#550",
    "Ministral 3",
    "#292",
    "#496",
    "#195, #144",
    "7e70293",
    "#480",
    "#125, #198",
    "#81",
    "#573, #581",
    "#1379",
    "a kernel is chosen by the shape of the batch",
)
"""Bugs of numerics that Mac backends really had, by what the mutants call them."""

IDS = [7 * place % 509 + 3 for place in range(40)]


@pytest.mark.parametrize("bug", BUGS)
def test_every_real_bug_has_a_mutant(bug):
    assert any(bug in mutant.bug for mutant in NUMERICS)


def test_names_are_unique():
    assert len(BY_NAME) == len(NUMERICS) >= 50


def test_models_are_fixtures():
    assert {name for mutant in NUMERICS for name in mutant.models} <= set(fixtures.models.names())


def test_a_configuration_is_misread(tmp_path):
    mutant = BY_NAME["mistral-window: window bound"]
    folder = misread(mutant, tmp_path / "checkpoint")
    known = fixtures.models.path("mistral-window")
    assert {file.name for file in folder.iterdir()} == {file.name for file in known.iterdir()}
    config = json.loads((known / "config.json").read_text())
    assert json.loads((folder / "config.json").read_text()) == {**config, "sliding_window": 41}


def test_a_fault_of_code_is_no_configuration(tmp_path):
    with pytest.raises(ValueError, match="more than a configuration"):
        misread(BY_NAME["mask-lost"], tmp_path / "checkpoint")


@pytest.mark.parametrize("model", ["gemma3-local-global", "cohere2-parallel", "deepseek-mla"])
def test_hooks_that_change_nothing_change_nothing(model):
    """Every place that a fault can be put into, without a fault, whatever the architecture."""
    from fixtures.mutants import hooks

    sound, hooked = routes.load(model), routes.load(model)
    hooks.mask(hooked, lambda allowed, back, step: allowed)
    hooks.positions(hooked, lambda positions, step: positions)
    hooks.key_values(
        hooked,
        write=lambda keys, values, layer, step: (keys, values),
        read=lambda keys, values, layer, step: (keys, values),
    )
    hooks.logits(hooked, lambda found: found)
    one, other = (forward.logits(each, {"": IDS})[""] for each in (sound, hooked))
    assert (one == other).all()


def test_architectures_have_attention_where_hooks_look_for_it():
    from fixtures.mutants import hooks

    for name, architecture in ARCHITECTURES.items():
        model = routes.load(name)
        layers = architecture.config["num_hidden_layers"]
        assert [number for number, _ in hooks.attentions(model)] == list(range(layers))
        assert all(module.layer_idx == number for number, module in hooks.attentions(model))


@pytest.mark.parametrize(
    ("bits", "most"),
    [(8, 2**-8), (4, 2**-4)],
)
def test_rounding_to_the_nearest_integer(bits, most):
    """No weight is off by more than half a step of its group's range."""
    from fixtures.mutants.rounding import GROUP, in_groups

    weight = torch.linspace(-1, 3, 4 * GROUP).view(2, -1)
    off = (in_groups(weight, bits) - weight).abs().view(-1, GROUP).amax(-1)
    ranges = weight.view(-1, GROUP).amax(-1) - weight.view(-1, GROUP).amin(-1)
    assert (off <= ranges / (2**bits - 1) / 2 * 1.01).all()
    assert (off > ranges * most / 8).all()
