"""One certificate of a target that was measured with several models, one after the other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from conformance.evidence import Result
from conformance.outcomes import judge
from conformance.report.certificate import Certificate, Served


@dataclass(frozen=True)
class Part:
    """What one model came to.

    Attributes:
        results: of its requirements; all of them ERROR where its turn never came.
        certificate: of the session that measured it, where there was one.
        refused: its turn came, and the backend did not serve it.
        start_s: how long the backend took to start with it, or to fail at that.
        reason: why its requirements were not measured, in a sentence.
        log_tail: the end of the backend's log, where it matters.
    """

    model: str
    results: list[Result]
    certificate: Certificate | None = None
    refused: bool = False
    start_s: float = 0.0
    reason: str = ""
    log_tail: str | None = None

    @property
    def phases(self) -> dict[str, float]:
        return self.certificate.phases if self.certificate else {"start": round(self.start_s, 1)}

    @property
    def stated(self) -> Served:
        """The model's entry in the certificate."""
        target = self.certificate.target if self.certificate else None
        return Served(
            name=self.model,
            measured=self.certificate is not None,
            reason=self.reason,
            weights_sha256=target.weights_sha256 if target else None,
            phases=self.phases,
        )


@dataclass(frozen=True)
class Whole:
    """What is said of all models together.

    Attributes:
        basic: models of which one at least has to be served, or nothing is certified.
        known: how many models there are in all, of which `parts` may be a choice.
        ended: why the run ended before its end, if it did.
    """

    parts: Sequence[Part]
    basic: Sequence[str] = ()
    known: int = 0
    ended: str | None = None

    @property
    def measured(self) -> list[str]:
        return [part.model for part in self.parts if part.certificate]

    @property
    def refused(self) -> list[str]:
        return [part.model for part in self.parts if part.refused]

    @property
    def unreached(self) -> list[str]:
        return [part.model for part in self.parts if not (part.certificate or part.refused)]


def merge(whole: Whole, blank: Certificate) -> Certificate:
    """One certificate, judged over the results of all models.

    Args:
        blank: what the certificate says beside that: profile, suite, machine, times. Its target is
            what is known of one before it is started.
    """
    results = [result for part in whole.parts for result in part.results]
    sessions = [part.certificate for part in whole.parts if part.certificate]
    void = _void(whole, sessions)
    verdict = judge(
        [(result.level, result.outcome) for result in results],
        expected_total=len(results),
        void=void,
    )
    phases: Counter[str] = Counter()
    for part in whole.parts:
        phases.update(part.phases)
    target = replace(sessions[0].target, base_url="", tokenizer=None) if sessions else blank.target
    tails = [
        part.certificate.log_tail if part.certificate else part.log_tail for part in whole.parts
    ]
    return replace(
        blank,
        verdict=verdict,
        complete=not whole.ended and all(session.complete for session in sessions),
        target=replace(target, model=", ".join(whole.measured), weights_sha256=None),
        phases={phase: round(seconds, 1) for phase, seconds in phases.items()},
        expected_total=len(results),
        results=results,
        notes=[*_covers(whole), *_notes(whole.parts)],
        log_tail=next(filter(None, tails), None) if verdict.exit_code == 2 else None,
        models=[part.stated for part in whole.parts],
        numerics=[found for session in sessions for found in session.numerics],
    )


def _void(whole: Whole, sessions: Sequence[Certificate]) -> str | None:
    """Why the run cannot be judged, where that is not an ERROR among its results."""
    if whole.ended:
        return f"{whole.ended}."
    basic = [name for name in whole.basic if any(part.model == name for part in whole.parts)]
    if basic and not set(basic) & set(whole.measured):
        return f"the backend does not serve {' or '.join(basic)}."
    if not sessions:
        return "the backend serves none of the models."
    for part in whole.parts:
        # A session that is void by its results alone makes the whole void by them too.
        if part.certificate and (reason := _void_beyond_results(part.certificate)):
            return f"{part.model}: {reason}"
    return None


def _void_beyond_results(session: Certificate) -> str | None:
    derived = judge(
        [(result.level, result.outcome) for result in session.results],
        expected_total=session.expected_total,
    )
    if session.verdict.exit_code != 2 or session.verdict == derived:
        return None
    return session.verdict.sentence.removeprefix("Could not be judged: ")


def _covers(whole: Whole) -> list[str]:
    """Which models the certificate covers and which not, in words."""
    count, asked = len(whole.measured), len(whole.parts)
    said = f"This certificate covers {count} of {whole.known} models: "
    notes = [f"{said}{', '.join(whole.measured)}." if count else f"{said.rstrip(': ')}."]
    if asked < whole.known:
        notes.append(f"Only {asked} of the {whole.known} models were asked for.")
    if whole.refused:
        names = ", ".join(whole.refused)
        notes.append(f"Not covered, because the backend did not serve them: {names}.")
    if whole.unreached:
        names = ", ".join(whole.unreached)
        notes.append(f"Not covered, because the run ended before their turn: {names}.")
    return notes


def _notes(parts: Sequence[Part]) -> list[str]:
    return [
        f"{part.model}: {note}"
        for part in parts
        if part.certificate
        for note in part.certificate.notes
    ]
