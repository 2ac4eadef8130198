"""The endpoint that is recorded: one request, and one JSON object or a sentence why not."""

from __future__ import annotations

import threading
from typing import Any, Self

from conformance.evidence import Exchange, clip, redact
from conformance.outcomes import Failed
from conformance.targets.client import Client, Response, TransportFailure, Unreachable
from conformance.targets.errors import TargetError

BODY_LIMIT = 256 * 1024 * 1024
"""Bytes of an answer: 2,048 alternatives at each of 2,000 positions, 60 bytes each."""

INVALID = (400, 413, 422)
"""Statuses of a request that would be accepted in another form."""

MESSAGE_LIMIT = 200


class RecordingError(TargetError):
    """Nothing can be recorded; one sentence for the person who asked."""


class Lost(RecordingError):
    """The server cannot be reached any more; `failure` is what came of the request."""

    def __init__(self, failure: TransportFailure) -> None:
        super().__init__(f"The server was lost: {failure}.")
        self.failure = failure


class Refused(Exception):
    """The server did not do what was asked: one sentence, without its full stop.

    `invalid` where it said that the request is at fault, so that another may be tried.
    """

    def __init__(self, message: str, *, invalid: bool = False) -> None:
        super().__init__(message)
        self.invalid = invalid


class Nonsense(Exception):
    """The server said 200, and what it sent cannot be true: one sentence, without its full stop."""


class Endpoint:
    """An OpenAI-compatible API and, where its path ends in /v1, what vLLM serves beside it.

    Args:
        lenient: what is not permitted is refused, as what is not there; else it ends all.

    Attributes:
        requests: how many were answered by the API itself.
    """

    def __init__(
        self,
        base_url: str,
        model: str,
        *,
        api_key: str | None,
        timeout_s: float,
        lenient: bool = False,
    ) -> None:
        self.model, self._lenient = model, lenient
        self.requests = 0
        self._mine = threading.local()
        self._secrets = [api_key] if api_key else []
        options: dict[str, Any] = {"timeout_s": timeout_s, "body_limit": BODY_LIMIT}
        self._api = Client(base_url, api_key=api_key, **options)
        root = base_url.rstrip("/").removesuffix("/v1")
        self._root = Client(root, api_key=api_key, **options) if root != base_url else None

    def __enter__(self) -> Self:
        self._api.__enter__()
        if self._root:
            self._root.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        if self._root:
            self._root.__exit__(*exc)
        self._api.__exit__(*exc)

    @property
    def last(self) -> Exchange | None:
        """The last request of this thread that was answered, as evidence."""
        found: Exchange | None = getattr(self._mine, "last", None)
        return found

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """The answer to a request, with the model's name added to it.

        Raises:
            Refused: another status than 200, or no complete answer in time.
            Nonsense: the answer is no JSON object.
            RecordingError: the server cannot be reached any more.
        """
        return self._object(self._send(self._api, "POST", path, {"model": self.model, **body}))

    def tokenize(self, **prompt: Any) -> list[int] | None:
        """Token ids of a `prompt` or of `messages`, where the server has vLLM's /tokenize."""
        if self._root is None:
            return None
        try:
            body = {"model": self.model, **prompt}
            found = self._object(self._send(self._root, "POST", "/tokenize", body)).get("tokens")
        except (Refused, Nonsense, RecordingError):
            return None  # A gateway may guard what it does not know.
        return found if is_ids(found) and found else None

    def version(self) -> str | None:
        """What the server says at vLLM's /version."""
        if self._root is None:
            return None
        try:
            found = self._object(self._send(self._root, "GET", "/version", None)).get("version")
        except (Refused, Nonsense, RecordingError):
            return None
        return found if isinstance(found, str) else None

    def _send(
        self, client: Client, method: str, path: str, body: dict[str, Any] | None
    ) -> Response:
        try:
            response = client.request(method, path, json=body)
        except Unreachable as failure:
            raise Lost(failure) from None
        except TransportFailure as failure:
            raise Refused(str(failure)) from None
        finally:
            client.exchanges.clear()
        self._mine.last = response.exchange
        self.requests += client is self._api
        if response.status in (401, 403) and not self._lenient:
            raise RecordingError(f"The server refuses access (status {response.status}).")
        if response.status != 200:
            said = f"status {response.status}: {self._message(response)}"
            raise Refused(said, invalid=response.status in INVALID)
        return response

    def _message(self, response: Response) -> str:
        """What the server gave as its reason, short and without the key."""
        text = response.body.decode(errors="replace")
        try:
            found = response.json()
            error = found.get("error", found)
            text = str(error["message"] if isinstance(error, dict) else error)
        except (Failed, AttributeError, KeyError):
            pass
        return redact(clip(" ".join(text.split()), MESSAGE_LIMIT)[0], self._secrets).rstrip(".")

    def _object(self, response: Response) -> dict[str, Any]:
        try:
            found = response.json()
        except Failed as failure:
            raise Nonsense(f"the answer is not JSON ({failure.actual})") from None
        if not isinstance(found, dict):
            raise Nonsense("the answer is no JSON object")
        return found


def is_ids(value: object) -> bool:
    """Whether this is a list of token ids."""
    return isinstance(value, list) and all(
        isinstance(id, int) and not isinstance(id, bool) and id >= 0 for id in value
    )
