"""Every requirement on responses and messages holds on a server without fault, and some fault
breaks it; the servers are in memory."""

from __future__ import annotations

import pytest

from conformance.api.messages import test_count, test_refusals
from conformance.api.messages import test_create as messages_create
from conformance.api.messages import test_stream as messages_stream
from conformance.api.messages import test_tools as messages_tools
from conformance.api.responses import (
    test_create,
    test_extras,
    test_input,
    test_reasoning,
    test_sampling,
    test_state,
    test_stream,
    test_text,
    test_tools,
)
from tests.agentic.faults_messages import MESSAGES
from tests.agentic.faults_responses import RESPONSES
from tests.agentic.measuring import claims, outcome, requirements, sends
from tests.agentic.server import Fault

MODULES = (
    test_create, test_extras, test_input, test_reasoning, test_sampling, test_state, test_stream,
    test_text, test_tools,
    messages_create, test_count, test_refusals, messages_stream, messages_tools,
)  # fmt: skip
FOUND = requirements(*MODULES)
TABLE = {f"responses-{name}": fault for name, fault in RESPONSES.items()} | {
    f"messages-{name}": fault for name, fault in MESSAGES.items()
}

NOT_CANNED = {
    "api/responses/penalty[frequency]": "INCONCLUSIVE",
    "api/responses/penalty[presence]": "INCONCLUSIVE",
    "api/responses/repetition-penalty": "SILENT",
    "api/responses/structured-outputs[regex]": "UNSUPPORTED",
    "api/responses/structured-outputs[grammar]": "UNSUPPORTED",
    "api/responses/json-schema[ref]": "FAIL",
    "api/responses/json-schema[pattern]": "FAIL",
    "api/responses/json-schema[number-bounds]": "UNSUPPORTED",
    "api/responses/json-schema[any-of]": "FAIL",
    "api/responses/json-schema[nullable]": "UNSUPPORTED",
}
"""What the canned model cannot do, and comes to: real servers show that these can hold."""


def test_a_server_without_fault_holds_all():
    found = {id: outcome(case, Fault()) for id, case in FOUND.items()}
    assert {id: each for id, each in found.items() if each != "PASS"} == NOT_CANNED
    assert len(FOUND) > 300


@pytest.mark.parametrize("name", TABLE)
def test_a_fault_is_caught(name):
    fault, wanted = TABLE[name]
    assert {id: outcome(FOUND[id], fault) for id in wanted} == wanted


def test_each_requirement_is_broken_by_a_fault():
    broken = {id for _, wanted in TABLE.values() for id in wanted if wanted[id] != "PASS"}
    assert [id for id in FOUND if id not in broken and id not in NOT_CANNED] == []


def test_what_a_requirement_covers_it_sends():
    untrue = [
        f"{id}: {claim}"
        for id, covered in claims(*MODULES).items()
        for claim in covered
        if not sends(FOUND[id], claim)
    ]
    assert untrue == []
