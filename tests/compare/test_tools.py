"""A tool call is compared with the function that was offered."""

from __future__ import annotations

import pytest
from openai.types.chat.chat_completion_message_function_tool_call import Function
from verdicts import Said, said

from conformance.api.prompts import SWITCH
from conformance.compare import tools
from conformance.outcomes import Failed, Inconclusive, Silent

GOOD = Function(name="switch_light", arguments='{"state": "on"}')


@pytest.mark.parametrize("finish_reason", ["stop", "tool_calls"])
def test_a_call_of_the_function_passes(finish_reason):
    tools.called(([GOOD], finish_reason), SWITCH)


@pytest.mark.parametrize(
    ("check", "verdict"),
    [
        (lambda: tools.called(([GOOD], "stop"), SWITCH), None),
        (
            lambda: tools.called(([], "stop"), SWITCH),
            Said(Silent, "A named `tool_choice` is accepted and ignored", "a call", "no call"),
        ),
        (
            lambda: tools.called(([GOOD, GOOD], "stop"), SWITCH),
            Said(
                Failed,
                "Another function than the named one is called",
                "['switch_light']",
                "['switch_light', 'switch_light']",
            ),
        ),
        (
            lambda: tools.called(([Function(name="other", arguments="{}")], "stop"), SWITCH),
            Said(
                Failed,
                "Another function than the named one is called",
                "['switch_light']",
                "['other']",
            ),
        ),
        (
            lambda: tools.called(
                ([Function(name="switch_light", arguments="on" * 150)], "stop"), SWITCH
            ),
            Said(
                Failed,
                "A tool call's arguments are not JSON for its schema",
                repr(SWITCH["function"]["parameters"]),
                "'" + "on" * 100 + "': Expecting value: line 1 column 1 (char 0)",
            ),
        ),
        (
            lambda: tools.called(
                ([Function(name="switch_light", arguments='{"state": "dim"}')], "stop"), SWITCH
            ),
            Said(
                Failed,
                "A tool call's arguments are not JSON for its schema",
                repr(SWITCH["function"]["parameters"]),
                (
                    "'{\"state\": \"dim\"}': 'dim' is not one of ['on', 'off']\n\nFailed "
                    "validating 'enum' in schema['properties']['state']:\n    "
                    "{'type': 'string', 'enum': ['on', 'off']}\n\nOn instance['state']:\n    'dim'"
                ),
            ),
        ),
        (
            lambda: tools.called(
                ([Function(name="switch_light", arguments='{"st')], "length"), SWITCH
            ),
            Said(
                Inconclusive,
                (
                    "The call was cut at its length: a model that keeps its arguments short would "
                    "decide"
                ),
                cause="The model's own answer does not allow the check",
            ),
        ),
        (
            lambda: tools.called(([GOOD], "content_filter"), SWITCH),
            Said(
                Failed,
                "A tool call gives another finish reason",
                "stop or tool_calls",
                "content_filter",
            ),
        ),
    ],
)
def test_anything_else_is_judged(check, verdict):
    assert said(check) == verdict


def test_arguments_nested_beyond_reading_are_no_json():
    deep = Function(name="switch_light", arguments="[" * 100_000)
    with pytest.raises(Failed, match="not JSON"):
        tools.called(([deep], "stop"), SWITCH)
