"""One certificate of several models: judged over all of them, and it says which they are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from conformance.evidence import Result
from conformance.outcomes import Level, Outcome
from conformance.report.certificate import Certificate, read, write
from conformance.report.merge import Part, Whole, merge
from tests.report.comparisons import comparisons
from tests.report.samples import certificate, result

BASIC = ("SmolLM2-135M-Instruct", "scripted")
BLANK = certificate([], void="not judged yet.")


def measured(model: str, *outcomes: Outcome, requests: float = 4.0, **changes: object) -> Part:
    """A model that was measured: one MUST for each outcome."""
    results = [
        result(f"numerics/distribution/r{n}[{model}]", Level.MUST, outcome, "It departs.")
        for n, outcome in enumerate(outcomes)
    ]
    made = certificate(results, phases={"start": 2.0, "requests": requests}, **changes)
    return Part(model, results, made)


def refused(model: str) -> Part:
    said = "toy stopped while it was starting (exit code 1)."
    found = result(f"numerics/model/served[{model}]", Level.SHOULD, Outcome.UNSUPPORTED, said)
    return Part(model, [found], refused=True, start_s=3.0, reason=said, log_tail="ValueError: no")


def merged(*parts: Part, ended: str | None = None, tmp_path: Path | None = None) -> Certificate:
    made = merge(Whole(parts, BASIC, 17, ended), BLANK)
    if tmp_path:
        write(made, tmp_path / "certificate.json")
        assert read(tmp_path / "certificate.json") == made
    return made


def test_all_models_are_judged_together(tmp_path: Path) -> None:
    made = merged(
        measured("scripted", Outcome.PASS, Outcome.PASS),
        measured("llama-gqa", Outcome.PASS, Outcome.FAIL),
        tmp_path=tmp_path,
    )
    assert made.verdict.sentence == "Not certified: 1 of 4 MUST requirements do not hold."
    assert made.expected_total == len(made.results) == 4
    assert made.complete
    assert made.phases == {"start": 4.0, "requests": 8.0}
    assert made.target.model == "scripted, llama-gqa"


def test_a_model_that_is_not_served_costs_nothing_but_is_named(tmp_path: Path) -> None:
    made = merged(measured("scripted", Outcome.PASS), refused("gpt-oss"), tmp_path=tmp_path)
    assert made.verdict.certified
    assert made.verdict.counts["UNSUPPORTED"] == 1
    assert made.phases["start"] == 5.0
    assert [(each.name, each.measured) for each in made.models] == [
        ("scripted", True),
        ("gpt-oss", False),
    ]
    notes = " ".join(made.notes)
    assert "covers 1 of 17 models: scripted." in notes
    assert "Only 2 of the 17 models were asked for." in notes
    assert "because the backend did not serve them: gpt-oss." in notes


def test_without_any_of_the_basic_models_nothing_is_certified(tmp_path: Path) -> None:
    parts = [measured("llama-gqa", Outcome.PASS), *map(refused, BASIC)]
    made = merged(*parts, tmp_path=tmp_path)
    assert made.verdict.exit_code == 2
    assert made.verdict.sentence.endswith(
        "the backend does not serve SmolLM2-135M-Instruct or scripted."
    )
    assert made.log_tail == "ValueError: no"
    assert merged(measured("scripted", Outcome.PASS), refused(BASIC[0])).verdict.certified


def test_a_choice_of_models_without_the_basic_ones_is_judged_by_itself() -> None:
    assert merged(measured("llama-gqa", Outcome.PASS)).verdict.certified
    nothing = merged(refused("llama-gqa")).verdict
    assert nothing.sentence == "Could not be judged: the backend serves none of the models."


def test_a_run_that_was_ended_is_void_and_keeps_what_it_has(tmp_path: Path) -> None:
    never = result("numerics/model/served[qwen3]", Level.SHOULD, Outcome.ERROR, "Not measured")
    made = merged(
        measured("scripted", Outcome.PASS),
        Part("qwen3", [never], reason="Not measured."),
        ended="the run was interrupted",
        tmp_path=tmp_path,
    )
    assert made.verdict.sentence == "Could not be judged: the run was interrupted."
    assert not made.complete
    assert made.verdict.counts["PASS"] == 1
    assert "because the run ended before their turn: qwen3." in " ".join(made.notes)


def test_an_error_with_one_model_voids_the_whole() -> None:
    made = merged(measured("scripted", Outcome.PASS), measured("qwen3", Outcome.ERROR))
    assert made.verdict.sentence == "Could not be judged: 1 requirement of 2 ended in ERROR."


def test_a_target_that_was_lost_is_named_with_its_model() -> None:
    lost = measured("qwen3", Outcome.ERROR, void="the target answers nothing since POST /x.")
    made = merged(measured("scripted", Outcome.PASS), lost)
    assert made.verdict.sentence == (
        "Could not be judged: qwen3: the target answers nothing since POST /x."
    )


def test_comparisons_and_notes_of_all_sessions_are_there(tmp_path: Path) -> None:
    inside, also, *_ = comparisons()
    one = measured("llama-gqa", Outcome.PASS, numerics=[inside], notes=["It was started again."])
    made = merged(one, measured("qwen2-bias", Outcome.PASS, numerics=[also]), tmp_path=tmp_path)
    assert [found["model"] for found in made.numerics] == ["llama-gqa", "qwen2-bias"]
    assert "llama-gqa: It was started again." in made.notes


def test_results_keep_what_a_session_made_of_them() -> None:
    waived: Result = replace(
        refused("phi3").results[0], outcome=Outcome.WAIVED, waived_outcome=Outcome.UNSUPPORTED,
        waiver_reason="known", waiver_link="https://example.org",
    )  # fmt: skip
    made = merged(measured("scripted", Outcome.PASS), replace(refused("phi3"), results=[waived]))
    assert made.verdict.sentence.endswith("(1 waived as known failures).")
