"""A program: how often a fault is named by its area, by another one, or not at all.

`python -m tests.mutants.dictionaries [NAME…] [--out TABLE.json]`, by default for every model of the
matrix. Each fault is run in float32 and in bfloat16, shown as a server shows it on the strongest
evidence route and on the weakest, and where that is outside of production's band it is looked up:

- with the whole dictionary, as when a backend has a fault that is known;
- without that fault and its twins, as when it has one that nobody thought of;
- faults of another strength than any in the dictionary (`HELD_OUT`), with the whole of it.
"""

from __future__ import annotations

import argparse
import json
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers.utils import logging

import fixtures.models
from conformance.compare import causes, parity, production
from conformance.compare.production import Production
from conformance.compare.rows import rows
from fixtures import faults
from fixtures.faults import Dictionary, passes
from fixtures.faults.listed import Fault, base_times, listed
from fixtures.models.matrix import forward
from fixtures.models.matrix.architectures import BY_NAME as MATRIX
from fixtures.mutants.numerics import attention, cache, head, norms, rope, weights
from fixtures.mutants.rounding import in_groups
from fixtures.snapshots import Recorded, noise
from fixtures.snapshots.rows import recorded

TWIN = 0.99
"""Cosine from which two signatures are the same fault by two names."""

SHOWN = {"strongest": 20, "weakest": 5}


def sinks_times(factor: float) -> Any:
    def change(model: Any) -> None:
        for layer in model.model.layers:
            layer.self_attn.sinks.data += math.log(factor)

    return change


def _fault(name: str, area: Any, change: Any = None, **config: Any) -> Fault:
    return Fault(name, area, name, config, change)


def held_out(model: str) -> Iterator[Fault]:
    """Faults of another strength than any that a dictionary has."""
    for factor in (0.8, 1.5, 3.0):
        yield _fault(f"scale times {factor}", "attention", attention.scale_by(factor))
    for factor in (1 / 3, 3.0, 30.0):
        yield _fault(f"rotary base times {factor:.2g}", "rope", base_times(factor))
    for factor in (0.25, 0.8):
        change = rope.frequencies(lambda found, factor=factor: found * factor)
        yield _fault(f"frequencies times {factor}", "rope", change)
    for value in (0.03, 0.3):
        yield _fault(f"epsilon {value}", "norm", norms.epsilon(value))
    for factor in (0.65, 0.9, 1.5):
        yield _fault(f"logits times {factor}", "logits", head.logits_times(factor))
    for bits in (3, 6):
        change = weights.weights(lambda weight, bits=bits: in_groups(weight, bits))
        yield _fault(f"weights of {bits} bits", "weights", change)
        yield _fault(f"KV cache of {bits} bits", "cache", cache.kept_in_integers(bits))
    if size := MATRIX[model].window:
        for other in (size - 9, size - 4, size + 6, 3 * size // 2):
            yield _fault(f"window of {other}", "window", sliding_window=other)
    if model == "gemma2-softcap":
        for cap in (20.0, 30.0, 80.0):
            yield _fault(f"scores capped at {cap}", "soft cap", attn_logit_softcapping=cap)
        for cap in (20.0, 50.0):
            yield _fault(f"logits capped at {cap}", "logits", final_logit_softcapping=cap)
    if model == "gpt-oss-sinks":
        for factor in (0.5, 2, 4):
            yield _fault(f"sinks times {factor}", "attention", sinks_times(factor))
    if model == "granite-multipliers":
        yield _fault("residual multiplier of 0.6", "residual", residual_multiplier=0.6)
        yield _fault("logits scaling of 4", "logits", logits_scaling=4.0)
        yield _fault("embedding multiplier of 6", "embedding", embedding_multiplier=6.0)
    if model == "qwen3-moe":
        yield _fault("three experts a token", "experts", num_experts_per_tok=3)


@dataclass(frozen=True)
class Case:
    """A lookup: what was named, and what would have been right."""

    model: str
    fault: str
    dtype: str
    route: str
    how: str
    area: str
    named: str | None
    best: str
    similarity: float

    @property
    def came(self) -> str:
        return "none" if self.named is None else "right" if self.named == self.area else "wrong"


def cases(model: str) -> Iterator[Case]:
    """Every lookup in the dictionary of a model; of faults that production's band would show."""
    beside = production.load(model)
    known = beside.faults()
    assert known is not None
    told = {signature.fault for signature in known.signatures}
    tried = [(fault, fault.name in told) for fault in listed(model).values() if fault.name in told]
    tried += [(fault, False) for fault in held_out(model)]
    for fault, listed_ in tried:
        for dtype in ("float32", "bfloat16"):
            try:
                loaded = forward.load(fixtures.models.path(model), dtype, fault.feature)
                found = _seen(loaded, known, beside, fault)
            except (AttributeError, LookupError, RuntimeError):
                continue
            for route, seen in found.items():
                yield from _looked_up(beside, known, fault, listed_, dtype, route, seen)


def _seen(
    loaded: Any, known: Dictionary, beside: Production, fault: Fault
) -> dict[str, dict[str, Recorded]]:
    """By route, what a server shows at the dictionary's rows."""
    found: dict[str, dict[str, Recorded]] = {route: {} for route in SHOWN}
    for name in np.unique(known.prompts).tolist():
        prompt = beside.snapshot.prompts[name]
        positions = known.positions[known.prompts == name]
        # A server that departs at every token is led back at every one.
        logits = passes.logits(
            loaded,
            prompt.token_ids.tolist(),
            positions.tolist(),
            prompt.prompt_length,
            "end" if fault.by_pass else "whole",
        )
        each = replace(
            recorded(prompt.token_ids.tolist()[: len(positions)], logits.numpy()),
            token_ids=prompt.token_ids,
            prompt_length=prompt.prompt_length,
            positions=positions,
        )
        found["strongest"][name] = noise.truncated(each, SHOWN["strongest"])
        if each.generated.any():
            found["weakest"][name] = noise.truncated(noise.after_prompt(each), SHOWN["weakest"])
    return found


def _looked_up(
    beside: Production,
    known: Dictionary,
    fault: Fault,
    is_listed: bool,
    dtype: str,
    route: str,
    seen: dict[str, Recorded],
) -> Iterator[Case]:
    if parity.compare(beside, seen).verdict != "outside":
        return
    found = causes.likenesses(known, rows(beside, seen, SHOWN[route]))
    twins = _twins(known, fault.name)
    without = [each for each in found if each.signature.fault not in twins]
    kinds = {"known": found, "left out": without} if is_listed else {"held out": found}
    for how, among in kinds.items():
        named = causes.named_of(among)
        best = max(among, key=lambda each: each.similarity, default=None)
        yield Case(
            beside.model,
            fault.name,
            dtype,
            route,
            how,
            fault.area,
            named[0].signature.area if named else None,
            best.signature.fault if best else "",
            round(best.similarity, 3) if best else 0.0,
        )


def _twins(known: Dictionary, name: str) -> set[str]:
    """A fault and those that change the same."""
    unit = [each.change / np.linalg.norm(each.change) for each in known.signatures]
    own = [place for place, each in enumerate(known.signatures) if each.fault == name]
    return {name} | {
        each.fault
        for place, each in enumerate(known.signatures)
        if any(float((unit[place] * unit[mine]).sum()) >= TWIN for mine in own)
    }


def table(found: Sequence[Case]) -> Iterator[str]:
    """Markdown: how often each came, and each that was wrong."""
    counts = Counter((each.how, each.route, each.dtype, each.came) for each in found)
    yield "| dictionary | route | dtype | right | wrong | none |"
    yield "|---|---|---|---|---|---|"
    for how, route, dtype in sorted({key[:3] for key in counts}):
        came = (counts[how, route, dtype, each] for each in ("right", "wrong", "none"))
        yield f"| {how} | {route} | {dtype} | " + " | ".join(map(str, came)) + " |"
    for each in found:
        if each.came == "wrong":
            yield f"- {each.model}, {each.fault}, {each.dtype}, {each.route}, {each.how}: " + (
                f"{each.named} for {each.area}, by {each.best} ({each.similarity})"
            )


def main() -> None:
    arguments = argparse.ArgumentParser(prog="python -m tests.mutants.dictionaries")
    arguments.add_argument("names", nargs="*")
    arguments.add_argument("--out", type=Path)
    chosen = arguments.parse_args()
    torch.set_num_threads(1)
    quiet: Any = logging.disable_progress_bar
    quiet()
    found: list[Case] = []
    for model in chosen.names or [name for name in faults.names() if name in MATRIX]:
        found += cases(model)
        print(f"{model} done", flush=True)
        if chosen.out:
            chosen.out.write_text(json.dumps([vars(each) for each in found]), encoding="utf-8")
    print("\n".join(table(found)))


if __name__ == "__main__":
    main()
