"""Faults put into real models, compared with what was recorded of vLLM on a GPU.

A backend's fault shows itself less the fewer tokens an API shows, so each is looked at with all
tokens, with 20 and with 5; it is told as what it is, or not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch

import fixtures.models
from conformance.compare import production
from conformance.compare.parity import Parity, compare
from fixtures.models.matrix import forward
from fixtures.models.matrix.architecture import Change, Feature
from fixtures.models.matrix.architectures import BY_NAME
from fixtures.models.matrix.common import rope
from fixtures.snapshots import Recorded, noise
from fixtures.snapshots.rows import recorded

DRIFT = "onward drifts: the difference grows with position"
WINDOW = "model's sliding window"
ATTENTION = "The first position is right and all after it are wrong"
EVERYWHERE = "Every position is wrong, the first included"
ROUNDING = "small and alike at all positions"
STEEP, FLAT = "times as steep as production's", "flatter than production's by the factor"
SILENT = ""
SHOWN = (None, 20, 5)

Inputs = Callable[[Recorded], dict[str, Any]]


@dataclass(frozen=True)
class Fault:
    """Something done to a model, and what is told of it.

    Attributes:
        told: with all tokens, with 20 and with 5; words of the sentence, or "" for no sentence.
        change: to the model in float32; by `inputs`, to what it is run with; or to its `logits`.
    """

    model: str
    told: tuple[str, str, str]
    config: Mapping[str, Any] = field(default_factory=dict)
    change: Change | None = None
    inputs: Inputs | None = None
    logits: Callable[[Any], Any] | None = None


def all_alike(words: str) -> tuple[str, str, str]:
    return (words, words, words)


def feature(model: str, number: int, *told: str) -> Fault:
    """A feature left out, as the matrix describes it."""
    left_out = BY_NAME[model].features[number]
    words = told[0] if told else SILENT
    return Fault(
        model, told if len(told) == 3 else all_alike(words), left_out.config, left_out.change
    )


def attention_scale(by: float) -> Change:
    def change(model: Any) -> None:
        for layer in model.model.layers:
            layer.self_attn.scaling *= by

    return change


def epsilon(value: float) -> Change:
    def change(model: Any) -> None:
        for module in model.modules():
            if hasattr(module, "variance_epsilon"):
                module.variance_epsilon = value

    return change


def nearest(bits: int, group: int = 64) -> Change:
    """Weights of linear layers, rounded to the nearest of 2**bits values in each group."""

    def change(model: Any) -> None:
        for name, module in model.named_modules():
            if isinstance(module, torch.nn.Linear) and "lm_head" not in name:
                weight = module.weight.data
                grouped = weight.unflatten(1, (-1, group))
                low, high = grouped.amin(-1, keepdim=True), grouped.amax(-1, keepdim=True)
                step = (high - low) / (2**bits - 1)
                module.weight.data = (((grouped - low) / step).round() * step + low).flatten(1)

    return change


def late_positions(found: Recorded) -> dict[str, Any]:
    """What is decoded is placed one position too far."""
    positions = torch.arange(len(found.token_ids))
    positions[found.prompt_length :] += 1
    return {"position_ids": positions[None]}


def masked(allowed: Callable[[Any, Any, int], Any]) -> Inputs:
    """Query `q` sees key `k` where that is allowed, given the prompt's length."""

    def inputs(found: Recorded) -> dict[str, Any]:
        k = torch.arange(len(found.token_ids))
        q = k[:, None]
        seen = (k <= q) & allowed(q, k, found.prompt_length)
        return {
            "attention_mask": torch.where(seen, 0.0, torch.finfo(torch.float32).min)[None, None]
        }

    return inputs


def biased(logits: Any) -> Any:
    return logits + 3.0 * (torch.arange(logits.shape[-1]) == 77)


FAULTS: dict[str, Fault] = {
    "rope base": feature("llama-gqa", 1, DRIFT),
    "rope a little off": Fault(
        "mistral-window", (DRIFT, DRIFT, SILENT), {"rope_parameters": rope(13000.0)}
    ),
    "rope unscaled": feature("llama3-rope", 0, DRIFT),
    "rope base beside layers without": feature("smollm3-nope", 1, DRIFT),
    "another local base": feature("gemma3-local-global", 2, DRIFT),
    "no window": feature("mistral-window", 0, WINDOW),
    "window of 41": feature("mistral-window", 1, WINDOW),
    "window on other layers": feature("gemma2-softcap", 3, WINDOW),
    "no window beside global layers": feature("cohere2-parallel", 0, WINDOW),
    "a window that is not the model's": Fault(
        "llama-gqa",
        all_alike("right before position 48 and wrong from there on, as when a sliding window"),
        inputs=masked(lambda q, k, _: q - k < 48),
    ),
    "a lost chunk": Fault(
        "llama-gqa",
        all_alike("right before position 64 and wrong"),
        inputs=masked(lambda q, k, _: q // 64 == k // 64),
    ),
    "first token not seen": Fault(
        "llama-gqa",
        all_alike("largest at the first positions and fades"),
        inputs=masked(lambda q, k, _: (k > 0) | (q == 0)),
    ),
    "decoded a position late": Fault(
        "llama-gqa", all_alike("Only positions decoded after a prompt"), inputs=late_positions
    ),
    "scores doubled": Fault("qwen2-bias", all_alike(ATTENTION), change=attention_scale(2.0)),
    "query scale": feature("gemma2-softcap", 4, ATTENTION),
    "no q norm": feature("qwen3-qk-norm", 0, ATTENTION),
    "no soft cap": feature("gemma2-softcap", 1, "a soft cap of about 6 on the logits is left out"),
    "logits scaled": feature("granite-multipliers", 3, "Log probabilities are 8 " + STEEP),
    "temperature": Fault("llama-gqa", all_alike(f"{FLAT} 0.8"), logits=lambda found: found / 1.25),
    "embeddings scaled": feature("granite-multipliers", 0, EVERYWHERE),
    "no layer norm": feature("cohere2-parallel", 3, EVERYWHERE),
    "a token": Fault(
        "llama-gqa", all_alike("Token 77 is likelier by 3 nats, and all others"), logits=biased
    ),
    "rows shifted": Fault(
        "llama-gqa", all_alike("the rows are off by one"), logits=lambda found: found.roll(-1, 0)
    ),
    "one row": Fault(
        "llama-gqa",
        all_alike("the logits of its last token"),
        logits=lambda found: found[-1:] + 0 * found,
    ),
    "4 bits": Fault("llama-gqa", all_alike(ROUNDING), change=nearest(4)),
    "5 bits": Fault("gemma2-softcap", all_alike(ROUNDING), change=nearest(5)),
    "another epsilon": Fault("olmo2-post-norm", all_alike(SILENT), change=epsilon(1e-2)),
}


def seen(model: str, fault: Fault | None = None) -> dict[str, Recorded]:
    """What transformers makes of the recorded sequences in float32, at the recorded positions."""
    fault = fault or Fault(model, all_alike(SILENT))
    broken = Feature("", "", fault.config, fault.change)
    loaded = forward.load(fixtures.models.path(model), "float32", broken)
    found = {}
    for name, row in production.load(model).snapshot.prompts.items():
        given = fault.inputs(row) if fault.inputs else {}
        with torch.inference_mode():
            logits = loaded(torch.tensor([row.token_ids.tolist()]), use_cache=False, **given).logits
        logits = fault.logits(logits[0]) if fault.logits else logits[0]
        found[name] = noise.at(recorded(row.token_ids.tolist(), logits.numpy()), row.positions)
    return found


def compared(model: str, found: Mapping[str, Recorded], shown: int | None) -> Parity:
    few = found
    if shown is not None:
        few = {name: noise.truncated(row, shown) for name, row in found.items()}
    return compare(production.load(model), few)


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_told_as_what_it_is(name: str) -> None:
    fault = FAULTS[name]
    found = seen(fault.model, fault)
    for shown, expected in zip(SHOWN, fault.told, strict=True):
        parity = compared(fault.model, found, shown)
        assert parity.verdict == "outside", shown
        if expected:
            assert expected in str(parity.diagnosis), shown
            assert parity.diagnosis and parity.reason.startswith(parity.diagnosis[:-1])
        else:
            assert parity.diagnosis is None, shown


@pytest.mark.parametrize("model", ["deepseek-mla", "gpt-oss-sinks", "qwen3-moe", "scripted"])
def test_nothing_is_told_of_a_model_that_is_right(model: str) -> None:
    found = seen(model)
    for shown in SHOWN:
        parity = compared(model, found, shown)
        assert (parity.verdict, parity.diagnosis) == ("inside", None)
