"""The table of survivors met speaks of mutants and requirements that are there."""

from conformance.catalogue import known_ids
from conformance.selftest import command, met


def test_what_is_written_of_survivors_is_of_mutants_and_requirements():
    written = list(met.met())
    mutants = {name for names in command.chosen([]).values() for name in names}
    assert {each.mutant for each in written} <= mutants
    assert {id for each in written for id in each.by} <= known_ids()
    assert all(each.why and each.done and each.by for each in written)


def test_the_section_has_a_line_for_each():
    lines = met.markdown().splitlines()
    assert [line.split("`")[1] for line in lines if line.startswith("| `")] == [
        each.mutant for each in met.met()
    ]
