"""A model in the runner under test: loaded once, run each way once, shared by its requirements.

Whatever the engine does wrong is a judgement on it here, and never an error of the suite.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, TypeVar

import fixtures.models
from conformance.compare import parity, production
from conformance.compare.itself import Itself
from conformance.compare.parity import Parity
from conformance.compare.production import Production
from conformance.outcomes import Absent, Failed, Judgement, SuiteError
from conformance.run import RunFolder
from conformance.targets.runners.contract import Broken, Refused, Runner, Sequences, Way, raised
from conformance.targets.runners.target import RunnerTarget
from conformance.targets.runners.ways import score
from fixtures import goldens
from fixtures.goldens import Golden
from fixtures.models import FixtureError
from fixtures.snapshots import WHOLE, Recorded

FEW = ("short", "chat-capital", "chat-memory", "chat-translate")
"""Prompts that a model with a real vocabulary is run with in all ways but one pass: decoding the
others token by token takes a CPU minutes, and shows nothing that these do not. None is of random
tokens, where production is noisiest: the band is of all prompts."""

FEW_OF_GOLDEN = ("short", "block-33")
"""And of the golden's, which has no chats."""

_Found = TypeVar("_Found")


class Measured:
    """One fixture model in a runner."""

    def __init__(self, model: str, target: RunnerTarget, folder: RunFolder) -> None:
        self.model, self.target = model, target
        self._folder = folder
        self._kept: dict[str, Any] = {}

    @cached_property
    def production(self) -> Production:
        """What it is compared with."""
        return production.load(self.model)

    @cached_property
    def golden(self) -> Golden:
        """What PyTorch computes in float64."""
        try:
            return goldens.load(self.model)
        except FixtureError as error:
            raise SuiteError(str(error)) from None

    def loaded(self) -> Runner:
        """The model in the runner.

        Raises:
            Absent: the runner refuses it.
            Failed: the runner breaks over it.
        """
        return self._once("loaded", self._load)

    def seen(self, way: Way) -> Mapping[str, Recorded]:
        """What the runner saw of production's sequences, by prompt; of few of them, see `FEW`.

        Raises:
            Absent: the model is not loaded, or the runner does not have this way.
            Failed: it broke.
        """
        runner = self._runner()
        return self._once(way, lambda: score(runner, self.sequences(way), way))

    def seen_of_golden(self, way: Way) -> Mapping[str, Recorded]:
        """The same of the golden's prompts, with which production's sequences begin."""
        if way is not Way.ONE_PASS and not self._few:
            return self.seen(way)
        runner, prompts = self._runner(), self.golden.prompts
        if way is not Way.ONE_PASS:
            prompts = {name: prompts[name] for name in FEW_OF_GOLDEN}
        return self._once(f"golden, {way}", lambda: score(runner, prompts, way))

    def greedy(self) -> Mapping[str, list[int]]:
        """What the runner says after each prompt that production continued, up to as many tokens.

        Raises:
            Absent: the model is not loaded, or the runner does not generate.
            Failed: it broke.
        """
        return self._once("greedy", self._generate)

    def sequences(self, way: Way) -> Sequences:
        """Production's prompts with its greedy continuations."""
        few = self._few and way is not Way.ONE_PASS
        return {
            name: found.token_ids.tolist()
            for name, found in sorted(self.production.snapshot.prompts.items())
            if name in FEW or not few
        }

    def compared(self, way: Way) -> Parity:
        """One way beside production; handed over for the report."""
        found = parity.compare(self.production, self.seen(way))
        self._hand_over(found, way.value)
        return found

    def compared_with_itself(self, way: Way, *, steady: bool = False) -> Parity:
        """One way beside one pass of the same runner; see `Itself` for what it is held to."""
        alone = self.seen(Way.ONE_PASS)
        bound = float(self.golden.provenance["float32_bound"])
        itself = Itself.of(
            self.production, self.target.dtype, alone, steady=steady, float32_bound=bound
        )
        return parity.compare(itself, self.seen(way))

    def compared_as_text(self) -> Parity:
        """Greedy text beside production's, and one pass with it; handed over for the report."""
        found = parity.compare(self.production, self.seen(Way.ONE_PASS), self.greedy())
        self._hand_over(found, "greedy")
        return found

    def close(self) -> None:
        """Frees the model."""
        runner = self._kept.get("loaded")
        if runner is not None and not isinstance(runner, Judgement) and hasattr(runner, "close"):
            runner.close()

    @property
    def _few(self) -> bool:
        """Whether the model has a real vocabulary: see `FEW`."""
        return bool(self.production.snapshot.provenance["vocabulary"] > WHOLE)

    def _load(self) -> Runner:
        try:
            folder = fixtures.models.path(self.model)
        except FixtureError as error:
            raise SuiteError(str(error)) from None
        return self.target.load(folder)

    def _runner(self) -> Runner:
        """The model in the runner, for requirements that are not on loading it."""
        try:
            return self.loaded()
        except (Absent, Failed) as error:
            raise Absent(
                error.message, cause=f"{self.target.name} does not load the model"
            ) from None

    def _generate(self) -> dict[str, list[int]]:
        runner = self._runner()
        generate = getattr(runner, "generate", None)
        if generate is None:
            raise Refused("The runner does not offer `generate`.")
        said = {}
        for name, ids in self.sequences(Way.DECODE).items():
            length = self.production.snapshot.prompts[name].prompt_length
            if length < len(ids):
                said[name] = _tokens(generate(list(ids[:length]), len(ids) - length))
        return said

    def _once(self, what: str, make: Callable[[], _Found]) -> _Found:
        """What `make` gives, the first time it is asked for; its judgement each time."""
        if what not in self._kept:
            self._kept[what] = self._judged(make)
        found = self._kept[what]
        if isinstance(found, Judgement):
            raise found.with_traceback(None)
        kept: _Found = found
        return kept

    def _judged(self, make: Callable[[], _Found]) -> _Found | Judgement:
        try:
            return make()
        except Judgement as judgement:
            return judgement
        except Refused as error:
            return Absent(str(error))
        except Broken as error:
            return Failed(str(error), expected="logits, or a refusal", actual=str(error))
        except Exception as error:
            return Failed(f"The runner raised {raised(error)}")

    def _hand_over(self, found: Parity, way: str) -> None:
        configuration = self.production.configuration
        more = {"scope": "runner", "way": way, "configuration": configuration}
        self._folder.record_parity({**found.to_json(), **more})


def _tokens(said: Any) -> list[int]:
    try:
        return [int(token) for token in said]
    except (TypeError, ValueError):
        raise Broken(f"`generate` gave {said!r}, which is no list of token ids.") from None
