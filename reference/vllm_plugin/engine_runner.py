"""vLLM's model runner, with three things replaced: loading, K/V allocation and the forward pass.

Input batch, sampling, penalties, structured output and logprobs are vLLM's.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
import torch
from vllm.config import VllmConfig
from vllm.forward_context import get_forward_context
from vllm.logger import init_logger
from vllm.v1.attention.backend import CommonAttentionMetadata
from vllm.v1.kv_cache_interface import KVCacheConfig
from vllm.v1.worker.block_table import BlockTable
from vllm.v1.worker.cpu_model_runner import CPUModelRunner

from reference.model_runner.loading import Model, load
from reference.model_runner.pool import Pool
from reference.model_runner.step import Step
from reference.vllm_plugin.attention import PoolLayer
from reference.vllm_plugin.platform import attention_of

logger = init_logger(__name__)

LAYER = "layers.{}.attention"


class MlxModule(torch.nn.Module):
    """The model as vLLM calls it: tensors in and out, memory shared where it can be."""

    def __init__(self, model: Model, block_size: int) -> None:
        super().__init__()
        self.mlx, self.block_size = model, block_size
        self.pool: Pool | None = None

    def forward(
        self,
        input_ids: torch.Tensor,
        positions: torch.Tensor,
        intermediate_tensors: object = None,
        inputs_embeds: object = None,
        **named: object,
    ) -> torch.Tensor:
        """Hidden states [num_tokens, hidden_size]; keys and values go to the pool."""
        assert self.pool is not None
        metadata = get_forward_context().attn_metadata[LAYER.format(0)]
        step = step_of(metadata, input_ids, positions, self.block_size)
        hidden = self.mlx.hidden(step, self.pool)
        mx.eval(hidden, self.pool.keys, self.pool.values)
        return to_torch(hidden)

    def compute_logits(self, hidden_states: torch.Tensor) -> torch.Tensor:
        """Logits [num_rows, vocab_size] in float32."""
        logits = self.mlx.logits(to_mlx(hidden_states)).astype(mx.float32)
        mx.eval(logits)
        return to_torch(logits)


class EngineRunner(CPUModelRunner):  # type: ignore[misc]
    """vLLM's runner over an MLX model."""

    model: MlxModule

    def __init__(self, vllm_config: VllmConfig, device: torch.device) -> None:
        BlockTable.compute_slot_mapping = compute_slot_mapping  # vLLM's own is a Triton kernel
        super().__init__(vllm_config, device)
        torch.set_num_threads(1)  # PyTorch has little to do here, and would wait for MLX's cores
        # Called when the engine ends; PyTorch has no accelerator here to ask.
        torch.accelerator.empty_host_cache = lambda: None
        self.sampler.greedy_sample = greedy_sample

    def load_model(self, load_dummy_weights: bool = False) -> None:
        config = self.model_config
        dtype = str(config.dtype).removeprefix("torch.")
        attention = attention_of(self.vllm_config)
        found = load(Path(config.model), dtype, attention)
        logger.info("Attention: %s", found.attention_name)
        self.model = MlxModule(found, self.cache_config.block_size)
        context = self.compilation_config.static_forward_context
        for index, shape in enumerate(found.shapes):
            context[LAYER.format(index)] = PoolLayer(shape, config.dtype)

    def bytes_per_token(self) -> int:
        model = self.model.mlx
        return sum(shape.bytes_per_token(model.dtype) for shape in model.shapes)

    def initialize_kv_cache_tensors(
        self, kv_cache_config: KVCacheConfig, *args: Any, **named: Any
    ) -> dict[str, torch.Tensor]:
        """Makes the pool. vLLM is given no tensors of it, since it reads and writes none."""
        self.model.pool = self.model.mlx.pool(kv_cache_config.num_blocks, self.model.block_size)
        return {}

    def _zero_block_ids(self, block_ids: list[int]) -> None:
        """What a block held before is never read: lengths say what is there."""


def step_of(
    metadata: CommonAttentionMetadata,
    input_ids: torch.Tensor,
    positions: torch.Tensor,
    block_size: int,
) -> Step:
    """The step that vLLM scheduled, without padding."""
    rows, sequences = metadata.num_actual_tokens, metadata.num_reqs
    return Step(
        token_ids=input_ids[:rows].numpy().astype(np.int32),
        positions=positions[:rows].numpy().astype(np.int32),
        slots=metadata.slot_mapping[:rows].numpy().astype(np.int64),
        block_table=metadata.block_table_tensor[:sequences].numpy(),
        seq_lens=metadata.seq_lens[:sequences].numpy().astype(np.int32),
        query_start_loc=metadata.query_start_loc_cpu[: sequences + 1].numpy().astype(np.int32),
        block_size=block_size,
    )


def compute_slot_mapping(
    table: BlockTable, num_reqs: int, query_start_loc: torch.Tensor, positions: torch.Tensor
) -> None:
    """`BlockTable.compute_slot_mapping` in NumPy: block · block_size + offset of every token."""
    starts = query_start_loc[: num_reqs + 1].numpy()
    at = positions[: starts[-1]].numpy()
    rows = np.repeat(np.arange(num_reqs), np.diff(starts))
    blocks = table.block_table.np[rows, at // table.block_size]
    table.slot_mapping.np[: len(at)] = blocks * table.block_size + at % table.block_size


def greedy_sample(logits: torch.Tensor) -> torch.Tensor:
    """`Sampler.greedy_sample`, [num_rows]: PyTorch's argmax takes ten times as long on a CPU."""
    return torch.from_numpy(logits.numpy().argmax(axis=-1))


def to_torch(array: mx.array) -> torch.Tensor:
    """A tensor over the same memory."""
    found: torch.Tensor = torch.utils.dlpack.from_dlpack(array)
    return found


def to_mlx(tensor: torch.Tensor) -> mx.array:
    """A copy as an MLX array; NumPy, which stands between, has no bfloat16."""
    if tensor.dtype == torch.bfloat16:
        return mx.array(tensor.contiguous().view(torch.uint16).numpy()).view(mx.bfloat16)
    return mx.array(tensor.contiguous().numpy())
