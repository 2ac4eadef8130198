"""Where mlx-lm's code for an architecture does not serve.

`WRITTEN_OUT` has attention of which mlx-lm leaves no function to replace. Each is the `__call__` of
mlx-lm's class, which keeps its weights and its other methods; where the cache is no layer of the
pool, mlx-lm's own runs. `NOT_READ` makes weights those that mlx-lm reads.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import mlx.core as mx
import numpy as np
from mlx.nn.layers.base import Module
from mlx_lm.models.rope_utils import YarnRoPE
from mlx_lm.models.switch_layers import SwitchLinear
from numpy.typing import NDArray

from reference.model_runner.layers import PagedLayer, ShapeOnly, parts

Call = Callable[..., mx.array]
Paged = PagedLayer | ShapeOnly


def gemma2(attention: Any, x: mx.array, cache: Paged) -> mx.array:
    """Gemma 2 (Gemma team 2024, section 2): logits are capped before the mask."""
    rows = x.shape[0]
    queries, keys, values = (
        project(x).reshape(rows, 1, heads, -1).swapaxes(1, 2)
        for project, heads in (
            (attention.q_proj, attention.n_heads),
            (attention.k_proj, attention.n_kv_heads),
            (attention.v_proj, attention.n_kv_heads),
        )
    )
    queries, keys = (attention.rope(each, offset=cache.offset) for each in (queries, keys))
    cache.update_and_fetch(keys, values)
    cap = attention.attn_logit_softcapping
    output = cache.attend(queries, attention.scale, soft_cap=cap)
    found: mx.array = attention.o_proj(output.swapaxes(1, 2).reshape(rows, 1, -1))
    return found


def deepseek(attention: Any, x: mx.array, cache: Paged) -> mx.array:
    """DeepSeek-V2 (2024), section 2.1: attention over latents, keys and values never made."""
    rows = x.shape[0]
    if attention.q_lora_rank is None:
        q = attention.q_proj(x)
    else:
        q = attention.q_b_proj(attention.q_a_layernorm(attention.q_a_proj(x)))
    q = q.reshape(rows, 1, attention.num_heads, attention.q_head_dim).swapaxes(1, 2)
    nope, rotated = mx.split(q, [attention.qk_nope_head_dim], axis=-1)
    compressed = attention.kv_a_proj_with_mqa(x)
    latent, rope_key = mx.split(compressed, [attention.kv_lora_rank], axis=-1)
    latent = attention.kv_a_layernorm(latent)[:, None]
    keys = mx.concatenate([latent, attention.rope(rope_key[:, None], cache.offset)], axis=-1)
    cache.update_and_fetch(keys, keys[..., :0])
    rotated = attention.rope(rotated, cache.offset)
    queries = mx.concatenate([attention.embed_q(nope), rotated], axis=-1)
    output = cache.attend_latents(queries, attention.kv_lora_rank, attention.scale)
    output = attention.unembed_out(output)
    found: mx.array = attention.o_proj(output.swapaxes(1, 2).reshape(rows, 1, -1))
    return found


WRITTEN_OUT: dict[str, Callable[[Any, mx.array, Paged], mx.array]] = {
    "mlx_lm.models.gemma2.Attention": gemma2,
    "mlx_lm.models.deepseek_v3.DeepseekV3Attention": deepseek,
}
"""By the class that it stands in for."""


def override(model: Module) -> None:
    """Leads the written-out attention of a model to the pool."""
    for kind in {type(part) for part in parts(model)}:
        found = WRITTEN_OUT.get(f"{kind.__module__}.{kind.__name__}")
        if found is not None and not hasattr(kind.__call__, "paged"):
            kind.__call__ = _either(kind.__call__, found)  # type: ignore[method-assign]


Weights = dict[str, mx.array]


def gpt_oss_weights(weights: Weights) -> Weights:
    """Experts as transformers saves them in bfloat16; mlx-lm reads those of 4 bits only.

    Gate and up projection lie in turns in the last axis, [num_experts, in, out]; mlx-lm has them
    apart, [num_experts, out, in].
    """
    found: Weights = {}
    for name, array in weights.items():
        if name.endswith("experts.gate_up_proj"):
            stem = name.removesuffix("gate_up_proj")
            for first, part in enumerate(("gate_proj", "up_proj")):
                found[f"{stem}{part}.weight"] = mx.contiguous(array[..., first::2].swapaxes(1, 2))
        elif name.endswith("experts.gate_up_proj_bias"):
            stem = name.removesuffix("gate_up_proj_bias")
            for first, part in enumerate(("gate_proj", "up_proj")):
                found[f"{stem}{part}.bias"] = mx.contiguous(array[..., first::2])
        elif name.endswith("experts.down_proj"):
            found[f"{name}.weight"] = mx.contiguous(array.swapaxes(1, 2))
        elif name.endswith("experts.down_proj_bias"):
            found[name.removesuffix("_bias") + ".bias"] = array
        else:
            found[name] = array
    return found


def exact_yarn(model: Module, config: Mapping[str, Any]) -> None:
    """YaRN's ramp between its exact ends, where the checkpoint says `truncate: false`.

    Peng et al. 2023 (section 3.2, equation 23) leave the ends where they fall; mlx-lm 0.32 rounds
    them outwards always, as the first implementations did. gpt-oss was trained without.
    """
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    if rope.get("rope_type") != "yarn" or rope.get("truncate", True):
        return
    base = rope.get("rope_theta") or config["rope_theta"]
    for part in parts(model):
        if isinstance(part, YarnRoPE):
            part._freqs = mx.array(1 / yarn_frequencies(part.dims, base, rope))


def yarn_frequencies(dims: int, base: float, rope: Mapping[str, Any]) -> NDArray[np.float64]:
    """Radians per position of each pair of dimensions, [dims / 2]."""

    def dimension(rotations: float) -> float:
        """The dimension that turns so often in the context that the model was first trained on."""
        first = rope["original_max_position_embeddings"]
        return dims * math.log(first / (rotations * 2 * math.pi)) / (2 * math.log(base))

    low = max(dimension(rope.get("beta_fast", 32)), 0)
    high = min(dimension(rope.get("beta_slow", 1)), dims - 1)
    ramp = np.clip((np.arange(dims // 2) - low) / max(high - low, 1e-3), 0, 1)
    plain = base ** (-np.arange(0, dims, 2) / dims)
    return np.asarray(plain * (1 - ramp) + plain / rope["factor"] * ramp)


class Float32Experts(SwitchLinear):
    """Experts on a CPU, where MLX multiplies gathered matrices in float32 only."""

    def __call__(self, x: mx.array, indices: mx.array, sorted_indices: bool = False) -> mx.array:
        wide = x.astype(mx.float32)
        found: mx.array = super().__call__(wide, indices, sorted_indices)  # type: ignore[no-untyped-call]
        return found.astype(x.dtype)


def float32_experts(model: Module) -> None:
    """Lets a CPU multiply experts that are saved in 16 bits; results are rounded as ever."""
    if mx.default_device() != mx.Device(mx.cpu):
        return
    for part in parts(model):
        if type(part) is SwitchLinear and part.weight.dtype != mx.float32:
            part.weight = part.weight.astype(mx.float32)
            part.__class__ = Float32Experts


NOT_READ: dict[str, Callable[[Weights], Weights]] = {"gpt_oss": gpt_oss_weights}
"""What makes a checkpoint's weights those that mlx-lm reads, by model type."""


def _either(original: Call, paged: Callable[[Any, mx.array, Paged], mx.array]) -> Call:
    def call(self: Any, x: mx.array, mask: Any = None, cache: Any = None) -> mx.array:
        if isinstance(cache, (PagedLayer, ShapeOnly)):
            return paged(self, x, cache)
        return original(self, x, mask, cache)

    call.paged = True  # type: ignore[attr-defined]
    return call
