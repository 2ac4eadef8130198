"""The coverage table, its pages and what they are made from."""

from __future__ import annotations

import inspect
import json
from dataclasses import replace
from operator import attrgetter
from pathlib import Path

import openai
import pytest
from typer.testing import CliRunner

from conformance import catalogue
from conformance.api import ignored
from conformance.cli import app
from conformance.coverage import client, differences
from conformance.coverage.claims import Claim, Claims
from conformance.coverage.subjects import INFERENCE, subjects
from conformance.coverage.table import NO_FIELD, NOT_SERVED, State, reasons, table
from conformance.requirements import MUST, Requirement
from fixtures.openai import operations, production, served

DOCS = Path(__file__).parents[2] / "docs"
CHAT = "chat.completions.create"
STATED = Requirement("api/chat/x", MUST, "It MUST.", "why", "s", ("api",))

ON_NO_OPERATION = {
    "api/transport/head",
    "api/transport/no-credentials",
    "api/transport/preflight",
    "api/transport/json-content-type[error]",
    "api/transport/unknown-route",
    "api/transport/unknown-route-json",
    "api/transport/wrong-method",
}
"""Requirements on the API that are on none of its operations."""


def test_all_operations_are_on_file():
    assert len({each.id for each in operations()}) == len(operations()) == 288
    assert {each.id for each in operations() if served(each)} >= {"createChatCompletion"}


def test_the_client_has_the_operations_of_the_description():
    assert differences.unexplained() == []


def test_a_difference_without_a_reason_is_told(monkeypatch):
    some = [each for each in differences.explained() if "POST /decisions" not in each.routes]
    monkeypatch.setattr(differences, "explained", lambda: some)
    assert differences.unexplained() == [
        "POST /decisions is only in the client, and no reason is on file"
    ]


def test_a_reason_without_a_difference_is_told(monkeypatch):
    stale = differences.Difference("client", ("POST /embeddings",), "none")
    told = (*differences.explained(), stale)
    monkeypatch.setattr(differences, "explained", lambda: told)
    assert differences.unexplained() == [
        "POST /embeddings is said to be only in the client, and is not"
    ]


@pytest.mark.parametrize("name", INFERENCE)
def test_parameters_are_those_of_the_client_s_method(name):
    """Read from the typed request; the method's own signature names them once more."""
    function = attrgetter(name)(openai.OpenAI(api_key="none"))
    signature = inspect.signature(inspect.unwrap(function)).parameters
    own = {"extra_headers", "extra_query", "extra_body", "timeout", "betas"}
    found = [each for each in subjects()[name].parameters if each.in_client]
    assert {each.name for each in found} == set(signature) - own - {"self"}


def test_production_adds_its_own_fields():
    found = {each.name: each for each in subjects()[CHAT].parameters}
    assert found["top_k"].in_production and not found["top_k"].in_client
    assert found["store"].in_client and not found["store"].in_production
    assert found["messages"].required and not found["seed"].required
    assert ("POST", "/tokenize") in production()


@pytest.mark.parametrize(
    ("claims", "case", "arguments", "told"),
    [
        (Claims("api/chat/x", honours="stop, n"), "", {}, ["honoured C stop", "honoured C n"]),
        (Claims("api/chat/x", honours="{a}_penalty"), "", {"a": "x"}, ["honoured C x_penalty"]),
        (Claims("api/errors/x", refuses={"a": f"{CHAT}: n"}), "a", {}, ["refused C n"]),
        (Claims("api/errors/x", refuses={"a": f"{CHAT}: n"}), "b", {}, []),
        (Claims("api/models/x", accepts="models.list:"), "", {}, ["accepted models.list -"]),
        (Claims("api/chat/x"), "", {}, ["honoured C -"]),
        (
            Claims("api/chat/x", accepts="n; completions.create: echo"),
            "",
            {},
            ["accepted C n", "accepted completions.create echo"],
        ),
        (Claims("kernels/a/x"), "", {}, []),
    ],
)  # fmt: skip
def test_what_a_requirement_says(claims, case, arguments, told):
    assert list(claims.of(case, arguments)) == [each.replace("C", CHAT) for each in told]


@pytest.mark.parametrize(
    "claims", [Claims("api/errors/x", refuses="n"), Claims("api/chat/x", honours="stop; n?")]
)
def test_words_that_cannot_be_read_are_refused(claims):
    with pytest.raises(ValueError, match="not of the form"):
        claims.of()


def row(found, name, operation=CHAT):
    rows = found.rows[subjects()[operation]]
    return next(each for each in rows if each.parameter.name == name)


def test_a_parameter_is_covered_explained_or_open():
    found = table([replace(STATED, covers=(f"honoured {CHAT} stop", f"refused {CHAT} n"))])
    assert row(found, "stop").cells["honoured"].requirements == ("api/chat/x",)
    assert row(found, "stop").cells["accepted"].as_honoured
    assert row(found, "stop").cells["refused"].state is State.OPEN
    assert row(found, "n").cells["accepted"].state is State.OPEN
    assert row(found, "n").state is State.COVERED
    assert row(found, "store").cells["honoured"].why == NO_FIELD
    assert row(found, "input", "moderations.create").cells["refused"].why == NOT_SERVED
    assert row(found, "kv_transfer_params").cells["honoured"].state is State.EXPLAINED
    assert row(found, "input", "moderations.create").state is State.EXPLAINED
    assert row(found, "seed").state is State.OPEN


@pytest.mark.parametrize(
    ("claim", "complaint"),
    [
        (f"honoured {CHAT} stops", "has no parameter 'stops'"),
        ("honoured chat.complete stop", "there is no operation"),
        (str(next(iter(reasons()))), "a reason says that it cannot be"),
    ],
)
def test_what_cannot_be_covered_is_refused(claim, complaint):
    with pytest.raises(ValueError, match=complaint):
        table([replace(STATED, covers=(claim,))])


def test_a_reason_is_on_a_parameter_that_there_is(monkeypatch):
    wrong = {Claim("honoured", CHAT, "stops"): "none"}
    monkeypatch.setattr("conformance.coverage.table.reasons", lambda: wrong)
    with pytest.raises(ValueError, match=r"why\.toml: .* has no parameter 'stops'"):
        table([])


def test_every_requirement_on_the_api_is_on_an_operation(all_stated):
    on_none = {r.id for r in all_stated if r.id.startswith("api/") and not r.covers}
    assert on_none == ON_NO_OPERATION


def test_all_fields_that_production_lacks_are_sent():
    lacking = {each.name for each in subjects()[CHAT].parameters if not each.in_production}
    assert set(ignored.CHAT) == lacking | {"user"}


def test_every_operation_that_no_model_answers_is_asked_for(all_stated):
    assert [id for id, found in table(all_stated).others.items() if not found] == []


def test_every_id_is_in_the_page(all_stated):
    text = (DOCS / "requirements.md").read_text("utf-8")
    assert [each.id for each in all_stated if f"`{each.id}`" not in text] == []


@pytest.fixture
def told(all_stated, monkeypatch):
    """What `maccord` prints for these arguments."""
    monkeypatch.setattr(catalogue, "requirements", lambda: all_stated)
    return lambda *arguments: CliRunner().invoke(app, arguments, catch_exceptions=False).stdout


@pytest.fixture
def told_of_chat(all_stated, told, monkeypatch):
    """As `told`, where there are no other requirements than those of `api/chat/`."""
    of_chat = tuple(each for each in all_stated if each.id.startswith("api/chat/"))
    monkeypatch.setattr(catalogue, "requirements", lambda: of_chat)
    return told


def test_the_table_as_json(told_of_chat):
    found = json.loads(told_of_chat("coverage", "--json"))["operations"]
    rows = {each["name"]: {row["parameter"]: row for row in each["rows"]} for each in found}
    assert "api/chat/stop-unmatched" in rows[CHAT]["stop"]["honoured"]["requirements"]
    assert rows["/tokenize"]["prompt"]["state"] == "open"


@pytest.mark.parametrize("name", ["coverage", "requirements"])
def test_the_pages_are_what_the_command_prints(told, name):
    assert told(name, "--markdown") == (DOCS / f"{name}.md").read_text("utf-8")


def test_the_table_in_the_terminal(told_of_chat):
    lines = [line.split() for line in told_of_chat("coverage").splitlines()]
    assert ["/detokenize", "3", "0", "0", "3", "0", "0", "0"] in lines


def test_one_operation_of_the_client_is_as_among_all():
    by_name = {operation.name: operation for operation in client.operations().values()}
    assert all(by_name[name] == client.named(name) for name in INFERENCE)
