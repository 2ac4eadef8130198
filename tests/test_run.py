"""The run's folder: what is written is there, whatever happens to the writer."""

from __future__ import annotations

import multiprocessing
import time
from pathlib import Path

import pytest

from conformance.judging import result
from conformance.outcomes import Failed, Level, Outcome
from conformance.report.certificate import CertificateError
from conformance.requirements import Requirement
from conformance.run import Planned, RunFolder

STATED = Requirement("api/chat/n", Level.MUST, "It MUST.", "why", "source", ("core", "api"), True)


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    folder = RunFolder(tmp_path / "report" / "run")
    folder.reset()
    return folder


def test_results_come_back_and_a_line_cut_short_costs_only_itself(folder: RunFolder) -> None:
    folder.record(result(STATED, Failed("no")))
    folder.record(result(STATED, None))
    folder.results_file.write_text(folder.results_file.read_text()[:-20])
    assert [found.outcome for found in folder.results()] == [Outcome.FAIL]


def test_a_new_run_forgets_the_old_one(folder: RunFolder) -> None:
    folder.record(result(STATED, None))
    folder.set_lost("gone")
    folder.set_planned([Planned("node", STATED)])
    folder.reset()
    assert (folder.results(), folder.lost(), folder.planned()) == ([], None, [])


COMPARED = {
    "model": "qwen3", "scope": "runner", "verdict": "outside", "reason": "It is far off.",
    "diagnosis": None, "figures": [{"name": "kl_max", "value": 2.0, "limit": 1.0}],
    "positions": 9, "shown": 20, "agreement": 1.0, "rank": 1.0, "by_position": [],
    "divergences": [],
}  # fmt: skip


def test_comparisons_come_back_and_a_line_cut_short_costs_only_itself(folder: RunFolder) -> None:
    for model in ("scripted", "gpt2", "qwen3"):
        folder.record_parity({**COMPARED, "model": model})
    file = folder.path / "parity.jsonl"
    file.write_bytes(file.read_bytes()[:-5])
    assert [found["model"] for found in folder.parities()] == ["scripted", "gpt2"]
    folder.reset()
    assert folder.parities() == []


def test_a_difference_without_end_can_be_told(folder: RunFolder) -> None:
    endless = {"name": "kl_max", "value": float("inf"), "limit": 1.0}
    folder.record_parity({**COMPARED, "figures": [endless]})
    (found,) = folder.parities()
    assert found["figures"][0]["value"] == 1e9


def test_what_no_certificate_could_hold_is_refused_at_once(folder: RunFolder) -> None:
    with pytest.raises(CertificateError, match=r"at \$\.scope"):
        folder.record_parity({**COMPARED, "scope": "client"})
    assert folder.parities() == []


def _record_large(path: Path, model: str) -> None:
    for number in range(20):
        RunFolder(path).record_parity({**COMPARED, "model": f"{number}{model * 50_000}"})


def test_large_comparisons_of_several_workers_do_not_mix(folder: RunFolder) -> None:
    spawn = multiprocessing.get_context("spawn")
    writers = [spawn.Process(target=_record_large, args=(folder.path, name)) for name in "abc"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert len(folder.parities()) == 60


def _share(path: Path, made: object) -> None:
    def make() -> dict[str, int]:
        with made.get_lock():  # type: ignore[attr-defined]
            made.value += 1  # type: ignore[attr-defined]
        time.sleep(0.2)
        return {"answer": 42}

    assert RunFolder(path).shared("thing", make) == {"answer": 42}


def test_what_is_shared_is_made_once(folder: RunFolder) -> None:
    spawn = multiprocessing.get_context("spawn")
    made = spawn.Value("i", 0)
    sharers = [spawn.Process(target=_share, args=(folder.path, made)) for _ in range(3)]
    for sharer in sharers:
        sharer.start()
    for sharer in sharers:
        sharer.join(30)
    assert [sharer.exitcode for sharer in sharers] == [0, 0, 0]
    assert made.value == 1
    folder.reset()
    assert folder.shared("thing", lambda: {"answer": 43}) == {"answer": 43}


def test_what_could_not_be_made_is_tried_again(folder: RunFolder) -> None:
    with pytest.raises(ZeroDivisionError):
        folder.shared("thing", lambda: {"answer": 1 // 0})
    assert folder.shared("thing", lambda: {"answer": 42}) == {"answer": 42}


def test_the_first_reason_for_a_loss_stays(folder: RunFolder) -> None:
    folder.set_lost("first")
    folder.set_lost("second")
    assert folder.lost() == "first"


def test_planned_requirements_survive_json(folder: RunFolder) -> None:
    folder.set_planned([Planned("a::b", STATED)])
    assert folder.planned() == [Planned("a::b", STATED)]


def test_an_unmeasured_requirement_is_an_error_never_a_failure() -> None:
    unmeasured = Planned("a::b", STATED).unmeasured("the run ended")
    assert unmeasured.outcome is Outcome.ERROR
    assert unmeasured.id == STATED.id


def _hold(path: Path, alone: bool, entered: object, leave: object) -> None:
    with RunFolder(path).in_flight(alone=alone):
        entered.set()  # type: ignore[attr-defined]
        leave.wait(20)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("first_alone", "second_alone", "together"),
    [(False, False, True), (False, True, False), (True, False, False), (True, True, False)],
    ids=["shared", "alone-waits", "shared-waits", "alone-twice"],
)
def test_alone_means_alone(
    folder: RunFolder, first_alone: bool, second_alone: bool, together: bool
) -> None:
    spawn = multiprocessing.get_context("spawn")
    events = [spawn.Event() for _ in range(4)]
    first, leave_first, second, leave_second = events
    holders = [
        spawn.Process(target=_hold, args=(folder.path, first_alone, first, leave_first)),
        spawn.Process(target=_hold, args=(folder.path, second_alone, second, leave_second)),
    ]
    try:
        holders[0].start()
        assert first.wait(20)
        holders[1].start()
        if together:
            assert second.wait(20)
        else:
            time.sleep(1.0)  # the second has had time to enter, were it let in
            assert not second.is_set()
            leave_first.set()
            assert second.wait(20)
    finally:
        for event in (leave_first, leave_second):
            event.set()
        for holder in holders:
            holder.join(20)
