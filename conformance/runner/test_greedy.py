"""Requirements on the text that a runner generates at temperature 0."""

from __future__ import annotations

import pytest

from conformance.requirements import MUST, requirement
from conformance.runner import expect
from conformance.runner.measured import Measured

SOURCE = "vLLM on an H100 at temperature 0, recorded in fixtures/snapshots/cuda"
BY_HEART = "script-"
"""What the names of conversations begin with that the scripted model knows by heart."""


@requirement("runner/greedy/text", MUST, source=SOURCE, profiles=("numerics",))
def test_text(measured: Measured) -> None:
    """Greedy text MUST be production's until production hardly preferred its own token.

    Where the two likeliest tokens are closer than production is to itself, both are right, and
    what follows is another text.
    """
    found = measured.compared_as_text()
    expect.same_text(found, measured.production.band().parted)
    expect.whole(measured.production.snapshot.prompts, measured.greedy())


@pytest.mark.parametrize("measured", ["scripted"], indirect=True)
@requirement("runner/greedy/by-heart", MUST, source=SOURCE, profiles=("numerics",))
def test_by_heart(measured: Measured) -> None:
    """What a model knows by heart MUST come out token by token.

    The scripted model was trained on these conversations until it is sure of each token, so that
    no noise of any dtype excuses another.
    """
    known = [name for name in measured.greedy() if name.startswith(BY_HEART)]
    expect.the_very_same_text(measured.compared_as_text(), known)
