"""Which known fault a departure is like: named where that is clear, and not otherwise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from invented import PROMPTS, faulty, logits, production, seen

from conformance.compare import causes, parity
from conformance.compare.itself import Itself
from conformance.compare.production import Production, load
from conformance.compare.rows import rows
from fixtures.faults import Dictionary, Signature
from fixtures.snapshots import noise

KEPT = 8
TOKENS = 64

PRODUCTION = production()

DRAWN = np.random.default_rng(3)
PATTERNS = {
    name: {
        prompt: DRAWN.normal(0, 0.4, (length, TOKENS)) for prompt, (_, length) in PROMPTS.items()
    }
    for name in ("scale", "cache", "norm")
}
"""What three faults add to logits, at right angles to each other but for chance."""

AREA = {"scale": "attention", "cache": "cache", "norm": "norm"}


def adds(name, times=1.0):
    """A fault of that pattern."""
    return lambda prompt, rows: rows + times * PATTERNS[name][prompt]


def signature(name, area=None):
    right, changes = PRODUCTION.snapshot.prompts, []
    wrong = seen({prompt: adds(name)(prompt, rows) for prompt, rows in logits().items()})
    for prompt in sorted(right):
        p, q, shared = noise.aligned(noise.truncated(right[prompt], KEPT), wrong[prompt])
        assert shared.all()
        changes.append(q - p)
    change = np.concatenate(changes)
    size = float(np.sqrt(np.mean(change**2)))
    about = name, f"what {name} does", area or AREA[name], "whole", size
    return Signature(*about, (change / size).astype(np.float32))


def dictionary(*signatures):
    right = PRODUCTION.snapshot.prompts
    return Dictionary(
        prompts=np.concatenate([[name] * len(right[name].positions) for name in sorted(right)]),
        positions=np.concatenate([right[name].positions for name in sorted(right)]),
        token_ids=np.concatenate([right[name].top_ids[:, :KEPT] for name in sorted(right)]),
        signatures=signatures,
        provenance={},
    )


KNOWN = dictionary(*map(signature, PATTERNS))


@dataclass(frozen=True)
class Known(Production):
    """An invented production of which a dictionary is there."""

    known: Dictionary

    def faults(self) -> Dictionary:
        return self.known


def named(found, known=KNOWN):
    return causes.named_of(causes.likenesses(known, rows(PRODUCTION, found, 5)))


@pytest.mark.parametrize("shown", [None, 20, 5])
@pytest.mark.parametrize("times", [0.3, 1, 1.7])
@pytest.mark.parametrize("name", PATTERNS)
def test_a_fault_is_named_at_another_strength_and_with_noise(name, times, shown):
    best, other = named(faulty(adds(name, times), shown))
    assert best.signature.fault == name and best.similarity > 0.8
    assert other < 0.4


@pytest.mark.parametrize("shown", [None, 5])
def test_what_is_like_no_known_fault_is_not_named(shown):
    drawn = np.random.default_rng(11)
    found = faulty(lambda prompt, rows: rows + drawn.normal(0, 0.4, rows.shape), shown)
    assert named(found) is None


def test_rounding_is_not_named():
    assert named(faulty(lambda prompt, rows: rows)) is None


def test_half_of_one_and_half_of_another_is_neither():
    found = faulty(
        lambda prompt, rows: adds("scale", 0.5)(prompt, adds("cache", 0.5)(prompt, rows))
    )
    assert named(found) is None


def test_two_areas_with_one_signature_are_a_tie():
    known = dictionary(signature("scale"), signature("scale", "rope"))
    assert named(faulty(adds("scale")), known) is None


def test_two_faults_of_one_area_are_none():
    known = dictionary(signature("scale"), signature("scale", "attention"), signature("norm"))
    best, _ = named(faulty(adds("scale")), known)
    assert best.signature.area == "attention"


def test_one_alone_must_be_like_the_departure():
    known = dictionary(signature("scale"))
    assert named(faulty(adds("scale")), known) is not None
    assert named(faulty(adds("norm")), known) is None


def test_the_reverse_of_a_fault_is_not_that_fault():
    assert named(faulty(adds("scale", -1.0))) is None


def test_too_few_positions_name_nothing():
    found = faulty(adds("scale"))
    few = {
        name: noise.at(found[name], found[name].positions[:count])
        for name, count in (("short", causes.ENOUGH - 1), ("middle", 1))
    }
    assert named(few) is not None
    assert named({"short": few["short"]}) is None


def test_it_is_said_once_in_the_reason():
    beside = Known(**vars(PRODUCTION), known=KNOWN)
    found = parity.compare(beside, faulty(adds("cache"), 20))
    assert found.verdict == "outside"
    assert found.cause and found.cause.startswith(
        "It departs as with a fault of the KV cache: nearest is “what cache does”, similarity "
    )
    assert found.reason.endswith(found.cause) and found.reason.count("It departs") == 1


def test_nothing_is_said_of_what_is_inside():
    beside = Known(**vars(PRODUCTION), known=KNOWN)
    found = parity.compare(beside, faulty(lambda prompt, rows: rows, 20))
    assert (found.verdict, found.cause) == ("inside", None)


def test_a_target_beside_itself_has_no_dictionary():
    beside = load("llama-gqa")
    assert beside.faults() is not None
    assert Itself.of(beside, None, beside.snapshot.prompts).faults() is None


def test_another_configuration_of_production_has_none():
    assert load("llama-gqa", "bfloat16").faults() is None
