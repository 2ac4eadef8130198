"""Which known fault a departure is like: named where that is clear, and not otherwise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from invented import PROMPTS, faulty, logits, production, seen

from conformance.compare import causes, parity
from conformance.compare.itself import Itself
from conformance.compare.production import Production, load
from conformance.compare.rows import Rows, rows
from fixtures.faults import Dictionary, Signature
from fixtures.snapshots import Recorded, noise

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
    best, other = named(faulty(adds("cache"), 20))
    assert found.cause == (
        "It departs as with a fault of the KV cache: nearest is “what cache does”, similarity "
        f"{best.similarity:.2f} at {found.positions} positions, the next other area "
        f"{max(other, 0):.2f}."
    )
    assert found.reason.endswith(found.cause) and found.reason.count("It departs") == 1
    assert found.reason.removesuffix(found.cause).endswith(". ")


def test_nothing_is_said_of_what_is_inside():
    beside = Known(**vars(PRODUCTION), known=KNOWN)
    found = parity.compare(beside, faulty(lambda prompt, rows: rows, 20))
    assert (found.verdict, found.cause) == ("inside", None)
    small = {prompt: adds("cache", 0.01)(prompt, rows) for prompt, rows in logits().items()}
    assert named(seen(small)) is not None
    found = parity.compare(beside, seen(small))
    assert (found.verdict, found.cause) == ("inside", None)


def test_a_target_beside_itself_has_no_dictionary():
    beside = load("llama-gqa")
    assert beside.faults() is not None
    assert Itself.of(beside, None, beside.snapshot.prompts).faults() is None


def test_another_configuration_of_production_has_none():
    assert load("llama-gqa", "bfloat16").faults() is None


# Likenesses that were made by hand -------------------------------------------------------------

WITHOUT = np.zeros((0, 1), dtype=np.float32)


def likeness(area, similarity):
    return causes.Likeness(Signature("f", "it", area, "whole", 1.0, WITHOUT), similarity, 20)


@pytest.mark.parametrize(
    ("best", "other", "clear"),
    [
        (0.78, None, True),
        (0.77, None, False),  # it leaves 41% of the departure's square
        (0.78, -0.5, True),
        (0.77, -0.5, False),
        (0.96, 0.89, True),  # it leaves 38% of what the other leaves
        (0.95, 0.89, False),
        # Where the other is alike, the best has to leave a tenth of it.
        (0.97, 0.9, False),
        (0.991, 0.9, True),
    ],
)
def test_the_best_is_clear_where_it_leaves_little(best, other, clear):
    first = likeness("norm", best)
    found = [likeness("norm", best - 0.01), first]
    found += [likeness("rope", other - 0.3), likeness("cache", other)] if other else []
    expected = (first, other or 0.0) if clear else None
    assert causes.named_of(found) == expected
    assert causes.named_of(found[::-1]) == expected


def test_nothing_is_the_likest_of_nothing():
    assert causes.named_of([]) is None


def told(logprobs, first=0):
    """Two tokens at each position, and what is told of each."""
    logprobs = np.array(logprobs, dtype=np.float32)
    count = len(logprobs)
    return Recorded(
        token_ids=np.zeros(first + count, dtype=np.int32),
        prompt_length=1,
        positions=np.arange(first, first + count, dtype=np.int32),
        top_ids=np.tile(np.arange(2, dtype=np.int32), (count, 1)),
        top_logits=logprobs,
        logsumexp=np.zeros(count, dtype=np.float32),
    )


def changed(changes, **also):
    """Rows of prompt `p` whose first token's log probability changes by so much."""
    right = {**also, "p": told([[-1.0, -1.0]] * len(changes))}
    wrong = {**also, "p": told([[-1.0 + change, -1.0] for change in changes])}
    places = sorted((name, each) for name in right for each in right[name].positions)
    some = np.zeros(len(places))
    names, positions = (np.array(each) for each in zip(*places, strict=True))
    return Rows(right, wrong, names, positions, some, some + 1, some + 1)


def known_of(count, **changes):
    """A dictionary of prompt `p`; a fault is a change of the first token at each position."""
    return Dictionary(
        prompts=np.array(["p"] * count),
        positions=np.arange(count),
        token_ids=np.tile(np.arange(2, dtype=np.int32), (count, 1)),
        signatures=tuple(
            Signature(name, "it", "norm", "whole", 1.0, np.array([[each, 0.0] for each in change]))
            for name, change in changes.items()
        ),
        provenance={},
    )


def test_each_position_weighs_as_the_root_of_its_change():
    """One row that changed by 4 nats weighs 2, and 15 by 0.04 weigh 0.2 each."""
    known = known_of(16, all=[1.0] * 16, none=[0.0] * 16, first=[9.0] + [0.0] * 15)
    found = causes.likenesses(known, changed([4.0] + [0.04] * 15))
    assert [(each.signature.fault, each.positions) for each in found] == [
        ("all", 16),
        ("first", 16),
    ]
    norm = (4 + 15 * 0.04) ** 0.5
    assert [each.similarity for each in found] == pytest.approx(
        [5 / (4 * norm), 2 / norm], rel=1e-4
    )


def test_a_small_departure_is_as_like_as_a_large_one():
    known = known_of(16, all=[1.0] * 16)
    for size in (1e-3, 1.0):
        (found,) = causes.likenesses(known, changed([size] * 16))
        assert found.similarity == pytest.approx(1.0)


def test_a_prompt_that_the_dictionary_lacks_says_nothing_of_the_others():
    known = known_of(16, all=[1.0] * 16)
    (found,) = causes.likenesses(known, changed([1.0] * 16, a=told([[-1.0, -2.0]] * 3)))
    assert (found.positions, found.similarity) == (16, pytest.approx(1.0))
