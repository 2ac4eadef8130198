"""What requirements expect of a response: small checks that compose, each with a reason.

Every check returns what it found, so that a requirement reads as its sentence does, and raises a
judgement with expected and actual otherwise.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Literal, TypeVar

from openai.types import Completion, CompletionUsage
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.completion_choice import Logprobs
from pydantic import BaseModel, ValidationError

from conformance.outcomes import Failed, Silent, Unsupported
from conformance.targets.client import Response

REFUSALS = frozenset({400, 404, 405, 422, 501})
"""Statuses with which a server may say that it does not do something."""

INVALID = frozenset({400, 422})
"""Statuses for a request that is wrong: OpenAI documents both, vLLM sends 400."""

_Model = TypeVar("_Model", bound=BaseModel)


class CompletionChunkChoice(BaseModel):
    """As the client's choice of a legacy completion, `finish_reason` null until its end.

    OpenAI and vLLM both send null there; the client's own type leaves it out.
    """

    index: int
    text: str
    finish_reason: Literal["stop", "length", "content_filter"] | None = None
    logprobs: Logprobs | None = None


class CompletionChunk(BaseModel):
    """An event of a streamed legacy completion."""

    id: str
    object: Literal["text_completion"]
    created: int
    model: str
    choices: list[CompletionChunkChoice]
    usage: CompletionUsage | None = None


def ok(response: Response) -> dict[str, Any]:
    """The JSON object of a 200.

    Raises:
        Unsupported: an honest refusal (documented status, well-formed OpenAI error).
        Failed: any other status, a malformed error, or a body that is no JSON object.
    """
    if response.status == 200:
        return json_object(response)
    if response.status in REFUSALS:
        try:
            reason = error(response)["message"]
        except Failed as malformed:
            raise Failed(
                f"A valid request is refused with status {response.status}, and not honestly: "
                f"{malformed.message}",
                expected="200, or a refusal with an OpenAI error body",
                actual=f"{response.status} {response.exchange.response[:200]}",
                cause="Valid requests are refused, and not with an OpenAI error",
            ) from None
        raise Unsupported(
            f"Refused with status {response.status}: {reason}",
            expected="200",
            actual=str(response.status),
            cause=f"{response.exchange.method} {_route(response)} refuses the request",
        )
    raise Failed(
        f"Answered {response.status} to a valid request",
        expected="200",
        actual=f"{response.status} {response.exchange.response[:200]}",
    )


def refused(
    response: Response,
    *,
    what: str,
    statuses: Collection[int] = INVALID,
    cause: str | None = None,
) -> dict[str, Any]:
    """The `error` object of a refusal with one of `statuses`.

    Args:
        what: names the fault of the request, to begin the sentence "… is accepted".
        cause: groups the SILENT ones of one kind.

    Raises:
        Silent: the server answered 200 as if nothing were wrong.
        Failed: another status, or a body that is no OpenAI error.
    """
    wanted = " or ".join(str(status) for status in sorted(statuses))
    if response.status == 200:
        raise Silent(f"{what} is accepted", expected=wanted, actual="200", cause=cause)
    if response.status not in statuses:
        raise Failed(
            f"{what} is refused with the wrong status",
            expected=wanted,
            actual=str(response.status),
            cause=f"Invalid requests are answered with {response.status}",
        )
    return error(response)


def error(response: Response) -> dict[str, Any]:
    """The `error` object of an OpenAI error body.

    `message` and `type` are strings, `param` a string or null, `code` a string, null or, as vLLM
    does, the HTTP status as a number.

    Raises:
        Failed: the body is no such object.
    """
    shape = '{"error": {"message": str, "type": str, "param": str|null, "code": str|int|null}}'
    cause = "Error bodies are not OpenAI errors"
    try:
        body = response.json()
    except Failed as fault:
        raise Failed(
            "The error body is not JSON", expected=shape, actual=fault.actual, cause=cause
        ) from None
    found = body.get("error") if isinstance(body, dict) else None
    well_formed = (
        isinstance(found, dict)
        and isinstance(found.get("message"), str)
        and found["message"] != ""
        and isinstance(found.get("type"), str)
        and isinstance(found.get("param"), str | None)
        and isinstance(found.get("code"), str | int | None)
    )
    if not well_formed:
        raise Failed(
            "The error body is not an OpenAI error", expected=shape, actual=body, cause=cause
        )
    assert isinstance(found, dict)
    return found


def chat(response: Response) -> ChatCompletion:
    """A 200 that is, strictly, the client's `ChatCompletion`. Raises as `ok`, and Failed."""
    return _typed(response, ChatCompletion)


def completion(response: Response) -> Completion:
    """A 200 that is, strictly, the client's `Completion`. Raises as `ok`, and Failed."""
    return _typed(response, Completion)


def chunk(data: str) -> ChatCompletionChunk:
    """One streamed event that is, strictly, the client's `ChatCompletionChunk`."""
    return typed_json(data, ChatCompletionChunk)


def completion_chunk(data: str) -> CompletionChunk:
    """One streamed event that is, strictly, a legacy completion chunk."""
    return typed_json(data, CompletionChunk)


def same(found: object, wanted: object, *, what: str) -> None:
    """`found` equals `wanted`.

    Args:
        what: names the thing compared, to begin the sentence "… is wrong".
    """
    if found != wanted:
        raise Failed(f"{what} is wrong", expected=wanted, actual=found)


def same_counts(found: CompletionUsage, wanted: CompletionUsage, *, what: str) -> None:
    """Two usages count the same numbers of tokens.

    Args:
        what: names the first one's answer, to end the sentence "The usage of … is wrong".
    """
    names = ("prompt_tokens", "completion_tokens", "total_tokens")
    same(
        {name: getattr(found, name) for name in names},
        {name: getattr(wanted, name) for name in names},
        what=f"The usage of {what}",
    )


def status(response: Response, wanted: int) -> None:
    """The status of the response. Raises Failed."""
    if response.status != wanted:
        raise Failed(
            f"Answered with the wrong status to {response.exchange.method} {_route(response)}",
            expected=str(wanted),
            actual=str(response.status),
        )


def json_content_type(response: Response) -> None:
    """The response says that it is JSON, and is. Raises Failed."""
    kind = response.headers.get("content-type", "")
    if kind.split(";")[0].strip().lower() != "application/json":
        raise Failed(
            "A JSON answer has another content type",
            expected="application/json",
            actual=kind or "no content type",
        )
    json_object(response)


def json_object(response: Response) -> dict[str, Any]:
    """The body as a JSON object. Raises Failed."""
    body = response.json()
    if not isinstance(body, dict):
        raise Failed("The response is not a JSON object", expected="an object", actual=body)
    return body


def typed_json(data: str | bytes, model: type[_Model]) -> _Model:
    """`data` as one of the client's models, no value coerced.

    Raises:
        Failed: the first field that does not fit, with what it should be.
    """
    try:
        return model.model_validate_json(data, strict=True)
    except ValidationError as invalid:
        first = invalid.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise Failed(
            f"{model.__name__}: field `{field}` is not what the API defines",
            expected=first["msg"],
            actual=first["input"],
        ) from None


def _typed(response: Response, model: type[_Model]) -> _Model:
    ok(response)
    return typed_json(response.body, model)


def _route(response: Response) -> str:
    return "/" + response.exchange.url.split("/", 3)[-1]
