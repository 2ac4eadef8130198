"""Probes for operations that production does not serve, on servers and on answers made by hand."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from conformance.api import unserved
from conformance.outcomes import Failed, Inconclusive, Judgement, Silent
from conformance.targets.client import Client
from tests.api.responses import ERROR, chat_answer, response
from tests.misbehaving import GOOD, MisbehavingServer

EMPTY_LIST = {"object": "list", "data": [], "has_more": False}


def outcome(client: Client, id: str) -> str:
    operation = unserved.OPERATIONS[id]
    try:
        unserved.refused(unserved.ask_for(client, "canned", operation), operation)
    except Judgement as judgement:
        return judgement.outcome
    return "PASS"


def test_a_server_that_refuses_honestly_passes_all():
    with MisbehavingServer(GOOD) as server, Client(server.base_url) as client:
        assert {id: outcome(client, id) for id in unserved.OPERATIONS} == dict.fromkeys(
            unserved.OPERATIONS, "PASS"
        )
    assert "/v1/files/maccord-no-such-id" in server.requests
    assert not any("{" in path for path in server.requests)


class AnswersAnything(BaseHTTPRequestHandler):
    """Takes every POST for a chat, whatever its path, as a careless proxy does."""

    wbufsize = -1  # head and body in one piece

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        known = body["messages"][0]["role"] == "user"
        answer = json.dumps(chat_answer()).encode()
        self.send_response(200 if known else 400)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *arguments):
        pass


def test_a_server_that_does_not_look_at_the_path_is_caught():
    with ThreadingHTTPServer(("127.0.0.1", 0), AnswersAnything) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        with Client(f"http://127.0.0.1:{server.server_port}/v1") as client:
            found = [
                outcome(client, id) for id in ("createBatch", "createImage", "CreateContainer")
            ]
        server.shutdown()
    assert found == ["SILENT"] * 3


def test_an_answer_to_another_question_is_silent_for_every_operation():
    for operation in unserved.OPERATIONS.values():
        with pytest.raises(Silent):
            unserved.refused(response(chat_answer()), operation)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, {"detail": "Not Found"}),
        (405, {"detail": "Method Not Allowed"}),
        (501, ERROR),
        (404, b"Not Found"),
    ],
)
def test_honest_refusals(status, body):
    unserved.refused(response(body, status=status), unserved.OPERATIONS["createBatch"])


@pytest.mark.parametrize(
    ("id", "status", "body", "judgement"),
    [
        ("listFiles", 200, EMPTY_LIST, Inconclusive),
        ("listFiles", 200, {"error": "Unexpected endpoint. Returning 200 anyway"}, Silent),
        ("listFiles", 200, b"", Silent),
        ("listFiles", 204, b"", Silent),
        ("listFiles", 200, b"<html>", Silent),
        ("retrieveFile", 200, {"id": unserved.NOBODY, "object": "file"}, Silent),
        ("deleteFile", 200, {"id": unserved.NOBODY, "object": "file", "deleted": True}, Silent),
        ("createSpeech", 200, chat_answer(), Silent),
        ("createBatch", 400, ERROR, Inconclusive),
        ("createBatch", 401, ERROR, Inconclusive),
        ("createBatch", 400, b"", Failed),
        ("createBatch", 404, b"", Failed),
        ("createBatch", 500, ERROR, Failed),
        ("createBatch", 503, {"detail": "Not Found"}, Failed),
        ("createBatch", 302, b"", Failed),
    ],
)
def test_other_answers(id, status, body, judgement):
    with pytest.raises(judgement):
        unserved.refused(response(body, status=status), unserved.OPERATIONS[id])


def test_audio_may_be_audio():
    sound = response(b"RIFF....WAVE", kind="audio/wav")
    with pytest.raises(Inconclusive):
        unserved.refused(sound, unserved.OPERATIONS["createSpeech"])
