"""Asks a URL whether an OpenAI-compatible API answers there, and what it serves."""

from __future__ import annotations

import json
import queue
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx

from conformance.targets.errors import TargetError

BODY_LIMIT = 1 << 20
"""Bytes of an answer that are read; a list of models is far smaller."""

_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Probe:
    """What answers: `base_url` is the URL that was given, with /v1 added where that was needed."""

    base_url: str
    models: list[str]
    model: str
    max_model_len: int | None
    server_header: str | None


class NoModelList(TargetError):
    """Something answers HTTP, and not with a list of models.

    Another base path may be the right one; or the server's list is broken, which is for the
    requirements to say as long as the model's name is known in another way.
    """


def probe(
    base_url: str, *, api_key: str | None, model: str | None = None, timeout_s: float = 5.0
) -> Probe:
    """Asks for the list of models; all of it takes at most `timeout_s`.

    A base URL without a path is tried as it is, then with /v1.

    Args:
        model: the model that must be served; by default the only one that is.

    Raises:
        TargetError: with one sentence that says why there is nothing to test at this URL.
    """
    base_url = _checked(base_url)
    bare = urlsplit(base_url).path == ""
    bases = [base_url, f"{base_url}/v1"] if bare else [base_url]
    deadline = time.monotonic() + timeout_s
    answers: queue.SimpleQueue[Probe | Exception] = queue.SimpleQueue()

    # In a thread, since neither resolving a name nor a server that sends its headers byte by byte
    # can be given a deadline in any other way.
    def work() -> None:
        try:
            answers.put(_first_api(bases, api_key, model, deadline))
        except Exception as error:
            answers.put(error)

    threading.Thread(target=work, name="probe", daemon=True).start()
    try:
        answer = answers.get(timeout=timeout_s)
    except queue.Empty:
        raise _too_slow(base_url, timeout_s) from None
    if isinstance(answer, (httpx.TimeoutException, TimeoutError)):
        raise _too_slow(base_url, timeout_s) from answer
    if isinstance(answer, Exception):
        raise answer
    return answer


def _checked(base_url: str) -> str:
    try:
        parts = urlsplit(base_url)
        if parts.username or parts.password:
            raise TargetError(
                "A base URL must not contain a user name or password, since reports show it; put "
                "an API key into an environment variable and name that with --api-key-env."
            )
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        usable = usable and not (parts.query or parts.fragment or " " in base_url)
        httpx.URL(base_url)
    except (ValueError, httpx.InvalidURL):
        usable = False
    if not usable:
        raise TargetError(
            f"{base_url!r} is not a base URL; it looks like http://localhost:8000/v1."
        )
    return base_url.rstrip("/")


def _too_slow(base_url: str, timeout_s: float) -> TargetError:
    return TargetError(f"{base_url} did not answer within {timeout_s:g} s.")


def _first_api(bases: list[str], api_key: str | None, model: str | None, deadline: float) -> Probe:
    refused: list[NoModelList] = []
    for base in bases:
        try:
            return _ask(base, api_key, model, deadline)
        except NoModelList as error:
            refused.append(error)
    if len(refused) > 1:
        raise NoModelList(
            f"No OpenAI-compatible API answers at {bases[0]}: neither {bases[0]}/models nor "
            f"{bases[1]}/models lists models ({_reason(refused[1])}); give the base URL with the "
            "path that ends before /models."
        )
    raise refused[0]


def _reason(error: NoModelList) -> str:
    return str(error.__cause__ or error).rstrip(".")


def _ask(base: str, api_key: str | None, model: str | None, deadline: float) -> Probe:
    url = f"{base}/models"
    headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    host = urlsplit(base).hostname
    try:
        with (
            # A proxy from the environment has no business between here and this machine.
            httpx.Client(
                timeout=max(0.1, deadline - time.monotonic()), trust_env=host not in _LOOPBACK
            ) as client,
            client.stream("GET", url, headers=headers) as response,
        ):
            body = b"".join(_limited(response, url, deadline))
    except httpx.TimeoutException:
        raise
    except (UnicodeEncodeError, httpx.LocalProtocolError) as error:
        raise TargetError(
            "The API key contains characters that an HTTP header cannot carry."
        ) from error
    except httpx.HTTPError as error:
        raise _unreachable(base, error) from error
    _check_status(response, base, url, api_key)
    entries = _entries(response, body, base, url)
    return _chosen(base, entries, model, response.headers.get("server"))


def _limited(response: httpx.Response, url: str, deadline: float) -> Iterator[bytes]:
    size = 0
    for chunk in response.iter_bytes():
        size += len(chunk)
        if size > BODY_LIMIT:
            raise TargetError(f"{url} sends more than 1 MiB; that is no list of models.")
        if time.monotonic() > deadline:
            raise TimeoutError
        yield chunk


def _unreachable(base: str, error: httpx.HTTPError) -> TargetError:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, socket.gaierror):
            return TargetError(f"The host name of {base} cannot be resolved ({cause.strerror}).")
        if isinstance(cause, ConnectionRefusedError):
            return TargetError(f"No server answers at {base} (connection refused).")
        if isinstance(cause, ssl.SSLError):
            return TargetError(f"{base} cannot be reached over TLS ({cause.reason or cause}).")
        cause = cause.__cause__ or cause.__context__
    return TargetError(f"{base} does not answer as an HTTP server does ({error}).")


def _check_status(response: httpx.Response, base: str, url: str, api_key: str | None) -> None:
    status = response.status_code
    if status in (401, 403):
        remedy = (
            "it does not accept the API key that --api-key-env names"
            if api_key
            else "it wants an API key; put it into an environment variable and name that with "
            "--api-key-env"
        )
        raise TargetError(f"{base} refuses access (status {status}): {remedy}.")
    if response.is_redirect:
        target = response.headers.get("location", "nowhere")
        raise NoModelList(f"{url} redirects to {target}; give the URL that it leads to.")
    if status != 200 and status < 500:
        raise NoModelList(f"{url} answered with status {status}{_hint(base)}.")
    if status != 200:
        raise NoModelList(f"{url} answered with status {status}; see the server's log.")


def _hint(base: str) -> str:
    """Most servers keep their API below /v1."""
    return "" if base.endswith("/v1") else f"; the base URL usually ends in /v1, try {base}/v1"


def _entries(response: httpx.Response, body: bytes, base: str, url: str) -> list[dict[str, Any]]:
    kind = response.headers.get("content-type", "").lower()
    if "html" in kind or body.lstrip()[:1] == b"<":
        raise NoModelList(f"{url} answered with an HTML page instead of JSON{_hint(base)}.")
    try:
        data = json.loads(body)["data"]
        if all(isinstance(entry["id"], str) for entry in data):
            return list(data)
    except (KeyError, TypeError):
        pass
    except (ValueError, RecursionError) as error:
        raise NoModelList(f"{url} answered with invalid JSON ({error}){_hint(base)}.") from error
    raise NoModelList(f"{url} answered with JSON that is no list of models{_hint(base)}.")


def _chosen(
    base: str, entries: list[dict[str, Any]], model: str | None, server: str | None
) -> Probe:
    models = [entry["id"] for entry in entries]
    if not models:
        raise TargetError(f"{base} serves no model: its list of models is empty.")
    if model is None and len(set(models)) > 1:
        raise TargetError(f"{base} serves {', '.join(models)}; say with --model which one.")
    if model is not None and model not in models:
        raise TargetError(f"{base} does not serve {model!r}; it serves {', '.join(models)}.")
    model = model or models[0]
    limit = next(entry for entry in entries if entry["id"] == model).get("max_model_len")
    usable = isinstance(limit, int) and not isinstance(limit, bool)
    return Probe(base, models, model, limit if usable else None, server)
