"""Breaking any feature of the matrix moves the logits far beyond bfloat16 noise."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest

import fixtures.models
from fixtures.models.matrix import SENSITIVITY, document, sensitivity
from fixtures.models.matrix.architecture import skip, zero
from fixtures.models.matrix.architectures import ARCHITECTURES, BY_NAME
from fixtures.models.matrix.distance import distance

RECORDS = json.loads(SENSITIVITY.read_text(encoding="utf-8"))
FEATURES = [
    (architecture.name, feature.name)
    for architecture in ARCHITECTURES
    for feature in architecture.features
]


def test_the_record_is_complete_and_of_these_checkpoints():
    assert [
        (name, feature) for name, record in RECORDS.items() for feature in record["features"]
    ] == FEATURES
    sums = {model.name: model.sha256 for model in fixtures.models.describe()}
    assert {name: record["model_sha256"] for name, record in RECORDS.items()} == {
        name: sums[name] for name in BY_NAME
    }


@pytest.mark.parametrize(("name", "feature"), FEATURES)
def test_each_feature_matters(name, feature):
    noise, moved = RECORDS[name]["bfloat16_noise"], RECORDS[name]["features"][feature]
    assert moved["mean_kl"] >= sensitivity.BAR * noise["mean_kl"]
    assert moved["max_logprob"] >= sensitivity.BAR * noise["max_logprob"]
    assert moved["ratio"] == min(moved["kl_ratio"], moved["logprob_ratio"]) >= sensitivity.BAR


@pytest.mark.parametrize("name", ["qwen2-bias", "mistral-window", "deepseek-mla"])
def test_the_record_is_measured_again(matrix, name):
    matrix(name)
    found, recorded = sensitivity.measure(BY_NAME[name]), RECORDS[name]
    assert found["tokens"] == recorded["tokens"]
    for feature, moved in found["features"].items():
        for figure in ("mean_kl", "max_kl", "max_logprob"):
            assert moved[figure] == pytest.approx(recorded["features"][feature][figure], rel=0.01)
        assert moved["ratio"] >= sensitivity.BAR
    # Machines round bfloat16 in their own order.
    for figure, noise in found["bfloat16_noise"].items():
        assert noise == pytest.approx(recorded["bfloat16_noise"][figure], rel=0.5)


def test_distance_of_known_distributions():
    even = np.log(np.full((2, 4), 0.25))
    skewed = np.log(np.array([[0.5, 0.25, 0.125, 0.125]] * 2)) + 7.0
    apart = distance([even], [skewed])
    assert apart.mean_kl == pytest.approx(0.25 * np.log(2))
    assert apart.max_logprob == pytest.approx(np.log(2))
    assert distance([skewed], [skewed + 3.0]).max_logprob == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("change", [zero("no.such"), skip("no_such")])
def test_a_feature_that_is_not_there_cannot_be_broken(change):
    model = SimpleNamespace(named_parameters=list, named_buffers=list, modules=list)
    with pytest.raises(LookupError, match=r"no.such"):
        change(model)


def test_the_tables_of_the_page_are_those_of_the_records():
    page = document.PAGE.read_text(encoding="utf-8")
    assert document.rendered(page) == page, "run python -m fixtures.models.matrix.document"
