"""Many clients at once, and one that goes away."""

from __future__ import annotations

import pytest

from conformance.api.ask import Ask
from conformance.api.prompts import Prompts
from conformance.api.transport import crowd, gone
from conformance.requirements import MUST, SHOULD, requirement
from conformance.targets.server import ServerTarget

API = ("api",)
CREATE = "chat.completions.create:"


@requirement("api/transport/64-at-once", MUST, source="vLLM", profiles=API, alone=True,
             accepts=CREATE)  # fmt: skip
def test_64_at_once(ask: Ask, prompts: Prompts) -> None:
    """64 requests that come at once MUST all be answered, each with the answer to its own question.

    A team's agents start at the same minute. Refused connections, and answers that go to somebody
    else, show only then.
    """
    crowd.each_its_own(ask, prompts, 64)


@pytest.mark.parametrize("kind", ["stream", "whole"])
@requirement("api/transport/client-gone", SHOULD, source="vLLM aborts requests of clients that "
             "hang up", profiles=API, alone=True, accepts=CREATE)  # fmt: skip
def test_client_gone(ask: Ask, prompts: Prompts, target: ServerTarget, kind: str) -> None:
    """After a client has hung up, the work on its answer SHOULD stop.

    Editors ask anew at each key stroke. A server that finishes what nobody reads is busy with that
    all day.
    """
    gone.stops(ask, prompts, stream=kind == "stream", context=target.max_model_len)
