"""That there is a model to look at: what a backend cannot load it cannot compute."""

from __future__ import annotations

from conformance.api import expect
from conformance.api.ask import Ask
from conformance.requirements import SHOULD, requirement


@requirement(
    "numerics/model/served",
    SHOULD,
    source="docs/fixture-models.md: the families that vLLM serves",
    profiles=("numerics",),
)
def test_served(ask: Ask) -> None:
    """A backend SHOULD load the model and answer with it.

    A team that moves to a family that its Macs cannot load learns it on the day of the move. What
    is not served is not measured: the certificate says that it does not cover the model.
    """
    response = ask.chat("Hi", max_tokens=1)
    if response.status != 200:
        response = ask.complete("Hi", max_tokens=1)
    expect.ok(response)
