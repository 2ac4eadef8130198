"""transformers as a runner: every way is the golden's function, and a broken one is not."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

import fixtures.models
from conformance.compare import goldens, parity, production
from conformance.compare.itself import Itself
from conformance.targets.runners.contract import Way
from conformance.targets.runners.on_transformers import TransformersRunner, attention
from conformance.targets.runners.ways import offered, score
from fixtures import goldens as recorded_goldens
from fixtures.models.matrix import forward
from fixtures.models.matrix.architectures import BY_NAME

MODELS = ("llama-gqa", "mistral-window", "gemma2-softcap")
PROMPTS = ("short", "specials", "window+1", "block-33")


@pytest.fixture(scope="module")
def runner():
    """Gives a model's runner in float32, loaded once."""
    running = {}

    def load(model):
        if model not in running:
            running[model] = TransformersRunner(fixtures.models.path(model), "float32")
        return running[model]

    yield load
    for each in running.values():
        each.close()


@pytest.mark.parametrize("model", MODELS)
def test_every_way_is_as_exact_as_float32_can_be(runner, model):
    assert offered(runner(model)) == set(Way)
    golden = recorded_goldens.load(model)
    chosen = {name: golden.prompts[name] for name in PROMPTS if name in golden.prompts}
    for way in Way:
        seen = score(runner(model), chosen, way)
        found = goldens.distance(golden, seen)
        assert found.inside, (way, found)
        assert found.positions >= 30


@pytest.mark.parametrize("model", MODELS)
def test_the_text_is_productions(runner, model):
    found = production.load(model)
    prompt = found.snapshot.prompts["short"]
    expected = prompt.token_ids[prompt.prompt_length :].tolist()
    said = runner(model).generate(prompt.token_ids[: prompt.prompt_length].tolist(), len(expected))
    (parted,) = parity.divergences(found.snapshot.prompts, {"short": said}) or (None,)
    assert len(said) == len(expected)
    assert parted is None or parted.margin <= found.band().parted


def test_a_soft_cap_is_left_out_by_the_attention_that_transformers_picks():
    """Why the runner asks for another one: what is picked by default is outside the band."""
    from transformers import AutoModelForCausalLM

    folder = fixtures.models.path("gemma2-softcap")
    assert attention(folder) == "eager"
    picked = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    assert picked.config._attn_implementation == "sdpa"
    assert compared("gemma2-softcap", TransformersRunner(folder, "float32", picked)) == "outside"


@pytest.mark.parametrize("model", ["llama-gqa", "qwen2-bias"])
def test_transformers_chooses_where_it_knows_best(model):
    assert attention(fixtures.models.path(model)) is None


@pytest.mark.parametrize("model", MODELS)
def test_a_model_read_wrongly_is_outside(model):
    folder = fixtures.models.path(model)
    broken = forward.load(folder, "float32", BY_NAME[model].features[0])
    assert compared(model, TransformersRunner(folder, "float32", broken)) == "outside"


class PaddingHasPositions(TransformersRunner):
    """Rows of a batch are counted from the batch's left edge."""

    def _forward(self, token_ids, mask=None, **named):
        if mask is not None:
            mask = torch.ones_like(mask)
        return super()._forward(token_ids, mask, **named)


class PrefixBeginsAgain(TransformersRunner):
    """What comes after a reused prefix is positioned as if nothing came before."""

    def extend(self, cache, token_ids):
        seen = cache.get_seq_length()
        if not seen or len(token_ids) < 8:
            return super().extend(cache, token_ids)
        tokens, positions = torch.tensor([token_ids]), torch.arange(len(token_ids))[None]
        with torch.inference_mode():
            found = self.model(tokens, past_key_values=cache, position_ids=positions).logits
        return found[0].float().numpy()


class PrefixIsShared(TransformersRunner):
    """Two sequences write to one cache."""

    def reuse(self, cache):
        return cache


@pytest.mark.parametrize(
    ("kind", "way"),
    [
        (PaddingHasPositions, Way.BATCH),
        (PrefixBeginsAgain, Way.PREFIX),
        (PrefixIsShared, Way.PREFIX),
    ],
)
def test_a_way_that_is_broken_is_outside_and_others_are_not(kind, way):
    model = "llama-gqa"
    runner = kind(fixtures.models.path(model), "float32")
    whole = production.load(model)
    sequences = {
        name: found.token_ids.tolist()
        for name, found in whole.snapshot.prompts.items()
        if name in PROMPTS
    }
    alone = score(runner, sequences, Way.ONE_PASS)
    assert parity.compare(whole, alone).verdict == "inside"
    itself = Itself.of(whole, "float32", alone)
    for each in (way, Way.DECODE):
        seen = score(runner, sequences, each)
        expected = "outside" if each is way else "inside"
        assert parity.compare(itself, seen).verdict == expected, each
        assert parity.compare(whole, seen).verdict == expected, each
    runner.close()


def compared(model, runner):
    """The verdict on one pass over production's shorter sequences."""
    whole = production.load(model)
    names = sorted(whole.snapshot.prompts.keys() & {*PROMPTS, "long"})
    chosen = {name: whole.snapshot.prompts[name] for name in names}
    seen = score(runner, {n: f.token_ids.tolist() for n, f in chosen.items()}, Way.ONE_PASS)
    runner.close()
    return parity.compare(
        replace(whole, snapshot=replace(whole.snapshot, prompts=chosen)), seen
    ).verdict
