"""The scripted model says its scripts, by a margin that no dtype can turn, and draws as stated."""

from __future__ import annotations

import pytest
import torch
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM

import fixtures.models
from fixtures.models.scripted import describe, measure
from fixtures.models.scripted.examples import Example, all_examples
from tests.nightly import NIGHTLY

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
SCRIPTS = describe.load()["scripts"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MACCORD_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield fixtures.models.path("scripted")


@pytest.fixture(scope="module")
def examples(folder):
    return all_examples(Tokenizer.from_file(str(folder / "tokenizer.json")))


@pytest.fixture(scope="module", params=DTYPES)
def model(request, folder):
    return AutoModelForCausalLM.from_pretrained(folder, dtype=DTYPES[request.param]).eval()


@pytest.fixture(scope="module")
def exact(folder):
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


@pytest.mark.parametrize("longest", [64, 200, pytest.param(1000, marks=NIGHTLY)])
def test_greedy_text_is_the_script(model, longest):
    """Answers of similar length in one batch, padded on the left as a server would."""
    shorter = {1000: 200, 200: 64, 64: 0}[longest]
    batch = [script for script in SCRIPTS if shorter < len(script["token_ids"]) <= longest]
    assert batch
    for script, answer in zip(batch, _greedy(model, batch), strict=True):
        assert answer == script["token_ids"], script["name"]


def _greedy(model, scripts):
    """Token ids of each answer, up to and with the end token."""
    end = describe.load()["end"]["id"]
    prompts = [script["prompt_token_ids"] for script in scripts]
    width = max(map(len, prompts))
    output = model.generate(
        torch.tensor([[end] * (width - len(prompt)) + prompt for prompt in prompts]),
        attention_mask=torch.tensor(
            [[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts]
        ),
        max_new_tokens=max(len(script["token_ids"]) for script in scripts),
        do_sample=False,
    )
    for row in output[:, width:].tolist():
        yield row[: row.index(end) + 1] if end in row else row


def test_every_right_token_leads_by_six_nats(model, examples):
    close = {}
    for example, step, logits in measure.steps(model, examples):
        if len(example.distributions[step]) == 1:
            (right,) = example.distributions[step]
            if (gap := measure.gap(logits, right)) < 6:
                close[example.name, step] = gap
    assert not close


@pytest.mark.parametrize(
    "name", [calibrated["name"] for calibrated in describe.load()["calibrated"]]
)
def test_the_stated_distributions_hold_in_float32(exact, examples, name):
    missed = set()
    drawn = [example for example in examples if example.name == name]
    assert drawn
    for example, step, logits in measure.steps(exact, drawn):
        if len(example.distributions[step]) > 1:
            error, other = measure.deviation(logits, example.distributions[step])
            if error > 0.01 or other >= 0.01:
                missed.add((step, error, other))
    assert not missed


@pytest.fixture
def uncertain():
    """Logits of three tokens: 3/4, 1/4 and next to nothing."""
    return torch.tensor([0.75, 0.25, 1e-9]).log()


def test_gap_is_to_the_best_other_token(uncertain):
    assert measure.gap(uncertain, 0) == pytest.approx(1.0986, abs=1e-4)
    assert measure.gap(uncertain, 1) == pytest.approx(-1.0986, abs=1e-4)


def test_deviation_is_relative_and_sees_other_tokens(uncertain):
    error, other = measure.deviation(uncertain, {0: 0.75, 1: 0.25})
    assert error == pytest.approx(0, abs=1e-6)
    assert other == pytest.approx(0, abs=1e-6)
    error, other = measure.deviation(uncertain, {0: 0.5, 2: 0.5})
    assert error == pytest.approx(1)
    assert other == pytest.approx(0.25)


@torch.no_grad()
def test_examples_in_a_batch_do_not_see_each_other(exact, examples):
    """A row of a padded batch has the logits that it has alone."""
    inputs, chosen = max(measure.batches(examples[:30]), key=lambda batch: len(batch[1]))
    assert len({len(example.inputs) for example in chosen}) > 1
    together = measure.answer_logits(exact, inputs, chosen)
    apart = torch.cat([_alone(exact, example) for example in chosen])
    assert (together - apart).abs().max() < 1e-3


def _alone(model, example: Example) -> torch.Tensor:
    return measure.answer_logits(model, torch.tensor([example.inputs]), [example])
