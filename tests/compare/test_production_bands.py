"""Bands of production and of a target beside itself, from recordings that were made up."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from handmade import recorded

from conformance.compare import itself, production
from conformance.compare.itself import Itself
from conformance.compare.production import CUDA, Production
from fixtures.snapshots import Snapshot, bands
from fixtures.snapshots.bands import Band
from fixtures.snapshots.configurations import PASSES


def sized(size: float) -> dict[str, Any]:
    return {
        "kl": {"mean": size, "p99": 2 * size, "max": 3 * size},
        "logprob": {"p99": 4 * size, "max": 5 * size},
    }


def pair(reference: str, other: str, size: float = 1.0, *, top20: float = 0.5) -> dict[str, Any]:
    """Two recordings that differ by so much; less where fewer tokens are shown."""
    return {
        "reference": reference,
        "other": other,
        **sized(size),
        "top1": {"largest_margin": 6 * size},
        "divergence": {"largest_margin": 4.5 * size},
        "top20": sized(top20 * size),
        "top5": sized(0.25 * size),
        "generated": {"top20": sized(0.4 * size), "top5": sized(0.1 * size)},
        "kl_by_position": [{"from": 0, "max": size}, {"from": 4, "max": 2 * size}],
    }


def band(size: float, less: float = 1.0, pairs: int = 1) -> Band:
    """Of a pair of that size; what fewer tokens show shrinks, what favourites are does not."""
    part = size * less
    return Band(
        part, 2 * part, 3 * part, 4 * part, 5 * part, 6 * size, max(4.5 * size, 4 * part), pairs
    )


ONES = dict.fromkeys(bands.FIGURES, 1.0)
TIMES: dict[str, float] = dict(zip(bands.FIGURES, range(2, 9), strict=True))


@pytest.fixture
def reach(monkeypatch: pytest.MonkeyPatch) -> dict[tuple[Any, ...], dict[str, float]]:
    """What bands are multiplied by, by what was asked for; 1 unless a test says otherwise."""
    found: dict[tuple[Any, ...], dict[str, float]] = {}
    for module in (production, itself):
        monkeypatch.setattr(module, "_reach", lambda *about: found.setdefault(about, ONES))
    return found


def measured(*pairs: Any, configuration: str = "float32") -> Production:
    snapshot = Snapshot({}, {"who": "recorded"})
    return Production("invented", configuration, snapshot, {"pairs": list(pairs)})


PAIR = pair("float32/prefill", "bfloat16/prefill")
OTHER = pair("bfloat16/prefill", "bfloat16-eager/prefill", 9.0)


@pytest.mark.parametrize(
    ("shown", "generated", "less"),
    [
        (None, False, 1.0),
        (None, True, 1.0),
        (21, False, 1.0),
        (20, False, 0.5),
        (20, True, 0.4),
        (6, False, 0.5),
        (6, True, 0.4),
        (5, False, 0.25),
        (5, True, 0.1),
        (1, False, 0.25),
        (0, False, 0.25),
    ],
)
def test_a_band_is_of_as_many_tokens_as_are_shown(
    reach: Any, shown: int | None, generated: bool, less: float
) -> None:
    assert measured(PAIR, OTHER).band(shown, generated=generated) == band(1.0, less)
    few = {None: {None}, 21: {20, None}, 6: {5, 20}, 20: {20}}.get(shown, {5})
    assert set(reach) == {("float32", each, generated) for each in few}


def test_a_band_is_that_of_the_configuration_and_of_all_its_pairs(reach: Any) -> None:
    assert measured(PAIR, OTHER).pairs() == [PAIR]
    assert measured(PAIR, OTHER, configuration="bfloat16").band() == band(9.0)
    small = pair("float32/prefill", "bfloat16-eager/prefill", 0.5)
    assert measured(PAIR, OTHER, small).band() == band(1.0, pairs=2)


def test_a_band_is_multiplied_by_its_reach(reach: Any) -> None:
    reach["float32", None, False] = TIMES
    assert measured(PAIR).band() == Band(2, 6, 12, 20, 30, 42, 36, 1)


def test_between_two_numbers_of_tokens_the_wider_band_is_taken_figure_by_figure(reach: Any) -> None:
    """Noise is not always smaller where less is seen."""
    reach["float32", 5, False] = {**ONES, "kl_mean": 4.0, "margin": 0.5}
    assert measured(PAIR).band(7) == Band(1.0, 1.0, 1.5, 2.0, 2.5, 6.0, 4.5, 1)


def test_the_most_at_each_position(reach: Any) -> None:
    reach["float32", None, False] = {**ONES, "kl_max": 2.0}
    more = pair("float32/prefill", "bfloat16-eager/prefill", 0.5)
    more["kl_by_position"] = [
        {"from": 4, "max": 7},
        {"from": 1, "max": 0.25},
        {"from": 0, "max": 0},
    ]
    found = measured(PAIR, more, OTHER).by_position()
    assert list(found.items()) == [(0, 2.0), (1, 0.5), (4, 14.0)]
    assert all(type(begin) is int for begin in found)


def test_models_on_file_and_where_they_come_from() -> None:
    folders = {path.parent.name for path in CUDA.glob("*/noise.json")}
    assert production.names() == sorted(folders) and "llama-gqa" in folders
    file = CUDA / "llama-gqa" / "bfloat16" / "snapshot.json"
    assert production.provenance("llama-gqa") == json.loads(file.read_text(encoding="utf-8"))


def test_a_dictionary_is_of_a_model_that_has_one() -> None:
    assert measured(PAIR).faults() is None


# A target beside itself -----------------------------------------------------------------------


def passes(name: str, *, but: int = 0, size: float = 1.0) -> list[Any]:
    """The ten pairs of the five ways that a configuration was recorded in, less a few."""
    pairs = itertools.combinations((f"{name}/{each}" for each in PASSES), 2)
    return [pair(a, b, size) for a, b in pairs][: 10 - but]


KERNELS = [pair("bfloat16/prefill", "bfloat16-eager/prefill", 3.0)]
CHUNKS = [
    pair("bfloat16/prefill", "bfloat16-chunks/prefill", 2.0),
    pair("bfloat16/greedy", "bfloat16-unchunked/greedy", 2.0),
]
DTYPES = [
    pair("bfloat16/prefill", "float16/prefill", 8.0),
    pair("float32/prefill", "bfloat16/prefill", 8.0),
]
ALL = [*passes("float32"), *passes("bfloat16"), *KERNELS, *CHUNKS, *DTYPES]
SEEN = {"a": recorded([[1.0, 0.0]], [0])}


def target(dtype: str | None, pairs: Any = None, **named: Any) -> Itself:
    return Itself.of(measured(*(ALL if pairs is None else pairs)), dtype, SEEN, **named)


@pytest.mark.parametrize(
    ("dtype", "steady", "expected"),
    [
        ("float32", False, passes("float32")),
        ("float32", True, passes("float32")),
        ("bfloat16", False, [*passes("bfloat16"), *KERNELS, *CHUNKS]),
        ("bfloat16", True, [*passes("bfloat16"), *CHUNKS]),
        ("float16", True, [*passes("bfloat16"), *CHUNKS]),
        (None, False, [*passes("bfloat16"), *KERNELS, *CHUNKS]),
    ],
)
def test_pairs_in_which_only_the_way_differs_or_the_kernels_do_too(
    dtype: str | None, steady: bool, expected: Any
) -> None:
    found = target(dtype, steady=steady)
    assert found.pairs() == expected
    assert (found.model, found.configuration, found.noise) == (
        "invented",
        "float32",
        {"pairs": ALL},
    )
    assert (found.snapshot.prompts, found.snapshot.provenance) == (SEEN, {"who": "recorded"})
    assert found.steady is steady


@pytest.mark.parametrize(
    ("dtype", "pairs", "found", "steady"),
    [
        ("float32", [*passes("float32"), *passes("bfloat16")], "float32", True),
        ("float32", [*passes("float32", but=1), *passes("bfloat16")], "bfloat16", True),
        ("bfloat16", [*passes("bfloat16", but=1), *KERNELS], "bfloat16", False),
        ("bfloat16", [*passes("bfloat16", but=2), *CHUNKS], "bfloat16", True),
        ("bfloat16", [*passes("bfloat16", but=3), *CHUNKS], "bfloat16", False),
    ],
)
def test_a_dtype_and_a_way_count_that_have_ten_pairs(
    dtype: str, pairs: Any, found: str, steady: bool
) -> None:
    made = target(dtype, pairs, steady=True)
    assert (made.dtype, made.steady) == (found, steady)
    assert target(dtype, pairs).steady is False


def test_only_other_kernels_of_float32_are_granted_what_it_may_lose() -> None:
    assert target("float32", float32_bound=0.5).bound == 0.5
    assert target("float32", float32_bound=0.5, steady=True).bound == 0.0
    assert target("bfloat16", float32_bound=0.5).bound == 0.0
    assert target("float32").bound == 0.0


def test_a_band_beside_itself(reach: Any) -> None:
    found = target("float32", steady=True).band(7, generated=True)
    assert found == band(1.0, 0.4, pairs=10)
    assert set(reach) == {("float32", True, 5, True), ("float32", True, 20, True)}
    assert target("bfloat16").band() == band(3.0, pairs=13)
    assert target("bfloat16").by_position() == {0: 3.0, 4: 6.0}
    assert set(list(reach)[2:]) == {("bfloat16", False, None, False)}


@pytest.mark.parametrize(
    ("bound", "expected"),
    [
        # 2 b² = 2 nats of KL, and 4 b = 4 of log probability; the margin is measured.
        (1.0, Band(2.0, 2.0, 3.0, 4.0, 5.0, 6.0, 4.5, 10)),
        (2.0, Band(8.0, 8.0, 8.0, 8.0, 8.0, 8.0, 8.0, 10)),
        (0.1, band(1.0, pairs=10)),
    ],
)
def test_a_bound_widens_what_is_narrower(reach: Any, bound: float, expected: Band) -> None:
    assert target("float32", float32_bound=bound).band() == expected


def test_what_is_left_out_together() -> None:
    """A way of one configuration, or a configuration with those that are the same to the bit."""
    two = [*passes("bfloat16", but=8), *KERNELS, CHUNKS[0]]
    sides = [
        "bfloat16-chunks/prefill", "bfloat16-eager/prefill", "bfloat16/greedy",
        "bfloat16/greedy-alone", "bfloat16/prefill",
    ]  # fmt: skip
    assert itself._trials({"pairs": two}, two, steady=True) == [frozenset({each}) for each in sides]
    one = passes("bfloat16", but=8)
    assert itself._trials({"pairs": one}, one, steady=False) == [
        frozenset({each}) for each in sides[2:]
    ]
    assert set(itself._trials({"pairs": two}, two, steady=False)) == {
        frozenset(sides[:1]), frozenset(sides[1:2]), frozenset(sides[2:])
    }  # fmt: skip
    same = [*one, pair("bfloat16/prefill", "bfloat16-eager/prefill", 0.0), CHUNKS[0]]
    assert set(itself._trials({"pairs": same}, same, steady=False)) == {
        frozenset(sides[:1]), frozenset(sides[1:])
    }  # fmt: skip
