"""Requirements as functions, by id, and what each comes to on a server in memory."""

from __future__ import annotations

import inspect
import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from types import ModuleType
from typing import Any
from urllib.parse import parse_qs

import pytest

from conformance.api.ask import Ask
from conformance.api.messages.asking import MessagesApi
from conformance.api.optional import Once
from conformance.api.prompts import GENERAL
from conformance.api.responses.asking import Responses
from conformance.api.structured.asking import GENERAL as QUESTION
from conformance.api.tools.errands import errand
from conformance.coverage.claims import WHOLE, Claim
from conformance.outcomes import Judgement, Outcome
from conformance.requirements import stated_by
from conformance.targets.server import ServerTarget
from tests.agentic.model import CONTEXT
from tests.agentic.server import Fault, MemoryServer
from tests.misbehaving.canned import IDS, VOCABULARY, tokenize

Case = tuple[Callable[..., None], dict[str, Any]]

OPERATIONS = {
    "responses.create": "POST /responses$",
    "responses.retrieve": r"GET /responses/[^/]+$",
    "responses.cancel": r"POST /responses/[^/]+/cancel$",
    "/v1/messages": "POST /messages$",
    "/v1/messages/count_tokens": "POST /messages/count_tokens$",
}
"""What is asked for each operation that the requirements claim to cover."""


class CannedTokenizer:
    """Of the canned model's vocabulary."""

    special_ids: frozenset[int] = frozenset()

    @property
    def vocabulary(self) -> dict[str, int]:
        return {token.decode(errors="replace"): id for token, id in IDS.items()}

    def encode(self, text: str) -> list[int]:
        return tokenize(text)

    def decode(self, ids: list[int]) -> str:
        return b"".join(VOCABULARY[id] for id in ids).decode(errors="replace")


def requirements(*modules: ModuleType) -> dict[str, Case]:
    """Every requirement of some modules, with the arguments of its case."""
    found = {}
    for module in modules:
        for function in vars(module).values():
            marks = getattr(function, "pytestmark", [])
            if not any(mark.name == "requirement" for mark in marks):
                continue
            stated, cases = stated_by(function), list(_cases(marks))
            for case, arguments in cases:
                id = f"{stated.id}[{case}]" if case else stated.id
                found[id] = (function, arguments)
    return found


def claims(*modules: ModuleType) -> dict[str, list[Claim]]:
    """What each requirement says that it covers, whatever it refuses."""
    found = {}
    for id, (function, arguments) in requirements(*modules).items():
        (mark,) = (each for each in function.pytestmark if each.name == "requirement")  # type: ignore[attr-defined]
        case = id.partition("[")[2].removesuffix("]")
        found[id] = [Claim.read(text) for text in mark.args[1].of(case, arguments)]
    return found


def sends(case: Case, claim: Claim) -> bool:
    """Whether a requirement really asks for the operation, with the parameter."""
    server = MemoryServer()
    outcome(case, Fault(), server)
    for asked, fields in server.asked:
        path, _, query = asked.partition("?")
        if re.match(OPERATIONS[claim.operation], path):
            named = {*fields, *parse_qs(query), *(["response_id"] if "s/" in path else [])}
            if claim.parameter == WHOLE or claim.parameter in named:
                return True
    return False


def outcome(case: Case, fault: Fault, on: MemoryServer | None = None) -> str:
    """What a requirement comes to on a server with this fault."""
    function, arguments = case
    server: Any = on or MemoryServer(fault)
    given = {
        "ask": Ask(server, "canned"),
        "responses": Responses(server, "canned", Once()),
        "messages": MessagesApi(server, "canned", Once()),
        "prompts": replace(GENERAL, long=[{"role": "user", "content": "Tell a story."}]),
        "errands": partial(errand, scripted=True),
        "question": QUESTION,
        "tokenizer": CannedTokenizer(),
        "target": ServerTarget("canned", server.base_url, "canned", max_model_len=CONTEXT),
        **arguments,
    }
    asked = {name: given[name] for name in inspect.signature(function).parameters}
    try:
        function(**asked)
    except Judgement as judgement:
        return str(judgement.outcome)
    return str(Outcome.PASS)


def _cases(marks: list[pytest.Mark]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The cases of a function as pytest names them, the decorator next to it first."""
    tables = []
    for mark in marks:
        if mark.name == "parametrize":
            name, values = mark.args[0], list(mark.args[1])
            ids = list(mark.kwargs.get("ids") or map(str, values))
            tables.append([(id, name, value) for id, value in zip(ids, values, strict=True)])
    for chosen in itertools.product(*tables):
        yield "-".join(id for id, *_ in chosen), {name: value for _, name, value in chosen}
