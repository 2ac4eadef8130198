"""In which order mutants are hunted, and what the sound server's own falls take back."""

from __future__ import annotations

from pathlib import Path

from conformance.evidence import Result
from conformance.outcomes import Outcome
from conformance.requirements import MUST
from conformance.selftest.hunt import Caught, Quarry, Until
from conformance.selftest.protocol import AT_ONCE, STRONGEST, Hunter
from fixtures.mutants.protocol.fault import Fault, ProtocolMutant
from fixtures.mutants.protocol.proxy import SOUND, WEAKEST


class Told(Hunter):
    """A hunter that is told what falls on whom, in place of a run of the suite on a server.

    Args:
        falls: ids by mutant, in the order in which they are measured.
    """

    def __init__(self, falls: dict[str, list[str]], log: Path) -> None:
        super().__init__("http://127.0.0.1:1", Path())
        self.falls, self.log = falls, log

    def _hunt(self, task):
        quarry, route, only, until = task
        with self.log.open("a") as log:
            log.write(f"{route}/{quarry.name}\n")
        falls = self.falls.get(f"{route}/{quarry.name}", self.falls.get(quarry.name, []))
        fallen = [id for id in falls if id not in quarry.spared]
        fallen = [id for id in fallen if only is None or id in only]
        return Caught(
            quarry.name, dict.fromkeys(fallen[:1] if until is Until.KILLED else fallen, "fell")
        )


def mutants(names):
    return [ProtocolMutant(name, name, name, (), Fault()) for name in names]


def killers(hunter, names, **more):
    found = hunter.hunted(mutants(names), workers=1, **more)
    return {each.name: list(each.killers) for each in found}


FALLS = {
    SOUND: ["weak", "also-weak"],
    "caught": ["strong"],
    "caught-later": ["weak", "strong"],
    "caught-last": ["weak", "also-weak", "strong"],
    "lives": ["weak"],
    "inert": [],
}
NAMES = [name for name in FALLS if name != SOUND]


def test_what_falls_on_the_sound_server_kills_nothing(tmp_path):
    found = killers(Told(FALLS, tmp_path / "log"), NAMES)
    strong = ["caught", "caught-last", "caught-later"]
    assert found == {name: ["strong"] if name in strong else [] for name in NAMES}


def test_nothing_is_hunted_again_where_all_was_measured(tmp_path):
    found = killers(Told(FALLS, tmp_path / "log"), NAMES, until=Until.END)
    assert found["caught-last"] == ["strong"] and found["lives"] == []
    every = (tmp_path / "log").read_text().split()
    hunted = [each for each in every if not each.startswith(f"{WEAKEST}/")]
    assert len(set(hunted)) == len(hunted), "each once, the sound server too"


def test_on_the_weakest_route_what_falls_there_kills(tmp_path):
    falls = {
        "as-before": ["strong"],
        "otherwise": ["needs-more"],
        "weakest/otherwise": ["needs-less"],
        "unseen": ["needs-more"],
        "weakest/unseen": ["refused"],
        "weakest/sound": ["refused"],
        "lives": [],
    }
    names = ["as-before", "otherwise", "unseen", "lives"]
    hunter = Told(falls, tmp_path / "log")
    found = {each.name: each for each in hunter.hunted(mutants(names), workers=1)}
    assert {name: each.killed for name, each in found.items()} == {
        name: name != "lives" for name in names
    }
    assert {name: list(each.weakest.killers) for name, each in found.items()} == {
        "as-before": ["strong"], "otherwise": ["needs-less"], "unseen": [], "lives": []
    }  # fmt: skip
    assert "weakest/lives" not in (tmp_path / "log").read_text().split()


def test_without_a_weakest_route_nothing_is_hunted_there(tmp_path):
    hunter = Told(FALLS, tmp_path / "log")
    found = list(hunter.hunted(mutants(NAMES), workers=1, routes=[STRONGEST]))
    assert {each.name for each in found if each.killed} == {"caught", "caught-last", "caught-later"}
    assert {type(each) for each in found} == {Caught}
    assert WEAKEST not in (tmp_path / "log").read_text()


def test_a_mutant_is_told_of_before_the_last_is_hunted(tmp_path):
    names = [f"m{number}" for number in range(3 * AT_ONCE)]
    hunter = Told({name: ["strong"] for name in names}, tmp_path / "log")
    telling = hunter.hunted(mutants(names), workers=1)
    first = next(telling)
    assert first.killed and f"/{names[-1]}" not in (tmp_path / "log").read_text().split()
    assert {first.name, *(each.name for each in telling)} == set(names)


def test_the_mutants_own_name_in_an_address_names_no_area():
    quarry = Quarry("ignores-stop", "stop")

    def fell(message):
        return Result("api/chat/n", MUST, "", "", "", [], Outcome.FAIL, message)

    assert not quarry.named_by(fell("Answered 500 to POST /ignores-stop/v1/chat/completions"))
    assert quarry.named_by(fell("`stop` is ignored by POST /ignores-stop/v1/chat/completions"))
