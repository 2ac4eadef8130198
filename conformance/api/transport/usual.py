"""A request that is answered surely, and what is expected of it when it comes in another way."""

from __future__ import annotations

import gzip
import zlib
from dataclasses import dataclass, replace
from typing import Any

from conformance.api import answers, expect
from conformance.api.ask import Ask
from conformance.api.invalid import REFUSAL_TIMEOUT_S
from conformance.api.prompts import Prompts
from conformance.outcomes import Failed
from conformance.targets.client import Response

CHAT = "/chat/completions"
REFUSED = frozenset({400, 413, 415, 422})
"""Statuses with which a body may be refused that is wrong, too large or of another coding."""


def soon(ask: Ask) -> float:
    """Seconds within which a short request is answered, whatever the machine does besides."""
    return min(REFUSAL_TIMEOUT_S, ask.client.timeout_s)


@dataclass(frozen=True)
class Usual:
    """A chat request of a few tokens, and the text of its answer when it is sent plainly."""

    body: dict[str, Any]
    text: str

    @classmethod
    def asked(cls, ask: Ask, prompts: Prompts, *, max_tokens: int = 2) -> Usual:
        """Asks for it once."""
        body = ask.chat_body(prompts.words, max_tokens=max_tokens)
        return cls(body, answers.chat(ask.client.post(CHAT, body)).text)

    def is_answer(self, response: Response) -> None:
        """The response answers the request as it is when sent plainly. Raises Failed."""
        expect.same(answers.chat(response).text, self.text, what="The answer")

    def is_answer_or_refused(self, response: Response, *, what: str) -> None:
        """The response answers the request, or refuses it. Raises Failed."""
        if response.status == 200:
            self.is_answer(response)
        else:
            refused(response, what=what)


def refused(response: Response, *, what: str) -> None:
    """A body is refused, with JSON that need be no OpenAI error: vLLM's own for a body that cannot
    be decoded is FastAPI's.

    Args:
        what: names the body, to begin the sentence "… is answered with the wrong status".

    Raises:
        Failed: another status, or no JSON.
    """
    if response.status not in REFUSED:
        raise Failed(
            f"{what} is answered with the wrong status",
            expected=" or ".join(map(str, sorted(REFUSED))),
            actual=f"{response.status} {response.exchange.response[:200]}",
        )
    expect.json_object(response)


def decoded(response: Response) -> Response:
    """The response with its body as it is before the content coding that it names.

    Raises:
        Failed: the body is not of that coding, or it is another one than gzip.
    """
    coding = response.headers.get("content-encoding", "identity")
    if coding == "identity":
        return response
    try:
        if coding != "gzip":
            raise OSError(f"{coding} was not asked for")
        body = gzip.decompress(response.body)
    except (OSError, EOFError, zlib.error) as error:
        raise Failed(
            "The answer is not of the coding that it names", expected=coding, actual=str(error)
        ) from None
    return replace(response, chunks=((response.elapsed_s, body),))
