"""Reading and comparing what the models route says."""

from __future__ import annotations

import time
from typing import Literal
from urllib.parse import quote

from openai.types import Model
from pydantic import BaseModel

from conformance.api import expect
from conformance.outcomes import Failed, Inconclusive, Silent, Unsupported
from conformance.targets.client import Response

DAY_S = 86_400
"""Seconds by which the clocks of target and suite may differ."""


class Entry(BaseModel):
    """What tells one listed model from another; the rest is `entries`' affair."""

    id: str
    created: int | None = None
    owned_by: str | None = None


class _Listing(BaseModel):
    object: Literal["list"]
    data: list[Model]


class _Entries(BaseModel):
    data: list[Entry]


def path(model: str) -> str:
    """The route of one model; names may contain slashes."""
    return f"/models/{quote(model, safe='')}"


def entries(response: Response) -> list[Model]:
    """The listed models, at least one, no name empty or twice.

    Raises:
        Failed: they are not so, or the body is no such list.
    """
    expect.ok(response)
    found = expect.typed_json(response.body, _Listing).data
    names = [model.id for model in found]
    if not names or "" in names or len(set(names)) < len(names):
        raise Failed(
            "The list of models has no usable names",
            expected="at least one, none empty, none twice",
            actual=names,
        )
    return found


def named(response: Response, name: str) -> Entry:
    """The entry with this name. Raises Failed unless there is exactly one."""
    expect.ok(response)
    listed = expect.typed_json(response.body, _Entries).data
    found = [entry for entry in listed if entry.id == name]
    if len(found) != 1:
        raise Failed(
            "The list of models does not name the served model once",
            expected=name,
            actual=[entry.id for entry in listed],
        )
    return found[0]


def usable(response: Response, name: str) -> Entry:
    """As `named`, for requirements that only start from the list.

    Raises:
        Inconclusive: the list is not usable; it has requirements of its own, which say why.
    """
    try:
        return named(response, name)
    except Failed as fault:
        raise Inconclusive(
            f"The list of models is not usable ({fault.message}): a usable one would decide",
            cause="The list of models is not usable",
        ) from None


def plausible_time(created: int | None) -> None:
    """Seconds since 1970, not in the future. Raises Failed otherwise."""
    now = int(time.time())
    if created is None or not 0 < created <= now + DAY_S:
        raise Failed(
            "`created` is not a time in seconds", expected=f"1 to {now}", actual=str(created)[:40]
        )


def recent_time(created: int) -> None:
    """Seconds since 1970, of an answer given just now. Raises Failed otherwise."""
    now = int(time.time())
    if not now - DAY_S <= created <= now + DAY_S:
        raise Failed(
            "`created` is not the time of the answer, in seconds",
            expected=f"about {now}",
            actual=str(created)[:40],
        )


def retrieved(response: Response) -> Model:
    """One model.

    Raises:
        Unsupported: the route is not served: 404, 405 or 501, in JSON.
        Failed: any other status, or a body that is no model.
    """
    if response.status in (404, 405, 501):
        response.json()
        raise Unsupported(
            "Single models are not served",
            expected="200",
            actual=f"{response.status} {response.exchange.response[:200]}",
        )
    expect.ok(response)
    return expect.typed_json(response.body, Model)


def same(listed: Entry, single: Model) -> None:
    """Both say the same `id` and `owned_by`; `created` may be the time of asking, as vLLM's is.
    Raises Failed otherwise."""
    wanted, found = (listed.id, listed.owned_by), (single.id, single.owned_by)
    if wanted != found:
        raise Failed(
            "A model is described otherwise than in the list", expected=wanted, actual=found
        )


def not_found(response: Response) -> None:
    """A 404 in JSON.

    Raises:
        Silent: the server says that it has the model.
        Unsupported: it has no such route and says so otherwise (405, 501).
        Failed: any other status, or a body that is not JSON.
    """
    if response.status == 200:
        raise Silent("A model that does not exist is answered for", expected="404", actual="200")
    if response.status in (405, 501):
        raise Unsupported("Single models are not served", expected="404", actual=response.status)
    if response.status != 404:
        raise Failed(
            "A model that does not exist is not a 404", expected="404", actual=response.status
        )
    response.json()
