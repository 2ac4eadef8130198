"""The kernels pass what their faults fail: each text is planted where it says, by hand and by rule.

Those by hand are hunted here at night, among the requirements that are nearest to them; some of
all at each push, and all in all requirements, by `maccord selftest --depth kernels`.
"""

from __future__ import annotations

import pytest

from conformance.kinds import KERNELS
from conformance.selftest import kernels
from conformance.selftest.hunt import Caught, Quarry, Until, hunt
from fixtures.mutants.kernels import KernelMutant, by_rule
from fixtures.mutants.kernels.by_hand import BY_HAND
from tests.nightly import NIGHTLY

SOURCES = {path.name: path.read_text() for path in kernels.sources().glob("*.[mh]*")}
MUTANTS = kernels.mutants()


def test_there_are_as_many_as_were_made_and_each_is_another():
    assert len(BY_HAND) >= 70 and len(MUTANTS) >= 130
    texts = [(each.file, each.altered(SOURCES[each.file])) for each in MUTANTS.values()]
    assert len(set(texts)) == len(texts)
    assert all(text != SOURCES[file] for file, text in texts)


def test_equivalents_are_products_of_the_rules():
    assert by_rule.EQUIVALENT.keys() <= {each.name for each in by_rule.mutants(SOURCES)}
    assert not by_rule.EQUIVALENT.keys() & MUTANTS.keys()


def test_comments_are_no_code():
    found = by_rule.mutants({"tiles.h": "// a < b\nint c = a < b;  // a < b\n"})
    assert [each.altered("// a < b\nint c = a < b;  // a < b\n") for each in found] == [
        "// a < b\nint c = a <= b;  // a < b\n"
    ]


def test_one_of_two_equal_lines_is_altered():
    twice = "barrier();\nx += 1;\nbarrier();\n"
    mutant = KernelMutant("second", "tiles.h", "barrier();", "", (), nth=1)
    assert mutant.altered(twice) == "barrier();\nx += 1;\n\n"


@pytest.mark.parametrize(("text", "nth"), [("y", None), ("a", None), ("a", 2)])
def test_a_text_that_is_not_there_once_is_refused(text, nth):
    with pytest.raises(ValueError, match="times: wrong"):
        KernelMutant("wrong", "tiles.h", text, "", (), nth).altered("a + a")


def test_the_kernels_pass_what_their_faults_fail(tmp_path):
    ids = {id for each in BY_HAND for id in each.among if "any-shape" not in id}
    token = kernels._planted.set(kernels.sources())
    try:
        options = ["--kernels", kernels.LIBRARY, "--profile", kernels.PROFILE]
        found = hunt(Quarry("sound", ""), options, KERNELS.parts, only=ids, until=Until.END)
    finally:
        kernels._planted.reset(token)
    assert found.measured == len(ids) and not found.killed and not found.errors, found


def hunted(mutant: KernelMutant) -> Caught:
    found = kernels.caught(mutant, only=mutant.among)
    assert not found.errors, found
    return found


@NIGHTLY
@pytest.mark.parametrize(
    "name",
    [
        *(each.name for each in BY_HAND),
        "barrier-removed paged_attention.metal 1",
        "barrier-removed paged_attention.metal 2",
    ],
)
def test_a_planted_fault_is_caught(name):
    assert hunted(MUTANTS[name]).killed


def test_a_race_is_told_as_one():
    found = hunted(MUTANTS["no-barrier-after-loading"])
    assert "race" in next(iter(found.killers.values()))


def test_what_does_not_compile_kills_nothing():
    mutant = KernelMutant("no-metal", "copy_blocks.metal", "i < words", "i < wrods", ())
    only = ("kernels/copy-blocks/pairs[one-float32]",)
    found = kernels.caught(mutant, only=only)
    assert found.beside == list(only) and not found.killed
