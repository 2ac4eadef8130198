"""Operations of production's own, which nobody has to have."""

from __future__ import annotations

from conformance.api import expect
from conformance.api.unserved import NOT_SERVED
from conformance.outcomes import Unsupported
from conformance.targets.client import Response


def served(response: Response, operation: str) -> dict[str, object]:
    """The JSON object of a 200.

    Raises:
        Unsupported: the server says, in whatever form, that it has no such operation; or refuses
            the request honestly.
        Failed: as `expect.ok`.
    """
    if response.status in NOT_SERVED:
        raise Unsupported(
            f"The server has no {operation}: {response.status}",
            expected="200",
            actual=f"{response.status} {response.exchange.response[:200]}".strip(),
            cause=f"{operation} is not served",
        )
    return expect.ok(response)
