"""How near a target must be to itself: production's own spread, by way and by kernel."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from conformance.compare import parity, production
from conformance.compare.itself import ENOUGH, Itself
from fixtures import goldens
from fixtures.snapshots import bands, noise
from fixtures.snapshots.configurations import BY_NAME


def itself(model, dtype, *, steady=False):
    found = production.load(model)
    return Itself.of(found, dtype, found.snapshot.prompts, steady=steady)


def sides(found):
    return {pair[side] for pair in found.pairs() for side in ("reference", "other")}


@pytest.mark.parametrize("model", production.names())
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16", None])
def test_a_band_is_of_one_dtype_and_of_no_faulty_recording(model, dtype):
    for steady in (True, False):
        found = itself(model, dtype, steady=steady)
        dtypes = {BY_NAME[noise.configuration(side)].dtype for side in sides(found)}
        assert len(found.pairs()) >= ENOUGH
        assert dtypes == {found.dtype}
        faulty = bands.FAULTY.get((model, found.noise["engine_version"]), frozenset())
        assert not faulty & sides(found)


def test_steady_is_one_configuration_and_its_chunks():
    found = itself("llama-gqa", "bfloat16", steady=True)
    apart = {
        frozenset(noise.configuration(pair[side]) for side in ("reference", "other"))
        for pair in found.pairs()
    }
    assert {frozenset(["bfloat16"]), frozenset(["bfloat16", "bfloat16-chunks"])} <= apart
    assert frozenset(["bfloat16", "bfloat16-eager"]) not in apart
    assert found.band().kl_p99 < itself("llama-gqa", "bfloat16").band().kl_p99


def test_float32_is_held_to_itself_a_hundred_times_closer():
    narrow, wide = (itself("llama-gqa", dtype).band() for dtype in ("float32", "bfloat16"))
    assert 100 * narrow.kl_p99 < wide.kl_p99


def test_without_production_in_a_dtype_bfloat16_is_the_measure():
    assert itself("deepseek-mla", "float32").dtype == "bfloat16"
    assert itself("gemma2-softcap", "float16").dtype == "bfloat16"


def test_other_kernels_in_float32_are_granted_what_float32_may_lose():
    """Δ at its largest: half of the logits up by 2b, half down, at a distribution of two halves."""
    found = production.load("gemma2-softcap")
    bound = float(goldens.load("gemma2-softcap").provenance["float32_bound"])
    granted, measured, steady = (
        Itself.of(found, "float32", {}, steady=steady, float32_bound=b).band()
        for steady, b in ((False, bound), (False, 0), (True, bound))
    )
    assert granted.kl_mean == 2 * bound**2 > measured.kl_mean
    assert replace(steady, margin=0) == replace(measured, margin=0)
    apart = np.array([2 * bound, -2 * bound])
    log_q = np.log([0.5, 0.5]) + apart - np.log(np.exp(apart).mean())
    kl = float((0.5 * (np.log(0.5) - log_q)).sum())
    assert 0.99 * granted.kl_mean < kl <= granted.kl_mean
    assert np.abs(log_q - np.log(0.5)).max() <= 4 * bound <= granted.logprob_max
    for dtype in ("bfloat16", "float16"):
        assert Itself.of(found, dtype, {}, float32_bound=bound).bound == 0


def test_a_favourite_may_change_as_far_as_its_log_probability_may():
    """gemma2-softcap's favourites never differed in float32: a margin of 0 would be luck."""
    found = itself("gemma2-softcap", "float32").band()
    assert found.margin == found.logprob_max > 0


@pytest.mark.parametrize(("scale", "verdict"), [(1.0, "inside"), (1.01, "outside")])
def test_what_is_another_function_is_outside(scale, verdict):
    found = itself("llama-gqa", "float32")
    seen = {}
    vocabulary = found.snapshot.provenance["vocabulary"]
    for name, each in found.snapshot.prompts.items():
        kept = each.top_ids.shape[1]
        rest = np.log1p(-np.exp(each.logprobs).sum(axis=1)) - np.log(vocabulary - kept)
        scaled, others = each.logprobs * scale, np.exp(rest * scale) * (vocabulary - kept)
        total = np.log(np.exp(scaled).sum(axis=1) + others) if scale != 1 else 0 * rest
        seen[name] = replace(
            each, top_logits=(scaled - total[:, None]).astype(np.float32), logsumexp=0 * total
        )
    assert parity.compare(found, seen).verdict == verdict
