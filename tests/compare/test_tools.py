"""A tool call is compared with the function that was offered."""

from __future__ import annotations

import pytest
from openai.types.chat.chat_completion_message_function_tool_call import Function

from conformance.api.prompts import SWITCH
from conformance.compare import tools
from conformance.outcomes import Failed, Inconclusive, Silent

GOOD = Function(name="switch_light", arguments='{"state": "on"}')


@pytest.mark.parametrize("finish_reason", ["stop", "tool_calls"])
def test_a_call_of_the_function_passes(finish_reason):
    tools.called(([GOOD], finish_reason), SWITCH)


@pytest.mark.parametrize(
    ("functions", "finish_reason", "outcome"),
    [
        ([], "stop", Silent),
        ([GOOD, GOOD], "stop", Failed),
        ([Function(name="other", arguments="{}")], "stop", Failed),
        ([Function(name="switch_light", arguments="on")], "stop", Failed),
        ([Function(name="switch_light", arguments='{"state": "dim"}')], "stop", Failed),
        ([Function(name="switch_light", arguments="[" * 100_000)], "stop", Failed),
        ([Function(name="switch_light", arguments='{"st')], "length", Inconclusive),
        ([GOOD], "content_filter", Failed),
    ],
)
def test_anything_else_is_judged(functions, finish_reason, outcome):
    with pytest.raises(outcome):
        tools.called((functions, finish_reason), SWITCH)
