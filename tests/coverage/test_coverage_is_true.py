"""A requirement that says it covers a parameter sends it: seen on a server without fault."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from conformance.coverage.claims import WHOLE, Claim
from conformance.coverage.subjects import subjects
from fixtures.openai import operations, plain
from tests.misbehaving import GOOD, MisbehavingServer

ROOT = Path(__file__).parents[2]
API = ROOT / "conformance" / "api"
AREAS = ("chat", "completions", "models", "transport")

LEFT_OUT = "api/errors/missing-field"
"""Covers what a request must have, by not sending it."""

IN_PATH = "/models/{model}"
"""A path with a parameter that a requirement covers."""


@pytest.fixture(scope="module")
def sent(tmp_path_factory):
    """The requests of each requirement: method, path and fields."""
    file = tmp_path_factory.mktemp("sent") / "sent.json"
    with MisbehavingServer(GOOD) as server:
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"]
        command += ["-p", "tests.coverage.sent", "--base-url", server.base_url]
        command += ["--request-timeout", "5"]  # it is asked for more than it can do
        command += [str(API / area) for area in AREAS]
        environment = {**os.environ, "MACCORD_SENT": str(file)}
        subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, timeout=300)
    return json.loads(file.read_text())


def routes() -> dict[str, tuple[str, str]]:
    """Method and path of each operation, by each of its names."""
    named = {each.id: each.route for each in operations()}
    return named | {name: (each.method, plain(each.path)) for name, each in subjects().items()}


def is_on(operation: tuple[str, str], method: str, path: str) -> bool:
    pattern = operation[1].replace("{}", "[^/]+")
    return method == operation[0] and re.fullmatch(pattern, path) is not None


def test_what_a_requirement_covers_it_sends(all_stated, sent):
    known, untrue, seen = routes(), [], 0
    for stated in all_stated:
        seen_of_it = stated.id in sent and not stated.id.startswith(LEFT_OUT)
        for claim in map(Claim.read, stated.covers if seen_of_it else ()):
            operation = known[claim.operation]
            asked = [each[2] for each in sent[stated.id] if is_on(operation, *each[:2])]
            elsewhere = claim.parameter == WHOLE or f"{{{claim.parameter}}}" in IN_PATH
            seen += 1
            if not any(elsewhere or claim.parameter in fields for fields in asked):
                untrue.append(f"{stated.id}: {claim}")
    assert untrue == []
    assert seen > 150


def test_most_requirements_were_seen(all_stated, sent):
    """The others need the served model's tokenizer before they ask."""
    on_these = [r.id for r in all_stated if r.id.startswith(("api/chat", "api/completions"))]
    assert len(set(on_these) & set(sent)) > 0.8 * len(on_these)
