"""Where the installed client and OpenAI's published description differ, and why."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from conformance.coverage import client
from fixtures.openai import operations

Route = tuple[str, str]

ANY = "*"
"""Instead of a method: every one."""

BELOW = "/..."
"""At the end of a path: all paths that begin so."""

_FILE = Path(__file__).with_name("differences.toml")


@dataclass(frozen=True)
class Difference:
    """Operations that only one of the two has: `only_in` is "client" or "description"."""

    only_in: str
    routes: tuple[str, ...]
    reason: str

    def holds(self, route: Route) -> bool:
        """Whether it speaks of this operation."""
        return any(_matches(pattern, route) for pattern in self.routes)


@cache
def explained() -> tuple[Difference, ...]:
    """Those on file."""
    entries = tomllib.loads(_FILE.read_text("utf-8"))["difference"]
    return tuple(
        Difference(each["only_in"], tuple(each["routes"]), each["reason"]) for each in entries
    )


def differences() -> dict[str, set[Route]]:
    """The operations that only the client has, and only the description."""
    known, described = set(client.operations()), {each.route for each in operations()}
    return {"client": known - described, "description": described - known}


def unexplained() -> list[str]:
    """What is wrong: a difference without a reason, and a reason without a difference."""
    told = []
    for where, routes in differences().items():
        reasons = [each for each in explained() if each.only_in == where]
        told += [
            f"{method} {path} is only in the {where}, and no reason is on file"
            for method, path in sorted(routes)
            if not any(each.holds((method, path)) for each in reasons)
        ]
        told += [
            f"{pattern} is said to be only in the {where}, and is not"
            for each in reasons
            for pattern in each.routes
            if not any(_matches(pattern, route) for route in routes)
        ]
    return told


def _matches(pattern: str, route: Route) -> bool:
    method, path = pattern.split(" ")
    if method not in (ANY, route[0]):
        return False
    if path.endswith(BELOW):
        return route[1].startswith(path.removesuffix("..."))
    return route[1] == path
