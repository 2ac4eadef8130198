"""The figures on file are those of today's fixture models, production and schemes."""

from __future__ import annotations

import json

import pytest

import fixtures.models
from conformance.compare import production
from conformance.compare import quantised as compared
from fixtures import snapshots
from fixtures.snapshots import SnapshotError, noise, quantised
from fixtures.snapshots.quantised import UNQUANTISED, WIDTHS, make
from fixtures.snapshots.quantised.schemes import SCHEMES
from fixtures.snapshots.quantised.statistics import parts

NAMES = quantised.names()
SHOWN = (None, *noise.SHOWN)


def test_every_model_of_productions_was_measured_and_all_of_it_is_small():
    assert set(NAMES) == set(production.names()) == set(fixtures.models.names())
    assert sum(path.stat().st_size for path in quantised.FOLDER.iterdir()) < 400_000


@pytest.mark.parametrize("name", NAMES)
def test_what_was_measured_is_what_targets_are_compared_with(name):
    found, recorded = quantised.read(name), production.load(name)
    again = f"run python -m fixtures.snapshots.quantised.make {name}"
    assert found.provenance["production"] == recorded.configuration, again
    assert found.provenance["production_sha256"] == recorded.snapshot.provenance["sha256"], again
    counts = parts(recorded.snapshot.prompts, recorded.snapshot.prompts)
    assert found.parts == {part: count for part, (count, _) in counts.items()}


@pytest.mark.parametrize("name", NAMES)
def test_every_scheme_was_measured_in_both_dtypes_through_every_partition(name):
    measured = {
        (each.scheme, each.dtype, each.shown, each.bits, each.counts)
        for each in quantised.read(name).measurements
    }
    schemes = [(UNQUANTISED, None, False), *((s.name, s.bits, s.counts) for s in SCHEMES)]
    assert measured == {
        (scheme, dtype, shown, bits, counts)
        for scheme, bits, counts in schemes
        for dtype in make.DTYPES
        for shown in SHOWN
    }


@pytest.mark.parametrize("name", NAMES)
def test_fewer_bits_cost_more(name):
    measured = quantised.read(name).measurements

    def costs(wanted):
        return [each.figures.kl_mean for each in measured if not each.shown and wanted(each)]

    eight, four = (costs(lambda each, n=n: each.counts and each.bits == n) for n in WIDTHS)
    six = costs(lambda each: each.bits == 6)
    three = costs(lambda each: each.bits == 3)
    assert min(four) > 2 * max(eight)
    assert max(costs(lambda each: each.scheme == UNQUANTISED)) < 1.05 * max(eight)
    assert max(eight) < min(six) < max(six) < max(four) < min(three)


MIXTURES = ("qwen3-moe",)


@pytest.mark.parametrize("shown", SHOWN)
@pytest.mark.parametrize("name", NAMES)
def test_8_bits_are_held_to_less_than_4_and_3_are_beyond(name, shown):
    eight, four = (compared.expected(name, bits, shown) for bits in WIDTHS)
    assert eight.kl_mean < four.kl_mean
    # A token that goes to another expert costs as much with 8 bits as with 4.
    assert eight.kl_p999 < four.kl_p999 or name in MIXTURES
    assert eight.same_top1 > four.same_top1
    three = [
        each.figures.kl_mean
        for each in quantised.read(name).measurements
        if each.bits == 3 and each.shown == shown
    ]
    assert min(three) > four.kl_mean


def test_a_measurement_comes_out_again():
    name = "qwen2-bias"
    folder = fixtures.models.path(name)
    recorded = production.load(name).snapshot.prompts
    schemes = {scheme.name: scheme for scheme in SCHEMES}
    rows = {(row[0], row[1], row[2]): row for row in json.loads(_text(name))["measurements"]}
    for scheme in (None, schemes["affine-4-g64"], schemes["Q8_0"]):
        for again in make.measurements(folder, recorded, scheme):
            on_file = rows[again[0], again[1], again[2]]
            # Positions, mean, deviation, median and the 99th percentile.
            assert again[3:8] == pytest.approx(on_file[3:8], rel=0.1, abs=1e-5)


def _text(name):
    return (quantised.FOLDER / f"{name}.json").read_text(encoding="utf-8")


def test_a_model_that_was_not_measured_is_said_to_be():
    with pytest.raises(SnapshotError, match="nobody was not measured"):
        quantised.read("nobody")


def test_a_damaged_file_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(quantised, "FOLDER", tmp_path)
    (tmp_path / "broken.json").write_text('{"columns": []}')
    with pytest.raises(SnapshotError, match="cannot be read"):
        quantised.read("broken")
    assert snapshots.FOLDER.is_dir()
