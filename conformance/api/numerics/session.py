"""The numerics of one target, as a process that runs requirements holds them."""

from __future__ import annotations

from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import Any

from conformance.api.numerics import forms, judging
from conformance.api.numerics.asking import Asking
from conformance.api.numerics.compared import Compared
from conformance.api.numerics.evidence import Evidence
from conformance.api.numerics.gather import KNOWN, SHOWN, gather
from conformance.api.numerics.identity import production_of
from conformance.compare import quantised
from conformance.compare.production import Production
from conformance.compare.tokens import Tokenizer
from conformance.recording.endpoint import Endpoint, Lost
from conformance.recording.names import TokenNames
from conformance.recording.prompts import Prompt
from conformance.targets.client import Client
from conformance.worker import WorkerState

QUANTIZED = "numerics-quantized"
"""The profile of a target that says of itself that its weights are quantised."""


class Numerics:
    """What requirements on the numerics of a target share.

    The evidence is gathered once a run, by the process that asks for it first.

    Args:
        route, shown: as for `gather`.
        production: what to compare with; by default what is on file of the served model.
    """

    def __init__(
        self,
        state: WorkerState,
        *,
        route: str | None = None,
        shown: int | None = None,
        production: Production | None = None,
    ) -> None:
        self._target = state.server
        self._state, self._route, self._shown = state, route, shown or SHOWN
        self._production = production
        self._stack = ExitStack()

    def close(self) -> None:
        self._stack.close()

    @property
    def client(self) -> Client:
        """The client whose exchanges become a requirement's evidence."""
        return self._state.client

    @cached_property
    def production(self) -> Production:
        """Production with the served model. Raises Inconclusive where it is not on file."""
        return self._production or production_of(self._target)

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """The served model's."""
        return Tokenizer(self._folder)

    @cached_property
    def evidence(self) -> Evidence:
        """What the server showed; it may be nothing.

        Raises:
            Inconclusive: there is nothing to compare with.
            TransportFailure: the server was lost.
        """
        production = self.production
        data = self._state.folder.shared("evidence", self._gather)
        return Evidence.from_json(data, production)

    @cached_property
    def compared(self) -> Compared:
        """The evidence beside production.

        Raises:
            Inconclusive: nothing was seen.
        """
        evidence = self.evidence
        if not evidence.seen:
            raise judging.unseen(evidence)
        return Compared(evidence.parity(), self.production, evidence.seen, evidence.exchange)

    @cached_property
    def prompts(self) -> list[Prompt]:
        """Production's, in every form in which the tokenizer knows them."""
        return forms.prompts(self.production, self.tokenizer)

    @cached_property
    def asking(self) -> Asking:
        """The strongest route, to ask again on it.

        Raises:
            Inconclusive: no route shows anything.
        """
        evidence = self.evidence
        if not evidence.routes:
            raise judging.unseen(evidence)
        name = max(evidence.routes, key=lambda name: evidence.routes[name])
        route = KNOWN[name](self.endpoint, self.names)
        return Asking(route, evidence.dialects[name], self.prompts, self.tokenizer)

    @cached_property
    def names(self) -> TokenNames:
        """How the server's names of tokens are understood."""
        return TokenNames(self._folder, self.production.snapshot.provenance["vocabulary"])

    @cached_property
    def endpoint(self) -> Endpoint:
        """The server's API, for requests with logprobs."""
        target, options = self._target, self._state.options
        endpoint = Endpoint(
            target.base_url,
            target.model,
            api_key=options.api_key(),
            timeout_s=options.request_timeout_s,
            lenient=True,
        )
        return self._stack.enter_context(endpoint)

    @property
    def _folder(self) -> Path:
        return Path(self._target.tokenizer_dir or "")

    def _gather(self) -> dict[str, Any]:
        try:
            evidence = gather(
                self.endpoint,
                self.production,
                self._folder,
                route=self._route,
                shown=self._shown,
                workers=self._state.options.workers,
                context=self._target.max_model_len,
            )
        except Lost as lost:
            raise lost.failure from None
        found = reported(evidence, self.tokenizer)
        if self._state.options.profile == QUANTIZED and evidence.seen:
            found["quantised"] = quantised.summary(evidence.production, evidence.seen)
        self._state.folder.record_parity(found)
        return evidence.to_json()


def reported(evidence: Evidence, tokenizer: Tokenizer) -> dict[str, Any]:
    """The comparison for the report, with texts of what parted."""
    found = evidence.parity().to_json()
    for parted in found["divergences"]:
        for whose in ("production", "target"):
            ids = [token for token in parted[whose] if token >= 0]
            parted[f"{whose}_text"] = tokenizer.decode(ids, specials=True)
    return {
        **found,
        "model": evidence.production.model,
        "scope": "server",
        "route": evidence.route,
        "requests": evidence.requests,
        "seconds": evidence.seconds,
        "left_out": [*evidence.left_out, *evidence.troubles],
    }
