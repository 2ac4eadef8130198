"""The official clients, pointed at the target: what they send is evidence, what they raise judged.

They are built for one server each, and trust its answers: a field that is missing or of another
type is an exception somewhere inside, or a wrong value without any.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from openai import AsyncOpenAI, DefaultAsyncHttpxClient, DefaultHttpxClient, OpenAI

from conformance.api.clients import installed
from conformance.api.expect import REFUSALS
from conformance.api.tools.judging import TheModelsChoice
from conformance.api.unserved import NOT_SERVED
from conformance.evidence import Exchange, clip, curl_line, redact
from conformance.outcomes import Absent, Failed, Inconclusive, Judgement, Unsupported
from conformance.targets import tls
from conformance.targets.client import Client, TransportFailure

_Found = TypeVar("_Found")

DEADLINES = 3
"""Requests that are made until one misses its deadline: a process that does not run sees none
pass."""

NO_KEY = "none"
"""The clients insist on a key; a server without keys does not look at it."""


@dataclass(frozen=True)
class Official:
    """The official clients of one target.

    Attributes:
        client: the suite's own, to which the exchanges are added.
        model: what the target calls its model.
        api_key: of the target, where it wants one.
    """

    client: Client
    model: str
    api_key: str | None

    def openai(self, **options: Any) -> OpenAI:
        """OpenAI's client. It does not ask twice: a second try would hide the first."""
        http = DefaultHttpxClient(**self._http(asynchronous=False))
        return OpenAI(base_url=self.client.base_url, http_client=http, **self._own(options))

    def async_openai(self, **options: Any) -> AsyncOpenAI:
        """As `openai`, for asyncio."""
        http = DefaultAsyncHttpxClient(**self._http(asynchronous=True))
        url = self.client.base_url
        return AsyncOpenAI(base_url=url, http_client=http, **self._own(options))

    def anthropic(self, **options: Any) -> Any:
        """Anthropic's client. Raises NotInstalled."""
        package = installed.module("anthropic")
        http = package.DefaultHttpxClient(**self._http(asynchronous=False))
        return package.Anthropic(base_url=self._root, http_client=http, **self._own(options))

    def async_anthropic(self, **options: Any) -> Any:
        """As `anthropic`, for asyncio."""
        package = installed.module("anthropic")
        http = package.DefaultAsyncHttpxClient(**self._http(asynchronous=True))
        return package.AsyncAnthropic(base_url=self._root, http_client=http, **self._own(options))

    @contextmanager
    def judged(self, *, optional: str = "") -> Iterator[None]:
        """What a client raises inside is judged.

        Args:
            optional: names the operation where a target need not serve it.

        Raises:
            Absent: the operation is not served.
            Unsupported: it is refused honestly.
            Failed: the client was answered something else than it is built for.
            TheModelsChoice: the answer was cut before the client could parse it.
            TransportFailure: no complete answer came.
        """
        try:
            yield
        except (Judgement, TransportFailure):
            raise
        except Exception as raised:
            self._judge(raised, optional)

    def run(self, flow: Callable[[], Awaitable[_Found]], *, optional: str = "") -> _Found:
        """What a flow of asyncio's comes to. Raises as `judged`."""

        async def judged() -> _Found:
            with self.judged(optional=optional):
                return await flow()
            raise AssertionError("`judged` raises")

        return asyncio.run(judged())

    @property
    def _root(self) -> str:
        return self.client.base_url.removesuffix("/v1")

    def _own(self, options: dict[str, Any]) -> dict[str, Any]:
        own = {"api_key": self.api_key or NO_KEY, "max_retries": 0}
        return {**own, "timeout": self.client.timeout_s, **options}

    def _http(self, *, asynchronous: bool) -> dict[str, Any]:
        """Of the clients' own HTTP client: no proxy of this machine's, and every request noted."""

        def note(response: Any) -> None:
            if not _is_stream(response):
                response.read()
            self._note(response.request, response)

        async def note_soon(response: Any) -> None:
            if not _is_stream(response):
                await response.aread()
            self._note(response.request, response)

        hook = note_soon if asynchronous else note
        own = {"trust_env": False, "verify": tls.trusted()}
        return {"event_hooks": {"response": [hook]}, **own}

    def _note(self, request: Any, response: Any) -> None:
        body = "<a stream>" if _is_stream(response) else response.content.decode(errors="replace")
        secrets = [self.api_key] if self.api_key else []
        shown, cut = clip(redact(body, secrets))
        url, headers = str(request.url), {"Content-Type": "application/json"}
        self.client.exchanges.append(
            Exchange(
                curl=curl_line(request.method, url, headers, request.content, secrets),
                method=request.method,
                url=redact(url, secrets),
                status=response.status_code,
                response=shown,
                truncated=cut,
                elapsed_s=0.0,
            )
        )

    def _judge(self, raised: Exception, optional: str) -> None:
        said, kind = str(raised) or type(raised).__name__, type(raised).__name__
        if kind == "LengthFinishReasonError":
            raise TheModelsChoice(
                "The answer was cut at its length: a model that writes shorter JSON would decide",
                cause="The model's own answer does not allow the check",
            ) from None
        status = getattr(raised, "status_code", None)
        if optional and status in NOT_SERVED:
            raise Absent(
                f"{optional} is not served", expected="200", actual=said,
                cause=f"{optional} is not served",
            ) from None  # fmt: skip
        if status in REFUSALS:
            raise Unsupported(
                f"The official client's request is refused: {said}",
                expected="200",
                actual=str(status),
                cause="An official client's request is refused",
            ) from None
        if status is None and kind in ("APIConnectionError", "APITimeoutError"):
            cause = raised.__cause__ or raised
            unanswered = Exchange("", "POST", self.client.base_url, None, repr(cause), False, 0.0)
            raise TransportFailure(f"The official client got no answer: {said}", unanswered)
        raise Failed(
            f"The official client cannot go on with the answer: {kind}",
            expected="an answer that it is built for",
            actual=said[:400],
            cause="An official client cannot go on with the answer",
        ) from None


def typed_error(ask: Callable[[], object], name: str) -> Any:
    """The client's error of this name, which asking raises.

    Raises:
        Failed: it raised another, or none.
    """
    try:
        ask()
    except Exception as raised:
        if type(raised).__name__ != name:
            raise Failed(
                "A refusal is another error in the official client",
                expected=name,
                actual=repr(raised)[:300],
            ) from None
        return raised
    raise Failed("A request that is wrong is answered", expected=name, actual="an answer")


def timed_out(ask: Callable[[], object]) -> None:
    """Asking ends in the client's own error for a deadline that passed.

    Raises:
        Failed: it ends in another error.
        Inconclusive: it is answered, each of `DEADLINES` times.
    """
    for _ in range(DEADLINES):
        try:
            ask()
        except Exception as raised:
            if type(raised).__name__ == "APITimeoutError":
                return
            raise Failed(
                "A deadline that passed is another error in the official client",
                expected="APITimeoutError",
                actual=repr(raised)[:300],
            ) from None
    raise Inconclusive(
        "Answers came before a deadline of hundredths of a second, or the machine is too busy to "
        "see it pass: a longer answer, or a quiet machine, would decide"
    )


def _is_stream(response: Any) -> bool:
    return "event-stream" in str(response.headers.get("content-type", ""))
