"""Bodies: large, compressed, deeply nested, ambiguous, and no JSON at all."""

from __future__ import annotations

import gzip

import pytest

from conformance.api import answers, expect
from conformance.api.ask import Ask
from conformance.api.prompts import Prompts
from conformance.api.transport import bodies
from conformance.api.transport.usual import CHAT, Usual, decoded, refused
from conformance.requirements import MUST, SHOULD, requirement

API = ("api",)
JSON = "RFC 8259"
CREATE = "chat.completions.create:"


@requirement(
    "api/transport/gzip-request",
    MUST,
    source="RFC 9110, section 8.4",
    profiles=API,
    accepts=CREATE,
)
def test_gzip_request(ask: Ask, prompts: Prompts) -> None:
    """A compressed request MUST be read, or refused with 400, 413, 415 or 422.

    A server that ignores the header takes noise for the request. (vLLM refuses it.)
    """
    usual = Usual.asked(ask, prompts)
    coded = {"Content-Encoding": "gzip"}
    body = gzip.compress(bodies.plain(usual))
    response = ask.client.request("POST", CHAT, content=body, headers=coded)
    usual.is_answer_or_refused(response, what="A compressed body")


@requirement(
    "api/transport/gzip-answer",
    MUST,
    source="RFC 9110, section 12.5.3",
    profiles=API,
    accepts=CREATE,
)
def test_gzip_answer(ask: Ask, prompts: Prompts) -> None:
    """A client that takes compressed answers MUST get one that is so, or plain, as it says.

    All usual clients ask for compression; where header and body differ they show an error.
    """
    usual = Usual.asked(ask, prompts)
    accepted = {"Accept-Encoding": "gzip"}
    usual.is_answer(decoded(ask.client.post(CHAT, usual.body, headers=accepted)))


@requirement("api/transport/body-100-kb", MUST, source="vLLM", profiles=API, accepts=CREATE)
def test_body_100_kb(ask: Ask, prompts: Prompts) -> None:
    """A request of 100 KB MUST be answered.

    An agent's tools and history are of that size every day.
    """
    usual = Usual.asked(ask, prompts)
    body = bodies.padded(usual, 100 * bodies.KB)
    usual.is_answer(ask.client.request("POST", CHAT, content=body))


@requirement("api/transport/body-50-mb", MUST, source="vLLM; RFC 9110, section 15.5.14",
             profiles=API, accepts=CREATE, alone=True)  # fmt: skip
def test_body_50_mb(ask: Ask, prompts: Prompts) -> None:
    """A request of 50 MB MUST be answered, or refused with 400, 413, 415 or 422, and the next one
    answered as before.

    Somebody will paste a film. What falls over then falls over for the whole team.
    """
    usual = Usual.asked(ask, prompts)
    body = bodies.padded(usual, bodies.HUGE)
    response = ask.client.request("POST", CHAT, content=body)
    usual.is_answer_or_refused(response, what="A body of 50 MB")
    usual.is_answer(ask.client.post(CHAT, usual.body))


@requirement("api/transport/prompt-50-mb", MUST, source="vLLM: max_model_len",
             profiles=API, alone=True, refuses=f"{CREATE} messages")  # fmt: skip
def test_prompt_50_mb(ask: Ask, prompts: Prompts) -> None:
    """A prompt of 50 MB MUST be refused with 400, 413, 415 or 422, and the next request answered as
    before.

    To tokenise it takes minutes on some servers, in which nobody else is answered.
    """
    usual = Usual.asked(ask, prompts)
    messages = [{"role": "user", "content": "word " * (bodies.HUGE // 5)}]
    response = ask.client.post(CHAT, {**usual.body, "messages": messages})
    refused(response, what="A prompt of 50 MB")
    usual.is_answer(ask.client.post(CHAT, usual.body))


@pytest.mark.parametrize("case", bodies.DEEPLY_NESTED)
@requirement("api/transport/deep-json", MUST, source=f"{JSON}, section 9", profiles=API,
             refuses=CREATE)  # fmt: skip
def test_deep_json(ask: Ask, prompts: Prompts, case: str) -> None:
    """JSON that is nested 100,000 deep MUST be refused with 400, 413, 415 or 422, and the next
    request answered as before.

    A parser that calls itself runs out of stack, and takes the process with it.
    """
    usual = Usual.asked(ask, prompts)
    body = bodies.DEEPLY_NESTED[case](usual)
    refused(ask.client.request("POST", CHAT, content=body), what="Deeply nested JSON")
    usual.is_answer(ask.client.post(CHAT, usual.body))


@requirement("api/transport/duplicate-names", SHOULD, source=f"{JSON}, section 4; vLLM",
             profiles=API, accepts=CREATE,)  # fmt: skip
def test_duplicate_names(ask: Ask, prompts: Prompts) -> None:
    """Of a field that stands twice the last one SHOULD count, or the request be refused.

    So it is in Python, JavaScript and production. Where the first one counts, a proxy that adds its
    limit at the end has not limited anything.
    """
    usual = Usual.asked(ask, prompts)
    body = bodies.twice(usual, "max_tokens", 1)
    response = ask.client.request("POST", CHAT, content=body)
    usual.is_answer_or_refused(response, what="A field that stands twice")


@pytest.mark.parametrize("case", bodies.NO_NUMBERS)
@requirement("api/transport/no-number", MUST, source=f"{JSON}, section 6; vLLM", profiles=API,
             refuses=f"{CREATE} temperature")  # fmt: skip
def test_no_number(ask: Ask, prompts: Prompts, case: str) -> None:
    """What is no number MUST be refused with 400 or 422 where a number belongs.

    NaN is neither above nor below any limit: it slips through, and every token is as likely as any.
    """
    usual = Usual.asked(ask, prompts)
    body = bodies.NO_NUMBERS[case](usual)
    response = ask.client.request("POST", CHAT, content=body)
    expect.refused(response, what="What is no number", cause="Values out of range are accepted")


@pytest.mark.parametrize("case", bodies.SURROGATES)
@requirement("api/transport/lone-surrogate", MUST, source=f"{JSON}, section 8.2", profiles=API,
             refuses=CREATE)  # fmt: skip
def test_lone_surrogate(ask: Ask, prompts: Prompts, case: str) -> None:
    """Half of a surrogate pair in a request MUST be answered or refused, and never with a fault of
    the server's.

    JavaScript cuts an emoji in two when it shortens a text, and sends the half.
    """
    usual = Usual.asked(ask, prompts)
    response = ask.client.request("POST", CHAT, content=bodies.SURROGATES[case](usual))
    if response.status == 200:
        answers.chat(response)
    else:
        expect.refused(response, what="Half of a surrogate pair", statuses=expect.REFUSALS)


@pytest.mark.parametrize("case", bodies.NULLS)
@requirement("api/transport/control-characters", MUST, source=f"{JSON}, section 7; vLLM",
             profiles=API, accepts=f"{CREATE} messages")  # fmt: skip
def test_control_characters(ask: Ask, prompts: Prompts, case: str) -> None:
    """A prompt with null bytes and other control characters MUST be answered.

    Logs and terminal output are full of them. What ends a text at the first null byte answers a
    question that was cut short.
    """
    usual = Usual.asked(ask, prompts)
    answers.chat(ask.client.request("POST", CHAT, content=bodies.NULLS[case](usual)))


@pytest.mark.parametrize("case", bodies.NO_JSON)
@requirement("api/transport/no-json", MUST, source=JSON, profiles=API, refuses=CREATE)
def test_no_json(ask: Ask, prompts: Prompts, case: str) -> None:
    """A body that is no JSON MUST be refused with 400, 413, 415 or 422.

    What is guessed from it is not what somebody meant, and production refuses it.
    """
    usual = Usual.asked(ask, prompts)
    response = ask.client.request("POST", CHAT, content=bodies.NO_JSON[case](usual))
    refused(response, what="A body that is no JSON")
