"""Each protocol fault is caught by the requirements that it breaks, and by no others.

The suite runs as a person runs it, in processes of its own, against the misbehaving server.
"""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests import several_runs
from tests.misbehaving import GOOD, MisbehavingServer

API = several_runs.ROOT / "conformance" / "api"
STREAMS = (API / "chat" / "test_stream.py", API / "completions" / "test_stream.py")
SSE = API / "transport" / "test_sse.py"
ERRORS = API / "transport" / "test_errors.py"
HTTP = API / "transport" / "test_http.py"
STRUCTURED = FORMAT, OUTPUTS, TOGETHER = tuple(
    API / "structured" / f"test_{name}.py"
    for name in ("response_format", "structured_outputs", "together")
)
TOOLS = CHOICE, CALLS, CALLS_STREAMED = tuple(
    API / "tools" / f"test_{name}.py" for name in ("choice", "calls", "stream")
)

CHAT, LEGACY = "api/chat/stream", "api/completions/stream"

NARROW = {
    "buffered": {f"{CHAT}-begun": "SILENT", f"{CHAT}-incremental": "SILENT"},
    "half-buffered": {f"{CHAT}-begun": "SILENT"},
    "no-usage-chunk": {
        f"{CHAT}-usage": "SILENT",
        f"{CHAT}-usage-counts": "SILENT",
        f"{LEGACY}-usage": "SILENT",
    },
    "usage-with-choice": {
        f"{CHAT}-usage": "FAIL",
        f"{CHAT}-usage-counts": "FAIL",
        f"{LEGACY}-usage": "FAIL",
    },
    "usage-unasked": {
        f"{CHAT}-choices": "FAIL",
        f"{CHAT}-no-usage": "FAIL",
        f"{CHAT}-usage": "FAIL",
        f"{CHAT}-usage-counts": "FAIL",
        f"{LEGACY}-choices": "FAIL",
        f"{LEGACY}-usage": "FAIL",
    },
    "finish-lost-with-logprobs": {f"{CHAT}-logprobs-finish": "FAIL"},
    "logprobs-not-streamed": {f"{CHAT}-logprobs": "SILENT", f"{LEGACY}-logprobs": "SILENT"},
    "role-repeated": {f"{CHAT}-role-once": "FAIL"},
    "role-missing": {f"{CHAT}-role-first": "FAIL"},
    "ids-change": {
        f"{CHAT}-chunks": "FAIL",
        f"{CHAT}-identity": "FAIL",
        f"{LEGACY}-chunks": "FAIL",
    },
    "splits-utf8": {f"{LEGACY}-utf8": "FAIL"},
    "loses-spaces": {
        f"{CHAT}-text": "FAIL",
        f"{LEGACY}-text": "FAIL",
        f"{LEGACY}-stop": "FAIL",
    },
    "leaks-stop": {f"{CHAT}-stop": "FAIL", f"{LEGACY}-stop": "FAIL"},
    "ignores-stop": {f"{CHAT}-stop": "SILENT", f"{LEGACY}-stop": "SILENT"},
    "ignores-n": {f"{CHAT}-n": "SILENT"},
    "one-streamed-choice": {f"{CHAT}-n": "SILENT"},
    "ignores-logprobs": {f"{CHAT}-logprobs": "SILENT", f"{LEGACY}-logprobs": "SILENT"},
    "wrong-counts": {f"{CHAT}-usage-counts": "FAIL", f"{LEGACY}-usage": "FAIL"},
    "finish-wrong": {
        f"{CHAT}-finish-length": "FAIL",
        f"{CHAT}-finish-stop": "FAIL",
        f"{CHAT}-logprobs-finish": "FAIL",
        f"{CHAT}-options-empty": "FAIL",
        f"{CHAT}-stop": "FAIL",
        f"{LEGACY}-finish-length": "FAIL",
        f"{LEGACY}-stop": "FAIL",
    },
    "finish-lost": {
        f"{CHAT}-finish-length": "FAIL",
        f"{CHAT}-finish-stop": "FAIL",
        f"{CHAT}-logprobs-finish": "FAIL",
        f"{CHAT}-options-empty": "FAIL",
        f"{CHAT}-stop": "FAIL",
        f"{CHAT}-n": "FAIL",
        f"{LEGACY}-finish-length": "FAIL",
        f"{LEGACY}-stop": "FAIL",
        f"{LEGACY}-prompts": "FAIL",
    },
}
"""Fault: all requirements on streams that it breaks. The others pass."""
NARROW["finish-repeated"] = NARROW["finish-lost"]

BROAD = {
    "named-events": ([SSE], {"api/transport/sse-framing": "FAIL"}),
    "no-done": ([SSE], {"api/transport/sse-done": "FAIL"}),
    "more-after-done": ([SSE], {"api/transport/sse-done": "FAIL"}),
    "ends-inside-event": ([SSE], {"api/transport/sse-framing": "FAIL"}),
    "bare-json-lines": ([SSE], {"api/transport/sse-framing": "FAIL"}),
    "broken-event": ([SSE], {"api/transport/sse-json": "FAIL"}),
    "ignores-stream": ([SSE], {"api/transport/sse-content-type": "SILENT"}),
    "plain-type": (
        [SSE, HTTP],
        {
            "api/transport/sse-content-type": "FAIL",
            "api/transport/json-content-type[chat]": "FAIL",
            "api/transport/json-content-type[error]": "FAIL",
        },
    ),
    "endless-stream": ([SSE], {"api/transport/sse-done": "FAIL"}),
    "finish-empty": (STREAMS, {f"{CHAT}-chunks": "FAIL", f"{LEGACY}-chunks": "FAIL"}),
    "chunk-untyped": (STREAMS, {f"{CHAT}-chunks": "FAIL", f"{LEGACY}-chunks": "FAIL"}),
    "empty-choices": (STREAMS, {f"{CHAT}-text": "FAIL", f"{LEGACY}-text": "FAIL"}),
    "accepts-invalid": ([ERRORS, HTTP], {"api/transport/request-not-json": "SILENT"}),
    "accepts-any-model": ([ERRORS], {"api/errors/unknown-model[chat]": "SILENT"}),
    "error-not-openai": ([ERRORS], {"api/errors/malformed-body[empty]": "FAIL"}),
    "invalid-is-500": ([ERRORS], {"api/errors/missing-field[prompt]": "FAIL"}),
    "html": ([HTTP], {"api/transport/json-content-type[chat]": "FAIL"}),
    "invalid-json": ([HTTP], {"api/transport/request-charset": "FAIL"}),
    "invalid-utf8": ([HTTP], {"api/transport/utf8-escaped": "FAIL"}),
    "nested-json": ([HTTP], {"api/transport/json-content-type[error]": "FAIL"}),
    "null-body": ([HTTP], {"api/transport/json-content-type[chat]": "FAIL"}),
}
"""Fault: where it is looked for, and some of the requirements there that it breaks."""

SCHEMA = {
    "api/structured/json-object": "SILENT",
    "api/structured/json-schema[enum]": "SILENT",
    "api/structured/json-schema[nested]": "SILENT",
    "api/structured/sampled[json-schema]": "SILENT",
    "api/structured/length": "SILENT",
    "api/structured/n": "SILENT",
}
FORCED = {"api/tools/required[talks]": "SILENT", "api/tools/named[get_time]": "SILENT"}

CONSTRAINED = {
    "ignores-response-format": (
        [FORMAT, TOGETHER],
        {**SCHEMA, "api/structured/stream[json-schema]": "SILENT"},
    ),
    "ignores-structured-outputs": (
        [OUTPUTS, TOGETHER],
        {
            "api/structured/choice[words]": "SILENT",
            "api/structured/json[object]": "SILENT",
            "api/structured/stream-constraint[choice]": "SILENT",
            "api/structured/reasoning": "SILENT",
        },
    ),
    "wraps-json": ([FORMAT, TOGETHER], SCHEMA),
    "breaks-enumerations": (
        [FORMAT, TOGETHER],
        {"api/structured/json-schema[enum]": "FAIL", "api/structured/n": "FAIL"},
    ),
    "ignores-tool-choice": (
        [CHOICE, CALLS_STREAMED],
        {**FORCED, "api/tools/stream-forced[named]": "SILENT"},
    ),
    "calls-as-text": ([CHOICE], FORCED),
    "cuts-arguments": (
        [CHOICE, CALLS],
        {"api/tools/required[calls]": "FAIL", "api/tools/strict[enum]": "FAIL"},
    ),
    "reuses-ids": ([CHOICE], {"api/tools/n": "FAIL"}),
    "call-ids-change": ([CALLS_STREAMED], {"api/tools/stream-forced[named]": "FAIL"}),
    "call-finish-stop": ([CALLS_STREAMED], {"api/tools/stream-forced[required]": "FAIL"}),
}
"""Fault: where it is looked for, and some requirements that it breaks, which hold without it."""

PARTLY = ("api/structured/", "api/tools/")
"""Of these the canned server, which knows neither grammars nor scripts, serves a part."""

NO_ANSWER = (
    "error-500", "resets-midway", "endless-body", "not-http", "hangs", "drips-headers",
    "drips-body",
)  # fmt: skip
"""Faults after which a server serves nobody; here they are on the legacy route alone."""

WHOLLY_REFUSED = ("accepts-invalid", "error-not-openai", "invalid-is-500")
"""Faults that break every requirement on errors."""


def arguments(mode: str, server: MisbehavingServer, report: Path) -> list[str]:
    """Of pytest, to measure this fault."""
    timeout_s, files = 20, STREAMS
    if mode == GOOD:
        files = [
            *STREAMS,
            SSE,
            ERRORS,
            HTTP,
            FORMAT,
            OUTPUTS,
            TOGETHER,
            CHOICE,
            CALLS,
            CALLS_STREAMED,
        ]
    elif found := BROAD.get(mode) or CONSTRAINED.get(mode):
        files = found[0]
    elif mode in NO_ANSWER:
        timeout_s, files = 1, [STREAMS[1]]
    target = ["--base-url", server.base_url, "--request-timeout", str(timeout_s)]
    return [*map(str, files), *target, "--report", str(report)]


def server_of(mode: str) -> MisbehavingServer:
    """With a fault that leaves enough intact for a run: the list of models, or all of chat."""
    return MisbehavingServer(
        mode, only="/c" if mode in BROAD else "v1/completions" if mode in NO_ANSWER else ""
    )


def measure(modes: list[str], folder: Path) -> None:
    """Run the suite against each fault, in one process, and leave the reports in `folder`."""
    with ExitStack() as stack:
        servers = {mode: stack.enter_context(server_of(mode)) for mode in modes}
        runs = [arguments(mode, server, folder / mode) for mode, server in servers.items()]
        several_runs.run(runs, timeout_s=300)


@pytest.fixture(scope="module")
def measured(request, tmp_path_factory):
    """The outcomes of all faults that this session looks at, measured side by side."""
    calls = [getattr(item, "callspec", None) for item in request.session.items]
    modes = {call.params["mode"] for call in calls if call and "mode" in call.params}
    known = {*NARROW, *BROAD, *CONSTRAINED, *NO_ANSWER}
    wanted = [GOOD, *sorted(modes & known)]
    folder = tmp_path_factory.mktemp("faults")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(measure, [wanted[n::4] for n in range(4)], [folder] * 4))
    return {mode: several_runs.outcomes(folder / mode) for mode in wanted}


def departures(found: dict[str, str]) -> dict[str, str]:
    return {id: outcome for id, outcome in found.items() if outcome != "PASS"}


def test_a_server_without_fault_passes(measured):
    served = {id: outcome for id, outcome in measured[GOOD].items() if not id.startswith(PARTLY)}
    assert len(served) > 60
    assert departures(served) == {}


@pytest.mark.parametrize("mode", CONSTRAINED)
def test_a_fault_in_constraints_or_tools_is_caught_and_nothing_else_causes_it(measured, mode):
    wanted = CONSTRAINED[mode][1]
    assert wanted.items() <= measured[mode].items()
    assert {measured[GOOD][id] for id in wanted} == {"PASS"}


@pytest.mark.parametrize("mode", NARROW)
def test_a_narrow_fault_breaks_its_requirements_and_no_others(measured, mode):
    assert departures(measured[mode]) == NARROW[mode]


@pytest.mark.parametrize("mode", BROAD)
def test_a_broad_fault_is_caught_and_never_the_suite_s_own(measured, mode):
    found = departures(measured[mode])
    assert BROAD[mode][1].items() <= found.items()
    assert set(found.values()) <= {"FAIL", "SILENT"}


@pytest.mark.parametrize("mode", NO_ANSWER)
def test_a_route_that_does_not_answer_fails_and_the_others_pass(measured, mode):
    assert measured[mode] and set(measured[mode].values()) == {"FAIL"}


@pytest.mark.parametrize("mode", WHOLLY_REFUSED)
def test_a_fault_in_refusals_breaks_every_requirement_on_them(measured, mode):
    on_errors = {id for id in measured[mode] if id.startswith("api/errors/")}
    assert on_errors and on_errors <= departures(measured[mode]).keys()
