"""What a server showed of its distribution, and how that was got: plain data, shared by a run."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conformance.compare import parity
from conformance.compare.parity import Parity
from conformance.compare.production import Production
from conformance.evidence import Exchange
from conformance.recording.routes import Dialect
from fixtures.snapshots import Recorded


@dataclass(frozen=True)
class Evidence:
    """What a server showed along production's own tokens.

    Attributes:
        production: what it is compared with.
        routes: how many positions each route showed, the strongest route first.
        dialects: how the server has to be asked on these routes.
        shown: tokens of a position; 0 where none was seen.
        seen: by the names of production's prompts.
        greedy: what the server said after a prompt, as token ids.
        anchors: how often it had to be led back to production's tokens.
        requests: how many were sent; seconds: how long that took.
        failures: by route, why the server does not offer it.
        left_out: sentences: what was not seen, and why.
        troubles: sentences: what failed, or cannot be, on a route that works for other prompts;
            `broken`: the requests.
        exchanges: the requests that showed rows.
        sources: by prompt and position, the index of its request.
    """

    production: Production
    routes: dict[str, int] = field(default_factory=dict)
    dialects: dict[str, Dialect] = field(default_factory=dict)
    shown: int = 0
    seen: dict[str, Recorded] = field(default_factory=dict)
    greedy: dict[str, list[int]] = field(default_factory=dict)
    anchors: int = 0
    requests: int = 0
    seconds: float = 0.0
    failures: dict[str, str] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    broken: list[Exchange] = field(default_factory=list)
    exchanges: list[Exchange] = field(default_factory=list)
    sources: dict[str, dict[int, int]] = field(default_factory=dict)

    @property
    def positions(self) -> int:
        """How many were seen."""
        return sum(self.routes.values())

    @property
    def route(self) -> str:
        """The routes that were used, for a person; "none" where there was none."""
        return ", ".join(self.routes) or "none"

    def parity(self) -> Parity:
        """How this compares with production."""
        return parity.compare(self.production, self.seen, self.greedy)

    def exchange(self, prompt: str, position: int) -> Exchange | None:
        """The request that showed a position, or the nearest one of its prompt before it."""
        known = self.sources.get(prompt, {})
        places = [place for place in known if place <= position] or list(known)
        return self.exchanges[known[max(places)]] if places else None

    def to_json(self) -> dict[str, Any]:
        """Plain data, without production's own."""
        return {
            "model": self.production.model,
            "configuration": self.production.configuration,
            "routes": self.routes,
            "dialects": {name: asdict(how) for name, how in self.dialects.items()},
            "shown": self.shown,
            "seen": {name: _plain(found) for name, found in self.seen.items()},
            "greedy": self.greedy,
            "anchors": self.anchors,
            "requests": self.requests,
            "seconds": self.seconds,
            "failures": self.failures,
            "left_out": self.left_out,
            "troubles": self.troubles,
            "broken": [asdict(each) for each in self.broken],
            "exchanges": [asdict(each) for each in self.exchanges],
            "sources": self.sources,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any], production: Production) -> Evidence:
        """The evidence that `to_json` wrote."""
        data = {key: value for key, value in data.items() if key not in ("model", "configuration")}
        return cls(
            **{
                **data,
                "production": production,
                "dialects": {name: Dialect(**how) for name, how in data["dialects"].items()},
                "seen": {name: _recorded(found) for name, found in data["seen"].items()},
                "broken": [Exchange(**each) for each in data["broken"]],
                "exchanges": [Exchange(**each) for each in data["exchanges"]],
                "sources": {
                    name: {int(place): index for place, index in places.items()}
                    for name, places in data["sources"].items()
                },
            }
        )


def _plain(found: Recorded) -> dict[str, Any]:
    return {
        name: value if isinstance(value, int) else value.tolist()
        for name, value in vars(found).items()
    }


def _recorded(data: dict[str, Any]) -> Recorded:
    def ids(name: str) -> NDArray[np.int32]:
        return np.array(data[name], dtype=np.int32)

    return Recorded(
        token_ids=ids("token_ids"),
        prompt_length=data["prompt_length"],
        positions=ids("positions"),
        top_ids=ids("top_ids"),
        top_logits=np.array(data["top_logits"], dtype=np.float32),
        logsumexp=np.array(data["logsumexp"], dtype=np.float32),
    )
