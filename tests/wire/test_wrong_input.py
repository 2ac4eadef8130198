"""Wrong input: what is drawn, what production does with it, and how servers are judged."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from conformance.api.ask import Ask
from conformance.api.optional import Once
from conformance.api.prompts import GENERAL
from conformance.api.wrong import anywhere, judging, production
from conformance.api.wrong.operations import OPERATIONS, Case, cases
from conformance.api.wrong.production import Duty
from conformance.api.wrong.sending import Sender, said, said_once, shown
from conformance.api.wrong.values import CLASSES, KINDS, LEFT_OUT, wrong
from conformance.outcomes import Failed, Judgement, Silent, Unsupported
from conformance.targets.client import Client, NoAnswer
from fixtures.openai.kinds import kinds
from tests.api.responses import ERROR, chat_answer

CHAT = "chat.completions.create"
CASES = {str(case): case for case in cases()}
TOP_P = CASES[f"{CHAT}:top_p:range"]

Answer = Callable[[dict], tuple[int, object]]


class OneAnswer:
    """A server that answers each body as a function says; `bodies` are those that came."""

    def __init__(self, answer: Answer) -> None:
        bodies = self.bodies = []

        class Handler(BaseHTTPRequestHandler):
            wbufsize = -1

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                bodies.append(body)
                status, found = answer(body)
                data = json.dumps(found).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *arguments: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.base_url = f"http://127.0.0.1:{self._http.server_port}/v1"

    def __enter__(self) -> OneAnswer:
        threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._http.shutdown()
        self._http.server_close()


def is_right(body: dict) -> bool:
    return body.get("top_p", 1) == 1 and body.get("max_tokens") == 1 and "messages" in body


def refuses(body: dict) -> tuple[int, object]:
    return (200, chat_answer()) if is_right(body) else (400, ERROR)


def with_wrong(status: int, found: object) -> Answer:
    """Answers what is right rightly, and what is wrong so."""
    return lambda body: (200, chat_answer()) if is_right(body) else (status, found)


def judged(answer: Answer, case: Case = TOP_P) -> tuple[Judgement | None, list[dict]]:
    with OneAnswer(answer) as server, Client(server.base_url, timeout_s=1) as client:
        sender = Sender(Ask(client, "m"), GENERAL, OPERATIONS[case.operation])
        try:
            judging.judge(sender, said(sender.right(), sender.operation), case)
        except Judgement as judgement:
            return judgement, server.bodies
        return None, server.bodies


def test_a_server_that_refuses_holds():
    judgement, bodies = judged(refuses)
    assert judgement is None
    assert {repr(body["top_p"]) for body in bodies if "top_p" in body} == {
        "-3", "0", str(2**63), "nan",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "judgement", "message"),
    [
        (with_wrong(200, chat_answer()), Silent, "`top_p: -3` is accepted"),
        (with_wrong(500, ERROR), Failed, "A wrong request is refused with the wrong status"),
        (with_wrong(400, {"detail": "no"}), Failed, "The error body is not an OpenAI error"),
        (with_wrong(403, ERROR), Failed, "A wrong request is refused with the wrong status"),
    ],
)
def test_a_server_that_answers_wrongly_is_caught(answer, judgement, message):
    found, _ = judged(answer)
    assert isinstance(found, judgement)
    assert found.message == message


def test_a_server_that_is_changed_by_what_it_refuses_is_caught():
    wrong_came = threading.Event()

    def answer(body: dict) -> tuple[int, object]:
        if not is_right(body):
            wrong_came.set()
            return 400, ERROR
        return 200, chat_answer("Hello" if not wrong_came.is_set() else "Hell")

    found, _ = judged(answer)
    assert isinstance(found, Failed)
    assert found.message == "The answer after an invalid request is wrong"


def test_a_server_that_refuses_everything_afterwards_is_caught():
    wrong_came = threading.Event()

    def answer(body: dict) -> tuple[int, object]:
        if not is_right(body):
            wrong_came.set()
        return (400, ERROR) if wrong_came.is_set() else (200, chat_answer())

    found, _ = judged(answer)
    assert found is not None
    assert found.message == "After an invalid request the server refuses a valid one"


def test_a_request_that_is_never_answered_is_sent_once(monkeypatch):
    monkeypatch.setattr("conformance.api.wrong.sending.REFUSAL_TIMEOUT_S", 0.2)

    def answer(body: dict) -> tuple[int, object]:
        time.sleep(0 if is_right(body) else 1)
        return 200, chat_answer()

    with pytest.raises(NoAnswer):
        judged(answer)


def test_a_wrong_value_is_shrunk_to_the_simplest(monkeypatch):
    """At night, when many are drawn: 500 to long texts alone."""
    monkeypatch.setenv(judging.AT_NIGHT, "200")

    def answer(body: dict) -> tuple[int, object]:
        value = body.get("top_p", 1)
        return (500, ERROR) if isinstance(value, str) and len(value) > 5 else refuses(body)

    found, bodies = judged(answer, CASES[f"{CHAT}:top_p:type"])
    assert isinstance(found, Failed)
    last = [body["top_p"] for body in bodies if isinstance(body.get("top_p"), str)][-1]
    assert len(last) == 6


def test_what_was_answered_wrongly_once_is_told(monkeypatch):
    """Not every fault comes again when it is looked for."""
    monkeypatch.setenv(judging.AT_NIGHT, "3")
    times = []

    def answer(body: dict) -> tuple[int, object]:
        times.append(body)
        return (500, ERROR) if len(times) == 2 else refuses(body)

    found, _ = judged(answer)
    assert isinstance(found, Failed)


def test_an_operation_that_is_not_served_is_unsupported():
    with OneAnswer(lambda body: (404, ERROR)) as server, Client(server.base_url) as client:
        for name, operation in OPERATIONS.items():
            sender = Sender(Ask(client, "m"), GENERAL, operation)
            with pytest.raises(Unsupported) as raised:
                said(sender.right(), operation)
            must = raised.value.level is None
            assert must == (name in (CHAT, "completions.create"))


def test_only_answers_are_kept_and_a_refusal_is_asked_for_again():
    """A server that another request has just broken is soon a fresh one."""
    broken = [True]
    kept: dict[str, object] = {}
    with (
        OneAnswer(
            lambda body: (404, ERROR) if broken[0] else (200, chat_answer("Hello"))
        ) as server,
        Client(server.base_url) as client,
    ):
        sender, once = Sender(Ask(client, "m"), GENERAL, OPERATIONS[CHAT]), Once()
        with pytest.raises(Unsupported):
            said_once(sender, kept)
        assert once.post(client, "/chat/completions", sender.body).status == 404
        broken[0] = False
        assert [said_once(sender, kept) for _ in range(2)] == ["Hello"] * 2
        posted = [once.post(client, "/chat/completions", sender.body).status for _ in range(2)]
    assert posted == [200, 200]
    assert len(server.bodies) == 2 + 2


# Anywhere ---------------------------------------------------------------------------------------


def test_a_fault_at_any_depth_is_found():
    def answer(body: dict) -> tuple[int, object]:
        first = (body.get("messages") or [None])[0] if isinstance(body, dict) else None
        content = first.get("content") if isinstance(first, dict) else None
        return (500, ERROR) if content is None else (200, chat_answer())

    with OneAnswer(answer) as server, Client(server.base_url) as client:
        sender = Sender(Ask(client, "m"), GENERAL, OPERATIONS[CHAT])
        with pytest.raises(Failed):
            anywhere.judge(sender, "Hello")


def test_every_operation_has_a_rich_request_with_its_own_fields():
    assert set(anywhere.RICH) == set(OPERATIONS)
    for name, body in anywhere.RICH.items():
        known = {each.name for each in OPERATIONS[name].subject.parameters}
        assert set(body) <= known


def test_places_and_changes():
    body = {"a": [{"b": 1}], "c": "x"}
    assert list(anywhere.places(body)) == [("a",), ("a", 0), ("a", 0, "b"), ("c",)]
    assert anywhere.changed(body, ("a", 0, "b"), None) == {"a": [{"b": None}], "c": "x"}
    assert anywhere.changed(body, ("a", 0), LEFT_OUT) == {"a": [], "c": "x"}
    assert anywhere.changed(body, ("c",), [LEFT_OUT, {"d": LEFT_OUT}]) == {**body, "c": [{}]}
    assert body == {"a": [{"b": 1}], "c": "x"}


# Values and production --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("held", "required", "expected"),
    [
        (int | None, False, {"type", "range"}),
        (str, True, {"type", "range", "null", "missing"}),
        (list[str], False, {"type", "range", "null"}),
        (bool, False, {"type", "null"}),
    ],
)
def test_kinds_of_wrongness(held, required, expected):
    assert set(wrong(kinds(held), required=required)) == expected <= set(KINDS)


def test_a_class_holds_no_right_value():
    """Of the plain kinds; what a class is drawn from is of another type than the field."""
    types = {"string": str, "boolean": bool, "array": list, "object": dict}
    for kind, right in types.items():
        for sort in wrong(frozenset({kind}), required=False)["type"]:
            if sort not in ("array of nulls", "unknown members"):
                judging.each_drawn(CLASSES[sort], partial(is_no, right), 5)


def is_no(right: type, value: object) -> None:
    assert not isinstance(value, right)


def test_what_production_answers_is_on_file():
    told = production.answers()
    served = {key[0] for key in told}
    assert {CHAT, "completions.create", "responses.create", "/v1/messages"} <= served
    for case in cases():
        if case.operation in served:
            for sort in case.classes:
                assert (case.operation, case.field, sort) in told, case
    assert production.duty(CHAT, "top_p", "text") is Duty.REFUSE
    assert production.duty(CHAT, "top_p", "digits") is Duty.ANSWER
    assert production.duty(CHAT, "structured_outputs", "text") is Duty.SURVIVE
    assert production.duty(CHAT, "no such field", "text") is Duty.ANSWER


def test_most_wrong_values_have_to_be_refused():
    duties = [
        production.duty(case.operation, case.field, sort)
        for case in cases()
        for sort in case.classes
        if case.operation == CHAT
    ]
    assert duties.count(Duty.REFUSE) > 0.7 * len(duties)


def test_production_s_own_fault_is_no_departure():
    case = CASES[f"{CHAT}:structured_outputs:type"]

    def answer(body: dict) -> tuple[int, object]:
        return (500, ERROR) if "structured_outputs" in body else (200, chat_answer())

    found, _ = judged(answer, Case(case.operation, case.field, case.kind, ("text", "boolean")))
    assert found is None


def test_values_are_shown_as_they_are_sent():
    assert shown("ü") == '"ü"'
    assert shown(float("nan")) == "NaN"
    assert shown(LEFT_OUT) == "missing"
