"""Fault dictionaries: one for every model of production, and refused where it is of others."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch

import fixtures.models
from conformance.compare import production
from fixtures import faults
from fixtures.faults import FaultsError, passes
from fixtures.faults.listed import listed
from fixtures.models.matrix import forward
from fixtures.mutants import Area
from fixtures.mutants.numerics import NUMERICS
from fixtures.mutants.numerics.tolerated import TOLERATED

MODEL = "llama-gqa"

EIGHT_BITS = 1 / 16
"""By what part a number is off in eight bits, of which its fraction has three."""


def hashes():
    about = production.load(MODEL).snapshot.provenance
    return {"weights_sha256": about["weights_sha256"], "snapshot_sha256": about["sha256"]}


def test_every_model_of_production_has_one():
    assert {*faults.names()} == {*production.names()}


@pytest.mark.parametrize("model", faults.names())
def test_it_is_of_production_s_tokens_and_of_these_faults(model):
    beside = production.load(model)
    found = beside.faults()
    assert found is not None and len(found.signatures) >= 40
    for prompt in set(found.prompts):
        here = found.prompts == prompt
        recorded = beside.snapshot.prompts[prompt]
        rows = np.searchsorted(recorded.positions, found.positions[here])
        assert (recorded.positions[rows] == found.positions[here]).all()
        assert (recorded.top_ids[rows, : found.token_ids.shape[1]] == found.token_ids[here]).all()
    for signature in found.signatures:
        assert np.isfinite(signature.change).all()
        assert np.sqrt(np.mean(signature.change**2)) == pytest.approx(1, abs=EIGHT_BITS)


def test_all_of_them_are_small():
    files = [file for file in faults.FOLDER.rglob("*") if file.suffix in (".safetensors", ".json")]
    assert sum(file.stat().st_size for file in files) < 2e6


def test_every_area_is_one_of_a_mutant():
    areas = {
        signature.area
        for model in faults.names()
        for signature in production.load(model).faults().signatures
    }
    assert areas == set(Area.__args__) - {"batch"}  # rows of a batch are no matter of one prompt


@pytest.mark.parametrize(
    "mutant",
    [each for each in NUMERICS if each.name not in TOLERATED and "one-pass" in each.ways],
    ids=lambda mutant: mutant.name,
)
def test_every_mutant_that_one_prompt_shows_is_in_its_model_s(mutant):
    known = production.load(mutant.models[0]).faults()
    assert mutant.name in {signature.fault for signature in known.signatures}


@pytest.mark.parametrize("name", ["logits-half", "mask-lost"])
def test_a_signature_is_what_the_fault_does(name):
    """In the pass in which it is longest to compute: each later position ends a prompt."""
    beside = production.load(MODEL)
    known = beside.faults()
    fault = listed(MODEL)[name]
    (signature, *_) = [each for each in known.signatures if each.fault == name]
    change = []
    for feature in (fault.feature, None):
        loaded = forward.load(fixtures.models.path(MODEL), "float32", feature)
        logits = []
        for prompt in sorted(set(known.prompts)):
            here = known.prompts == prompt
            recorded = beside.snapshot.prompts[prompt]
            said = passes.logits(
                loaded,
                recorded.token_ids.tolist(),
                known.positions[here].tolist(),
                recorded.prompt_length,
                signature.passed,
            ).log_softmax(-1)
            logits.append(said.gather(-1, torch.from_numpy(known.token_ids[here]).long()))
        change.append(torch.cat(logits).numpy())
    expected = change[0] - change[1]
    size = np.sqrt(np.mean(expected**2))
    assert signature.size == pytest.approx(size, rel=0.01)
    assert signature.change == pytest.approx(expected / size, rel=EIGHT_BITS, abs=2**-9)


@pytest.mark.parametrize("name", ["weights_sha256", "snapshot_sha256"])
def test_one_of_another_model_or_other_tokens_is_refused(name):
    with pytest.raises(FaultsError, match=r"made with another sha256 of .*fixtures\.faults\.make"):
        faults.load(MODEL, **{**hashes(), name: "0" * 64})


def test_one_of_other_faults_is_refused(monkeypatch):
    monkeypatch.setattr(faults, "faults_sha256", lambda: "0" * 64)
    with pytest.raises(FaultsError, match="another sha256 of the definitions of the faults"):
        faults.load(MODEL, **hashes())


def test_a_damaged_or_missing_one_is_refused(tmp_path):
    shutil.copytree(faults.FOLDER / MODEL, tmp_path / MODEL)
    tensors = tmp_path / MODEL / faults.TENSORS
    tensors.write_bytes(tensors.read_bytes()[:-1])
    with pytest.raises(FaultsError, match="another sha256 of its tensors"):
        faults.load(MODEL, folder=tmp_path, **hashes())
    tensors.unlink()
    with pytest.raises(FaultsError, match="lacks signatures"):
        faults.load(MODEL, folder=tmp_path, **hashes())


def test_its_provenance_says_what_it_was_made_of():
    about = json.loads((faults.FOLDER / MODEL / faults.PROVENANCE).read_text())
    assert {"torch", "transformers", "date", "left_out", "configuration"} <= set(about)
