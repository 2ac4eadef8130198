"""Layers as vLLM's KV cache manager sees them: what each keeps of a token, and nothing computed.

A step's metadata is vLLM's own, handed through to the forward pass, where the pool reads it.
"""

from __future__ import annotations

from typing import Any

import torch
from vllm.config import VllmConfig
from vllm.model_executor.layers.attention_layer_base import AttentionLayerBase
from vllm.v1.attention.backend import (
    AttentionBackend,
    AttentionMetadataBuilder,
    CommonAttentionMetadata,
)
from vllm.v1.kv_cache_interface import FullAttentionSpec, KVCacheSpec

from reference.model_runner.pool import LayerShape


class PassedOn(AttentionMetadataBuilder[CommonAttentionMetadata]):  # type: ignore[misc]
    """Builds nothing: a step's metadata is what vLLM computed for all backends."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)

    def build(
        self,
        common_prefix_len: int,
        common_attn_metadata: CommonAttentionMetadata,
        fast_build: bool = False,
    ) -> CommonAttentionMetadata:
        return common_attn_metadata


class PoolBackend(AttentionBackend):  # type: ignore[misc]
    """Attention over the pool, of any head size and any block size."""

    supported_dtypes = [torch.float16, torch.bfloat16, torch.float32]  # noqa: RUF012

    @staticmethod
    def get_name() -> str:
        return "MACCORD_MLX"

    @staticmethod
    def get_impl_cls() -> Any:
        raise NotImplementedError("Attention is computed by reference.model_runner.")

    @staticmethod
    def get_builder_cls() -> type[PassedOn]:
        return PassedOn


class PoolLayer(AttentionLayerBase):  # type: ignore[misc]
    """One layer of the pool."""

    def __init__(self, shape: LayerShape, dtype: torch.dtype) -> None:
        self._shape, self._dtype = shape, dtype

    def get_attn_backend(self) -> type[AttentionBackend]:
        return PoolBackend

    def get_kv_cache_spec(self, vllm_config: VllmConfig) -> KVCacheSpec:
        """Full attention also of layers with windows: a block lives as long as its request."""
        return FullAttentionSpec(
            block_size=vllm_config.cache_config.block_size,
            num_kv_heads=self._shape.num_kv_heads,
            head_size=self._shape.key_size,
            head_size_v=self._shape.value_size,
            dtype=self._dtype,
        )
