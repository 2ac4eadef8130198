"""Every requirement on a parameter holds on a faithful server, and falls where it is ignored.

The suite runs as a person runs it, in processes of its own.
"""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from conformance.api.sampling.cases import TOGETHER, known
from tests import several_runs
from tests.faithful.engine import Engine
from tests.faithful.server import FaithfulServer

API = "conformance/api"
BATCH, SAMPLING, TOKENS = f"{API}/batch", f"{API}/sampling", f"{API}/tokens"
FORMS, COMPANY, SCORES = (
    f"{API}/metamorphic/test_{name}.py" for name in ("forms", "company", "scores")
)
ALL = [f"{API}/extensions", f"{API}/metamorphic", BATCH, TOKENS, SAMPLING]

MODES = {
    "good": ALL,
    "ignores-all": [f"{API}/extensions", SAMPLING, f"{TOKENS}/test_tokenize.py"],
    "batch-ignores": [BATCH],
    "reversed": [SAMPLING, "-k", "order"],
    "temperature-last": [SAMPLING, "-k", "order"],
    "one-seed": [COMPANY, "-k", "seed"],
    "tears": [FORMS, "-k", "stream"],
    "leaks": [COMPANY, "-k", "strangers"],
    "stale": [COMPANY, "-k", "cached or longer or seed"],
    "retokenises": [FORMS, TOKENS, "-k", "ids or template or round"],
    "off-by-one": [SCORES, "-k", "score"],
    "miscounts": [SCORES, f"{TOKENS}/test_tokenize.py", "-k", "usage or test_tokenize"],
    "sorts": [SCORES, BATCH, "-k", "order or conversations"],
}
"""Fault: where it is looked for."""

NOT_SERVED = {
    "api/extensions/prompt-embeds",
    "api/extensions/thinking-token-budget[chat]",
    "api/extensions/thinking-token-budget[completions]",
}

UNDECIDED = {
    "api/extensions/cache-salt[chat]",
    "api/extensions/cache-salt[completions]",
    "api/extensions/special-tokens[chat]",
    "api/extensions/special-tokens[completions]",
    "api/tokens/special-tokens[with]",
    "api/tokens/special-tokens[without]",
}
"""The server tells nothing of its cache, and its tokenizer adds no special tokens."""

UNMOVED = (
    r"api/extensions/(passive-.*|documents-unread|model-named|one-beam.*)"
    r"|api/sampling/distribution\[.*-(plain|temperature)\]"
    r"|api/tokens/(tokenize|round-trip|passive)\[.*|api/tokens/(chat|context-length|detokenize-ids"
    r"|strings-unasked)"
)
"""What holds where every parameter but the basic ones is ignored: it is not on any of these."""

FALLEN = {
    "one-seed": ["api/metamorphic/n-seeds[chat]"],
    "tears": [
        "api/metamorphic/stream[chat-greedy]",
        "api/metamorphic/stream[completions-length]",
        "api/metamorphic/stream-sampled[chat-sampled]",
        "api/metamorphic/stream-stop[completions]",
    ],
    "leaks": ["api/metamorphic/strangers[chat]", "api/metamorphic/strangers[completions]"],
    "stale": ["api/metamorphic/cached[chat]", "api/metamorphic/longer[completions]"],
    "retokenises": [
        "api/metamorphic/template[ids]",
        "api/tokens/round-trip[spaces]",
        "api/tokens/round-trip[empty-lines]",
    ],
    "off-by-one": ["api/metamorphic/scores-of-an-echo"],
    "miscounts": [
        "api/metamorphic/usage[chat-emoji]",
        "api/metamorphic/usage[completions-cjk]",
        "api/tokens/tokenize[cjk]",
    ],
    "sorts": ["api/batch/conversations", "api/metamorphic/order-of-prompts"],
}
"""Fault: some of what falls by it."""


def measure(engine: Engine, modes: list[str], folder: Path) -> None:
    """Run the suite against each fault, in one process, and leave the reports in `folder`."""
    with ExitStack() as stack:
        runs = []
        for mode in modes:
            server = stack.enter_context(FaithfulServer(engine, mode))
            target = ["--base-url", server.base_url, "--tokenizer", str(engine.folder)]
            report = ["--report", str(folder / mode)]
            runs.append([*MODES[mode], *target, *report])
        several_runs.run(runs, timeout_s=600)


@pytest.fixture(scope="module")
def measured(request, tmp_path_factory):
    """By fault, what each requirement came to; measured once, two faults side by side."""
    calls = [getattr(item, "callspec", None) for item in request.session.items]
    named = {call.params["mode"] for call in calls if call and "mode" in call.params}
    modes = [mode for mode in MODES if mode not in FALLEN or mode in named]
    folder, engine = tmp_path_factory.mktemp("faithful"), Engine()
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(measure, [engine] * 2, [modes[:1], modes[1:]], [folder] * 2))
    return {mode: several_runs.outcomes(folder / mode) for mode in modes}


def fallen(found: dict[str, str]) -> set[str]:
    return {id for id, outcome in found.items() if outcome in ("FAIL", "SILENT")}


def test_all_hold_on_a_faithful_server(measured):
    departures = {id: came for id, came in measured["good"].items() if came != "PASS"}
    served = dict.fromkeys(NOT_SERVED, "UNSUPPORTED")
    assert departures == served | dict.fromkeys(UNDECIDED, "INCONCLUSIVE")
    assert len(measured["good"]) > 300


def test_every_parameter_that_is_ignored_is_noticed(measured):
    found = measured["ignores-all"]
    unnoticed = {id for id in found if found[id] == "PASS" and not re.fullmatch(UNMOVED, id)}
    assert unnoticed == set()
    assert "ERROR" not in found.values()
    assert list(found.values()).count("SILENT") > 80


def test_what_a_batch_ignores_is_silent(measured):
    found = measured["batch-ignores"]
    effective = {id: came for id, came in found.items() if id.startswith("api/batch/effective")}
    assert effective.pop("api/batch/effective[max_tokens]") == "PASS"  # heeded, for brevity
    assert set(effective.values()) == {"SILENT", "FAIL"}
    assert list(effective.values()).count("SILENT") >= 11
    assert found["api/batch/request-id"] == found["api/batch/include-reasoning"] == "SILENT"


def test_another_order_is_called_so(measured):
    """All but those cases in which the reverse order comes to the same."""
    for name, case in TOGETHER.items():
        orders = known(case.prompt).explanations(case.parameters, case.tokens)
        told = any("production applies" in each.judgement.message for each in orders)
        for form in ("chat", "completions"):
            came = measured["reversed"][f"api/sampling/order[{form}-{name}]"]
            assert came == ("FAIL" if told else "PASS"), name


def test_a_temperature_that_comes_last_is_noticed(measured):
    noticed = {"temperature-top-p", "temperature-min-p", "all-four"}
    found = fallen(measured["temperature-last"])
    assert found == {
        f"api/sampling/order[{form}-{name}]" for form in ("chat", "completions") for name in noticed
    }


@pytest.mark.parametrize("mode", FALLEN)
def test_a_fault_is_caught(measured, mode):
    assert set(FALLEN[mode]) <= fallen(measured[mode])
    assert {measured["good"][id] for id in FALLEN[mode]} == {"PASS"}
