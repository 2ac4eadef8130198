"""Figures of quantised models mean what the field means by them."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from fixtures.snapshots import Recorded, noise
from fixtures.snapshots.quantised import statistics

TOKENS = 400
VOCABULARY = 32


def recorded(logits, prompt_length=TOKENS):
    order = np.argsort(-logits, axis=1, kind="stable")
    return Recorded(
        token_ids=np.zeros(TOKENS, np.int32),
        prompt_length=prompt_length,
        positions=np.arange(len(logits), dtype=np.int32),
        top_ids=order.astype(np.int32),
        top_logits=np.take_along_axis(logits, order, axis=1).astype(np.float32),
        logsumexp=np.log(np.exp(logits).sum(1)).astype(np.float32),
    )


@pytest.fixture(scope="module")
def logits():
    generator = np.random.default_rng(3)
    base = generator.normal(0, 2, (TOKENS, VOCABULARY))
    return base, base + generator.normal(0, 0.3, base.shape)


def test_the_definitions_are_llama_cpps(logits):
    """Written out as in `log_softmax` and `kl_divergence` of tools/perplexity/perplexity.cpp."""
    base, other = (each - np.log(np.exp(each).sum(1, keepdims=True)) for each in logits)
    kld = np.sort((np.exp(base) * (base - other)).sum(1))
    found = statistics.figures({"p": recorded(logits[0])}, {"p": recorded(logits[1])})

    def percentile(fraction):
        p = fraction * (len(kld) - 1)
        ip = int(p)
        p -= ip
        return (1 - p) * kld[ip] + p * kld[min(ip + 1, len(kld) - 1)]

    same = float((base.argmax(1) == other.argmax(1)).mean())
    mean = kld.sum() / len(kld)
    uncertainty = math.sqrt(((kld**2).sum() / len(kld) - mean**2) / (len(kld) - 1))
    assert found.positions == TOKENS
    assert found.kl_mean == pytest.approx(mean, rel=1e-3)
    assert found.kl_error == pytest.approx(uncertainty, rel=1e-3)
    assert found.kl_p99 == pytest.approx(percentile(0.99), rel=1e-3)
    assert found.kl_p999 == pytest.approx(percentile(0.999), rel=1e-3)
    assert found.kl_max == pytest.approx(kld[-1], rel=1e-3)
    assert found.same_top1 == pytest.approx(same, abs=1e-4)
    assert 0 < same < 1
    assert found.same_top1_error == pytest.approx(math.sqrt(same * (1 - same) / 399), rel=1e-3)


def test_a_tie_of_productions_is_the_same_favourite(logits):
    tied = logits[0].copy()
    tied[:, :2] = tied.max(1, keepdims=True)
    other = tied.copy()
    other[:, 1] += 0.01
    found = statistics.figures({"p": recorded(tied)}, {"p": recorded(other)})
    assert (found.same_top1, found.margin) == (1, 0)


def test_fewer_tokens_show_less(logits):
    reference, other = ({"p": recorded(each)} for each in logits)
    whole = statistics.figures(reference, other).kl_mean
    seen = [
        statistics.figures(reference, {"p": noise.truncated(other["p"], shown)}).kl_mean
        for shown in (20, 5, 1)
    ]
    assert whole > seen[0] > seen[1] > seen[2] > 0


def test_a_prompt_and_its_continuation_are_parts(logits):
    reference, other = ({"p": recorded(each, prompt_length=101)} for each in logits)
    parts = statistics.parts(reference, other)
    counts = {name: count for name, (count, _) in parts.items()}
    assert counts == {"p/prompt": 100, "p/continuation": 300}
    mean = sum(count * mean for count, mean in parts.values()) / TOKENS
    assert mean == pytest.approx(statistics.figures(reference, other).kl_mean, rel=0.01)


def test_only_positions_after_the_same_tokens_are_compared(logits):
    reference, other = (recorded(each) for each in logits)
    tokens = other.token_ids.copy()
    tokens[10] = 1
    other = replace(other, token_ids=tokens)
    assert statistics.figures({"p": reference}, {"p": other}).positions == 10
    with pytest.raises(ValueError, match="no position"):
        statistics.figures({"p": reference}, {"q": other})
