"""The kinds of target, and where the requirements on each are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from conformance.targets.kernels import KernelTarget
from conformance.targets.runners.target import RunnerTarget
from conformance.targets.server import ServerTarget
from fixtures.models.tasks.words import (
    AUDIO,
    CLASSIFICATION,
    EMBEDDING,
    IMAGES,
    SCORING,
    TEXT,
)

Target = ServerTarget | RunnerTarget | KernelTarget


@dataclass(frozen=True)
class Kind:
    """What is under test.

    Attributes:
        name: its word in the design.
        parts: folders of the suite that hold the requirements on it.
        areas: what the ids of these begin with.
        target: what a run holds of it.
    """

    name: str
    parts: tuple[str, ...]
    areas: tuple[str, ...]
    target: type[ServerTarget] | type[RunnerTarget] | type[KernelTarget]

    def is_on(self, id: str) -> bool:
        """Whether the requirement of this id is on a target of this kind."""
        return id.split("/", 1)[0] in self.areas


SERVER = Kind("server", ("api", "serving"), ("api", "serving", "numerics"), ServerTarget)
RUNNER = Kind("runner", ("runner",), ("runner",), RunnerTarget)
KERNELS = Kind("kernel library", ("kernels",), ("kernels",), KernelTarget)

KINDS = (SERVER, RUNNER, KERNELS)
PARTS = tuple(part for kind in KINDS for part in kind.parts)


OF_TASKS = {
    EMBEDDING: ("api/embeddings/", "api/embed/", "api/pooling/"),
    SCORING: ("api/score/", "api/rerank/"),
    CLASSIFICATION: ("api/classify/",),
    AUDIO: ("api/audio/",),
    IMAGES: ("api/images/",),
}
"""Where the requirements are on a server that does something else with its model than continue
text: what their ids begin with."""

OF_ANY_TASK = ("api/models/", "api/unserved/")
"""The same for requirements on every server, whatever it does."""


def is_of_tasks(id: str, tasks: Sequence[str]) -> bool:
    """Whether the requirement of this id is on a server that does these tasks."""
    if id.startswith(OF_ANY_TASK):
        return True
    others = [task for task, areas in OF_TASKS.items() if id.startswith(areas)]
    return any(task in tasks for task in others or [TEXT])


def kind_of(target: Target) -> Kind:
    """What kind of target this is."""
    return next(kind for kind in KINDS if isinstance(target, kind.target))


def kind_named(name: str) -> Kind:
    """The kind of this name."""
    return next(kind for kind in KINDS if kind.name == name)
