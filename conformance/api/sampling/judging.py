"""Drawn answers beside the distribution that production's sampler would draw them from."""

from __future__ import annotations

from dataclasses import dataclass

from conformance.api.ask import Ask
from conformance.api.prompts import is_scripted
from conformance.api.sampling.cases import Case, known
from conformance.api.sampling.drawing import Drawing
from conformance.compare import frequencies
from conformance.outcomes import Inconclusive, Level


class Uncalibrated(Inconclusive):
    """Of the served model no distribution is known, and no server answers for that."""

    level = Level.SHOULD


def check_calibrated(tokenizer_dir: str | None) -> None:
    """The served model is the one whose distributions are known. Raises Uncalibrated."""
    if not is_scripted(tokenizer_dir):
        raise Uncalibrated(
            "The model's own distribution is not known: the model `scripted` would decide",
            cause="The served model has no calibrated prompts",
        )


@dataclass(frozen=True)
class Sampling:
    """Draws answers and judges them."""

    ask: Ask
    drawing: Drawing

    def distributed(self, form: str, case: Case) -> None:
        """Answers with the case's parameters have the distribution that these make of the model's.

        Raises: as `frequencies.distributed`, and as `Drawing.answers`.
        """
        prompt = known(case.prompt)
        frequencies.distributed(
            self.drawing.answers(self.ask, form, case),
            prompt.answers(case.parameters, case.tokens),
            prompt.explanations(case.parameters, case.tokens),
            what=" with ".join(f"`{name}`" for name in case.parameters),
        )
