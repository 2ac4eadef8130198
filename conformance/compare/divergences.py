"""Where greedy text parts from production's, and by how much production preferred its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from fixtures.snapshots import Recorded, noise


@dataclass(frozen=True)
class Divergence:
    """Where greedy text parts from production's.

    Attributes:
        position: of the first other token in the sequence, and `length` of the prompt before.
        expected, chosen: token ids, production's and the target's.
        margin: by how much production preferred its own, nats.
        production, target: what both said from the prompt's end on, as token ids.
    """

    prompt: str
    position: int
    length: int
    expected: int
    chosen: int
    margin: float
    production: tuple[int, ...] = ()
    target: tuple[int, ...] = ()


def divergences(
    recorded: Mapping[str, Recorded], greedy: Mapping[str, Sequence[int]]
) -> tuple[Divergence, ...]:
    """Where each continuation parts from production's, if it does.

    A continuation that is shorter or longer has not parted: it was cut otherwise. Prompts that
    production did not continue are left out.
    """
    found = []
    for name, said in greedy.items():
        if name not in recorded:
            continue
        expected = recorded[name]
        length = expected.prompt_length
        whole = np.concatenate([expected.token_ids[:length], np.asarray(said, dtype=np.int32)])
        same = noise.common_prefix(expected.token_ids, whole)
        if same == min(len(whole), len(expected.token_ids)) or same - 1 not in expected.positions:
            continue
        row = noise.at(expected, np.array([same - 1]))
        found.append(
            Divergence(
                prompt=name,
                position=same,
                length=length,
                expected=int(expected.token_ids[same]),
                chosen=int(whole[same]),
                margin=float(np.nan_to_num(noise.margins(row, whole[same : same + 1])[0])),
                production=tuple(int(token) for token in expected.token_ids[length:]),
                target=tuple(int(token) for token in said),
            )
        )
    return tuple(found)
