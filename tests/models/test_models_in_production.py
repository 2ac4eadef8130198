"""What was recorded on CUDA is the same function as transformers computes on a CPU."""

from __future__ import annotations

import pytest

import fixtures.models
from fixtures import snapshots
from fixtures.models.matrix import forward
from fixtures.models.matrix.architectures import BY_NAME
from fixtures.snapshots import bands, noise
from fixtures.snapshots.configurations import ANCHOR, DEFAULT
from fixtures.snapshots.scoring import of_model
from tests.nightly import NIGHTLY

CUDA = snapshots.FOLDER / "cuda"


def anchored(model):
    """Name of the configuration that transformers in float32 is nearest to."""
    return ANCHOR.name if (CUDA / model / ANCHOR.name).exists() else DEFAULT.name


def band(model):
    """The band around that configuration: bfloat16 is what production runs."""
    return bands.band(bands.on_file()[model], anchored(model))


def outside(figures, band):
    """Which figures exceed the band: what was found, and the limit."""
    return {
        name: (figures[name][which], limit)
        for name, which, limit in (
            ("kl", "p99", band.kl_p99),
            ("kl", "max", band.kl_max),
            ("logprob", "p99", band.logprob_p99),
            ("logprob", "max", band.logprob_max),
            ("top1", "largest_margin", band.margin),
        )
        if figures[name][which] > limit
    }


SMOLLM2 = pytest.param("SmolLM2-135M-Instruct", marks=NIGHTLY)


@pytest.mark.parametrize("model", [*sorted(BY_NAME), "scripted", SMOLLM2])
def test_transformers_in_float32_is_within_the_band(model, matrix):
    folder = matrix(model) if model in BY_NAME else fixtures.models.path(model)
    snapshot = snapshots.load(CUDA / model / anchored(model), model=folder)
    found = of_model(forward.load(folder, "float32"), snapshot.prompts)
    figures = noise.compare(snapshot.prompts, found, chose=False)
    assert figures["kl"]["count"] >= 200
    assert not outside(figures, band(model))


@pytest.mark.parametrize("model", sorted(BY_NAME))
def test_a_model_read_wrongly_is_outside(model, matrix):
    """The same comparison without the feature that the model is there for."""
    folder = matrix(model)
    snapshot = snapshots.load(CUDA / model / anchored(model), model=folder)
    broken = forward.load(folder, "float32", BY_NAME[model].features[0])
    figures = noise.compare(snapshot.prompts, of_model(broken, snapshot.prompts), chose=False)
    assert outside(figures, band(model))


def test_every_model_was_recorded_on_a_gpu():
    assert {path.name for path in CUDA.iterdir()} == set(fixtures.models.names())
    for model in CUDA.iterdir():
        found = snapshots.load(model / DEFAULT.name)
        about = found.provenance
        assert (about["device"], about["engine"]) == ("cuda", "vllm")
        assert "H100" in about["gpu"] and about["driver"] and about["torch"] and about["date"]
        assert about["dtype"] == DEFAULT.dtype
        assert len(found.prompts) >= 6
