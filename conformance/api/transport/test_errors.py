"""Invalid requests: refused promptly, with an OpenAI error, and survived."""

import pytest

from conformance.api import expect, invalid
from conformance.api.ask import Ask
from conformance.api.prompts import GREETING
from conformance.requirements import MUST, SHOULD, requirement
from conformance.targets.server import ServerTarget

ERRORS = "OpenAI API reference: error codes, 400 BadRequestError"
RANGES = "OpenAI chat.completions.create and completions.create: limits of each field"


@pytest.mark.parametrize("case", invalid.BODIES)
@requirement("api/errors/malformed-body", MUST, source=ERRORS, refuses="chat.completions.create:")
def test_malformed_body(ask: Ask, case: str) -> None:
    """A request body that is no JSON object MUST be refused with 400 or 422 and an OpenAI error.

    A request cut short by a proxy must not take the server down, nor look like its own fault (500),
    which clients retry for ever.
    """
    body = invalid.BODIES[case]
    response = ask.client.request(
        "POST", invalid.CHAT, content=body, timeout_s=invalid.REFUSAL_TIMEOUT_S
    )
    what = f"The body {body.decode()!r}"
    invalid.refused_and_over(ask, response, what=what, cause="Malformed bodies are accepted")


@pytest.mark.parametrize("case", invalid.MISSING)
@requirement(
    "api/errors/missing-field",
    MUST,
    source=f"{ERRORS}; required fields",
    refuses=invalid.fields(invalid.MISSING),
)
def test_missing_field(ask: Ask, case: str) -> None:
    """A request without a required field MUST be refused with 400 or 422 and an OpenAI error.

    A made-up default answers a question that nobody asked, and the person sees nonsense.
    """
    invalid.MISSING[case].is_refused(ask, cause="Missing fields are accepted")


@pytest.mark.parametrize("case", invalid.WRONG_TYPES)
@requirement(
    "api/errors/wrong-type",
    MUST,
    source=f"{ERRORS}; vLLM validates all types",
    refuses=invalid.fields(invalid.WRONG_TYPES),
)
def test_wrong_type(ask: Ask, case: str) -> None:
    """A field of the wrong type MUST be refused with 400 or 422 and an OpenAI error.

    A typing error that the Mac forgives is found when production refuses it.
    """
    invalid.WRONG_TYPES[case].is_refused(ask, cause="Wrong types are accepted")


@requirement(
    "api/errors/refusal-status",
    SHOULD,
    source=f"{ERRORS}; vLLM answers 400 where FastAPI alone would answer 422",
    profiles=("api",),
    refuses="chat.completions.create: max_tokens",
)
def test_refusal_status(ask: Ask) -> None:
    """A wrong request SHOULD be refused with 400, as production does, and not with 422.

    OpenAI's clients raise another exception for 422: who catches `BadRequestError` is not told.
    """
    response = invalid.WRONG_TYPES["max-tokens"].send(ask)
    expect.refused(response, what="A `max_tokens` that is no number")
    expect.status(response, 400)


@pytest.mark.parametrize("case", invalid.WRONG_TYPES_OF_RARER_FIELDS)
@requirement(
    "api/errors/wrong-type-rarer",
    SHOULD,
    source=f"{ERRORS}; vLLM validates all types",
    refuses=invalid.fields(invalid.WRONG_TYPES_OF_RARER_FIELDS),
)
def test_wrong_type_of_rarer_field(ask: Ask, case: str) -> None:
    """A rarer field of the wrong type SHOULD be refused with 400 or 422 and an OpenAI error.

    The parameter has no effect, and nobody notices before production refuses it.
    """
    invalid.WRONG_TYPES_OF_RARER_FIELDS[case].is_refused(ask, cause="Wrong types are accepted")


@pytest.mark.parametrize("case", invalid.OUT_OF_RANGE)
@requirement(
    "api/errors/out-of-range", MUST, source=RANGES, refuses=invalid.fields(invalid.OUT_OF_RANGE)
)
def test_out_of_range(ask: Ask, case: str) -> None:
    """A value outside its field's range MUST be refused with 400 or 422 and an OpenAI error.

    A server that takes its nearest legal value instead answers another request than was sent.
    """
    invalid.OUT_OF_RANGE[case].is_refused(ask, cause="Values out of range are accepted")


@pytest.mark.parametrize("case", invalid.OUT_OF_RANGE_OF_RARER_FIELDS)
@requirement(
    "api/errors/out-of-range-rarer",
    SHOULD,
    source=f"{RANGES}; vLLM's, where narrower",
    refuses=invalid.fields(invalid.OUT_OF_RANGE_OF_RARER_FIELDS),
)
def test_out_of_range_of_rarer_field(ask: Ask, case: str) -> None:
    """A rarer field's value outside its range SHOULD be refused with 400 or 422 and an error.

    A server that takes its nearest legal value instead answers another request than was sent.
    """
    invalid.OUT_OF_RANGE_OF_RARER_FIELDS[case].is_refused(
        ask, cause="Values out of range are accepted"
    )


@pytest.mark.parametrize("case", invalid.UNKNOWN_MODEL)
@requirement(
    "api/errors/unknown-model",
    MUST,
    source="OpenAI error codes: 404 NotFoundError",
    refuses=invalid.fields(invalid.UNKNOWN_MODEL),
)
def test_unknown_model(ask: Ask, case: str) -> None:
    """A request for a model that is not served MUST be refused with 404 and an OpenAI error.

    A server that answers with what it has instead hides a wrong configuration: the team measures
    one model and believes it is another.
    """
    request = invalid.UNKNOWN_MODEL[case]
    cause = "The model's name is ignored"
    expect.refused(request.send(ask), what=request.what, statuses={404}, cause=cause)
    invalid.still_answers(ask)


@requirement(
    "api/errors/stream-refused",
    MUST,
    source=f"{ERRORS}; vLLM validates before streaming",
    refuses="chat.completions.create: temperature",
)
def test_stream_refused(ask: Ask) -> None:
    """An invalid request for a stream MUST be refused by its status, not inside a stream.

    Clients raise an error for a status; an event with an error in it they show as an empty answer.
    """
    request = invalid.OUT_OF_RANGE["temperature-negative"]
    response = request.send(ask, stream=True)
    cause = "Values out of range are accepted"
    invalid.refused_and_over(ask, response, what=request.what, cause=cause)


@requirement(
    "api/errors/prompt-too-long",
    MUST,
    source=f"{ERRORS}; vLLM: max_model_len",
    alone=True,
    refuses="chat.completions.create: messages",
)
def test_prompt_too_long(ask: Ask, target: ServerTarget) -> None:
    """A prompt longer than the model's context MUST be refused with 400 or 422 and an error.

    Agents shorten their history when they see it. A server that cuts the prompt silently loses the
    instructions at its beginning; one that hangs (vllm-metal #199) never comes back.
    """
    messages = invalid.too_long(invalid.context_length(target))
    response = ask.chat(messages, max_tokens=1)
    what = "A prompt longer than the context"
    invalid.refused_and_over(ask, response, what=what, cause=f"{what} is accepted")


@requirement(
    "api/errors/max-tokens-too-large",
    SHOULD,
    source="vLLM: max_tokens and max_model_len",
    alone=True,
    refuses="chat.completions.create: max_tokens",
)
def test_max_tokens_too_large(ask: Ask, target: ServerTarget) -> None:
    """More `max_tokens` than the context holds SHOULD be refused with 400 or 422 and an error.

    The same request fails in production; a desk that forgives it lets the mistake through.
    """
    beyond = invalid.context_length(target) + 1
    response = ask.chat(GREETING, max_tokens=beyond)
    what = "`max_tokens` beyond the context"
    invalid.refused_and_over(ask, response, what=what, cause=f"{what} is accepted")
