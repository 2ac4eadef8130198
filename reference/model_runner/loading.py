"""A checkpoint as a model over the pool."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlx.core as mx
from mlx.nn.layers.base import Module
from mlx_lm.utils import _get_classes, load_model

from reference.model_runner import checkpoint, kernels
from reference.model_runner.checkpoint import CheckpointError, Config
from reference.model_runner.layers import ShapeOnly, lead_to_pool, paged
from reference.model_runner.overrides import NOT_READ, exact_yarn, float32_experts, override
from reference.model_runner.pool import LayerShape, Pool
from reference.model_runner.step import Step

DTYPES = {"float32": mx.float32, "bfloat16": mx.bfloat16, "float16": mx.float16}


class _Passed:
    """In place of a model's layers: what it is called with, and else what they have.

    With it mlx-lm's own `__call__` is the head alone, scales and soft caps included.
    """

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __call__(self, hidden: mx.array, *args: Any, **named: Any) -> mx.array:
        return hidden

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


@dataclass(frozen=True)
class Model:
    """A checkpoint, ready for steps over a pool.

    Attributes:
        config: of the checkpoint, as it stands in the file.
        dtype: of activations and of the pool.
        shapes: what each layer keeps of a token.
        windows: how many tokens each layer sees; None for all.
        attention_name, attention: what computes attention; see `kernels`.
    """

    config: Config
    dtype: mx.Dtype
    shapes: list[LayerShape]
    windows: list[int | None]
    attention_name: str
    attention: kernels.Attention
    layers: Any
    head: Any

    def pool(self, num_blocks: int, block_size: int) -> Pool:
        """A pool of this many blocks, all 0.

        Raises:
            ValueError: the kernels that compute attention take no blocks of this size.
        """
        kernels.check_blocks(self.attention_name, block_size)
        return Pool(self.shapes, num_blocks, block_size, self.dtype)

    def hidden(self, step: Step, pool: Pool) -> mx.array:
        """Hidden states of the step's rows, [num_tokens, hidden_size]; writes to the pool."""
        caches = paged(step, pool, self.windows, self.attention)
        found: mx.array = self.layers(mx.array(step.token_ids)[:, None], caches)
        return found[:, 0]

    def logits(self, hidden: mx.array) -> mx.array:
        """Logits [num_rows, vocab_size] of some rows of hidden states."""
        found: mx.array = self.head(hidden[:, None])
        return found[:, 0]


def load(folder: Path, dtype: str | None = None, attention: str | None = None) -> Model:
    """A checkpoint of safetensors, in the dtype that it was saved in or another.

    Args:
        attention: a name of `kernels.NAMES`; by default what is best here.

    Raises:
        CheckpointError: it cannot be run, and why.
        ValueError: there is no such attention here.
    """
    kernels.check(attention)
    config = checkpoint.read(folder)
    try:
        told = checkpoint.for_mlx_lm(config)
        model, _ = load_model(folder, model_config=told, get_model_classes=_classes)
    except Exception as error:  # mlx-lm raises what it likes.
        said = " ".join(str(error).split())[:300]
        raise CheckpointError(
            f"mlx-lm does not load {folder.name}: {type(error).__name__}: {said}"
        ) from error
    if dtype is not None:
        model.set_dtype(DTYPES[dtype])
    float32_experts(model)
    mx.eval(model.parameters())
    if not isinstance(getattr(model, "model", None), Module):
        raise CheckpointError(f"{config['model_type']}: its layers and its head are not apart.")
    lead_to_pool(model)
    override(model)
    exact_yarn(model, config)
    head = copy.copy(model)
    head.model = _Passed(model.model)
    shapes = _shapes(model)
    return Model(
        config,
        _compute_dtype(model),
        shapes,
        checkpoint.windows(config),
        *kernels.choose(attention, shapes),
        model.model,
        head,
    )


def _classes(config: Config) -> tuple[type[Module], type[Any]]:
    """mlx-lm's class of a model and of its arguments; the model reads what mlx-lm's does not."""
    kind, arguments = _get_classes(config)
    read = NOT_READ.get(config["model_type"])
    if read is None or "quantization" in config or "quantization_config" in config:
        return kind, arguments
    sanitize = kind.sanitize
    return type(
        kind.__name__,
        (kind,),
        {
            "sanitize": lambda self, weights: sanitize(self, read(weights)),
            "__module__": kind.__module__,
        },
    ), arguments


def _shapes(model: Any) -> list[LayerShape]:
    """What each layer gives its cache for one token."""
    caches = [ShapeOnly() for _ in model.layers]
    mx.eval(model(mx.array([[0]]), caches))
    found = [cache.shape for cache in caches]
    if None in found:
        raise CheckpointError(f"Layer {found.index(None)} keeps no keys and values.")
    return [shape for shape in found if shape is not None]


def _compute_dtype(model: Module) -> mx.Dtype:
    """The dtype of norms, which stays when weights are quantised."""
    weight: mx.array = model.model.norm.weight
    return weight.dtype
