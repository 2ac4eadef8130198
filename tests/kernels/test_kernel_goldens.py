"""The goldens are PyTorch's; the oracle and every library agree with them."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from conformance.compare.kernels import nearness
from conformance.kernels import expect
from fixtures.goldens import kernels as goldens
from fixtures.goldens.kernels.calls import CASES, LATENTS
from fixtures.goldens.kernels.in_torch import attention
from fixtures.goldens.kernels.make import main
from fixtures.kernels.expected import expected
from fixtures.models.cache import FixtureError

EVERY = CASES | LATENTS

ATOL = 1e-13
"""Float64 rounds at 1e-16, and values are a few units; PyTorch's sums have another order."""


@pytest.fixture(scope="module")
def stored():
    return goldens.load()


@pytest.mark.parametrize("name", EVERY)
def test_the_oracle_is_what_pytorch_computed(stored, name):
    golden = stored[name]
    np.testing.assert_allclose(expected(golden.call)[0], golden.output, rtol=0, atol=ATOL)


@pytest.mark.parametrize("name", EVERY)
def test_a_library_is_near_to_what_pytorch_computed(stored, library, name):
    golden = stored[name]
    call = golden.call
    output = expect.output(library, call)
    found = nearness(output, golden.output, expected(call)[1])
    assert found.inside, found


def test_this_pytorch_computes_the_same_from_the_stored_inputs(stored):
    for golden in stored.values():
        np.testing.assert_allclose(attention(golden.call), golden.output, rtol=0, atol=ATOL)


def test_the_program_makes_what_is_stored(stored, tmp_path):
    main(tmp_path)
    again = goldens.load(tmp_path)
    assert list(again) == list(stored) == list(EVERY)
    for name, golden in stored.items():
        if golden.call.query.tobytes() == again[name].call.query.tobytes():
            np.testing.assert_allclose(again[name].output, golden.output, rtol=0, atol=ATOL)
        assert again[name].call.named.keys() == golden.call.named.keys()


def test_goldens_are_small_and_other_tensors_are_refused(tmp_path):
    assert (goldens.FOLDER / goldens.TENSORS).stat().st_size < 2_500_000
    for name in (goldens.TENSORS, goldens.PROVENANCE):
        shutil.copy(goldens.FOLDER / name, tmp_path)
    with (tmp_path / goldens.TENSORS).open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x01")
    with pytest.raises(FixtureError, match="take them from version control again"):
        goldens.load(tmp_path)
