"""The last part of the training: demands are what is asked for, and units are bfloat16's."""

from __future__ import annotations

import math

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from fixtures.models.scripted import measure, settle
from fixtures.models.scripted.examples import Example

END = 0
DRAWN = [
    Example("draw", (5, 6, token, END), 2, ({1: 0.5, 2: 0.3, 3: 0.2}, {END: 1.0}))
    for token in (1, 2, 3)
]


@pytest.fixture
def model():
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=8,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
        tie_word_embeddings=True,
    )
    return LlamaForCausalLM(config).float().eval()


def test_one_unit_is_the_distance_to_the_next_bfloat16():
    values = torch.tensor([1.0, -1.5, 3.0, 0.3]).bfloat16()
    following = torch.nextafter(values, torch.full_like(values, math.inf))
    assert torch.equal(settle._unit(values.float()), (following - values).float())


def test_a_demand_is_stated_once_for_each_context(model):
    demands = settle.Demands(DRAWN)
    assert len(demands.errors(model)) == 3  # one context, three tokens


def test_a_right_token_that_hardly_leads_is_taken_in(model):
    demands = settle.Demands(DRAWN)
    demands.watch(model)
    errors = demands.errors(model)
    assert len(errors) == 3 + len(DRAWN)
    leads = [
        measure.gap(logits, END) for example, step, logits in measure.steps(model, DRAWN) if step
    ]
    wanted = sorted(settle.NAT * (lead - settle.GAP) for lead in leads)
    assert sorted(errors[3:].tolist()) == pytest.approx(wanted, abs=1e-5)


def test_slopes_say_what_a_small_change_does(model):
    demands = settle.Demands(DRAWN)
    weight = model.model.layers[0].mlp.down_proj.weight
    errors, slopes = demands.slopes(model, [weight])
    with torch.no_grad():
        weight.view(-1)[7] += 1e-2
    moved = demands.errors(model) - errors
    assert torch.allclose(moved, slopes[:, 7].double() * 1e-2, atol=1e-5)
    assert moved.abs().max() > 1e-5


def test_the_stated_probabilities_are_met_and_survive_rounding(model):
    stated = {token: (1 + token) / 36 for token in range(8)}
    endless = [Example("draw", (5, 6, 1), 2, (stated,))]
    settle.refine(model, endless)
    assert measure.summary(model, endless)["error"] < 2 * settle.ENOUGH
    settle.round_off(model, endless)
    assert all(torch.equal(p, p.bfloat16().float()) for p in model.parameters())
    assert measure.summary(model, endless)["error"] < 0.01
