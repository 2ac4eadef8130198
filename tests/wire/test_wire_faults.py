"""Each fault on the wire is caught by the requirement on it, which holds of a server without."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests import several_runs
from tests.wire.wire_server import FAULTS, WireServer

TRANSPORT = several_runs.ROOT / "conformance" / "api" / "transport"
FILES = ("connections", "bodies", "cross_origin", "keys", "streams_asked", "crowd")
KEY = "the-key"
KEYS = ("needs-no-key", "forbids")
"""Faults of a server that needs a key."""

CAUGHT = {
    "leaves-bodies": ("connections", "connection-next[no-json]", "FAIL"),
    "hangs-up": ("connections", "connection-next[answer]", "FAIL"),
    "stays": ("connections", "connection-close", "FAIL"),
    "one-of-two": ("connections", "pipelined", "FAIL"),
    "one-client": ("connections", "beside[silent]", "FAIL"),
    "first-piece": ("connections", "slow-request", "UNSUPPORTED"),
    "no-chunks": ("connections", "chunked", "UNSUPPORTED"),
    "no-continue": ("connections", "expect-continue", "FAIL"),
    "chunks-for-all": ("connections", "http-1-0", "FAIL"),
    "gives-up": ("connections", "hung-up[while-sending]", "FAIL"),
    "body-for-head": ("cross_origin", "head", "FAIL"),
    "asks-browsers-for-a-key": ("cross_origin", "preflight", "FAIL"),
    "hides-errors": ("cross_origin", "cross-origin", "FAIL"),
    "trusts-every-page": ("cross_origin", "no-credentials", "FAIL"),
    "fails-on-size": ("bodies", "body-50-mb", "FAIL"),
    "fails-on-depth": ("bodies", "deep-json[unended]", "FAIL"),
    "first-wins": ("bodies", "duplicate-names", "FAIL"),
    "takes-nan": ("bodies", "no-number[nan]", "SILENT"),
    "fails-on-surrogates": ("bodies", "lone-surrogate[content]", "FAIL"),
    "refuses-nulls": ("bodies", "control-characters[between]", "UNSUPPORTED"),
    "guesses-json": ("bodies", "no-json[single-quotes]", "FAIL"),
    "lies-about-gzip": ("bodies", "gzip-answer", "FAIL"),
    "ignores-coding": ("bodies", "gzip-request", "FAIL"),
    "needs-no-key": ("keys", "key-refused[wrong]", "FAIL"),
    "forbids": ("keys", "key-refused[none]", "FAIL"),
    "wants-a-key": ("keys", "key-not-needed[wrong]", "FAIL"),
    "few-at-once": ("crowd", "64-at-once", "FAIL"),
    "mixes-up": ("crowd", "64-at-once", "FAIL"),
    "wants-events": ("streams_asked", "stream-headers[accept-json]", "UNSUPPORTED"),
    "resumes": ("streams_asked", "stream-headers[reconnect]", "FAIL"),
}
"""Fault: the file that catches it, the requirement, and what that comes to. (A server that refuses
what it has to answer is not silent: it counts against it, since these are MUST.)"""


def only(requirement: str) -> str:
    """The part of a requirement's id that picks its test, as pytest's -k reads it."""
    name, _, case = requirement.partition("[")
    picked = f"test_{name.replace('-', '_')}"
    return f"{picked} and {case.rstrip(']')}" if case else picked


def arguments(server: WireServer, fault: str, report: Path) -> list[str]:
    files = [CAUGHT[fault][0]] if fault in CAUGHT else FILES
    chosen = ["-k", only(CAUGHT[fault][1])] if fault in CAUGHT else []
    paths = [str(TRANSPORT / f"test_{file}.py") for file in files]
    key = ["--api-key-env", "MACCORD_TEST_KEY"] if server.api_key else []
    target = ["--base-url", server.base_url, "--request-timeout", "2"]
    return [*paths, *chosen, *key, *target, "--report", str(report)]


def measure(faults: list[str], folder: Path) -> None:
    """Run the suite against each fault, in one process, and leave the reports in `folder`."""
    with ExitStack() as stack:
        runs = []
        for fault in faults:
            key = KEY if fault in (*KEYS, "a-key") else None
            server = WireServer(fault if fault in FAULTS else "", key)
            stack.enter_context(server)
            runs.append(arguments(server, fault, folder / fault))
        env = {"MACCORD_TEST_KEY": KEY, "PATH": "", "PYTHONPATH": str(several_runs.ROOT)}
        several_runs.run(runs, timeout_s=300, env=env)


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """The outcomes of all faults, of no fault ("none"), and of a server that needs a key."""
    wanted = ["none", "a-key", *CAUGHT]
    folder = tmp_path_factory.mktemp("wire")
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(measure, [wanted[0::2], wanted[1::2]], [folder] * 2))
    return {
        fault: {
            id.removeprefix("api/transport/"): result
            for id, result in several_runs.results(folder / fault).items()
        }
        for fault in wanted
    }


def test_every_fault_is_looked_for():
    assert set(CAUGHT) == set(FAULTS)


@pytest.mark.parametrize("server", ["none", "a-key"])
def test_a_server_without_fault_passes(measured, server):
    outcomes = {id: found["outcome"] for id, found in measured[server].items()}
    undecided = {id for id, outcome in outcomes.items() if outcome == "INCONCLUSIVE"}
    absent = {id for id, outcome in outcomes.items() if outcome == "UNSUPPORTED"}
    assert undecided == {"client-gone[stream]", "client-gone[whole]"}  # it counts nothing
    assert all(id.startswith("key-refused") for id in absent)
    assert bool(absent) == (server == "none")
    assert set(outcomes.values()) <= {"PASS", "INCONCLUSIVE", "UNSUPPORTED"}
    assert len(outcomes) > 55


@pytest.mark.parametrize("fault", CAUGHT)
def test_a_fault_is_caught(measured, fault):
    _, requirement, outcome = CAUGHT[fault]
    assert measured[fault][requirement]["outcome"] == outcome
    assert measured[fault][requirement]["exchanges"]
