"""vLLM's worker without a GPU: the device is the CPU's memory."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import NoReturn

import mlx.core as mx
import psutil
import torch
from vllm.engine.arg_utils import EngineArgs
from vllm.logger import init_logger
from vllm.utils.torch_utils import set_random_seed
from vllm.v1.worker.gpu_worker import Worker, init_worker_distributed_environment
from vllm.v1.worker.worker_base import CompilationTimes

from reference.vllm_plugin.engine_runner import EngineRunner

logger = init_logger(__name__)

GIB = 1024**3


class MlxWorker(Worker):  # type: ignore[misc]
    """Loads the model, sizes the pool, and runs steps."""

    model_runner: EngineRunner

    def init_device(self) -> None:
        self.device = torch.device("cpu")
        init_worker_distributed_environment(
            self.vllm_config, self.rank, self.distributed_init_method, self.local_rank, "gloo"
        )
        set_random_seed(self.model_config.seed)
        self.model_runner = EngineRunner(self.vllm_config, self.device)

    def load_model(self, *, load_dummy_weights: bool = False) -> None:
        self.model_runner.load_model(load_dummy_weights)

    def determine_available_memory(self) -> int:
        """Bytes for the pool: what was asked for, or what all requests could use at most.

        vLLM's default share is for a GPU that it has for itself. This memory is the machine's, so
        by default the pool is a quarter of what is free at most, or one request's if that is more.

        Raises:
            ValueError: there is not so much memory.
        """
        cache, available = self.cache_config, available_memory()
        block_bytes = cache.block_size * self.model_runner.bytes_per_token()
        asked = cache.kv_cache_memory_bytes
        if cache.num_gpu_blocks_override:
            asked = cache.num_gpu_blocks_override * block_bytes
        if asked:
            if asked > available:
                raise ValueError(
                    f"A KV cache of {asked / GIB:.2f} GiB was asked for, and "
                    f"{available / GIB:.2f} GiB of memory are free."
                )
            return int(asked)
        # One block more, since vLLM keeps the first for padding.
        blocks = -(-self.model_config.max_model_len // cache.block_size)
        one = (blocks + 1) * block_bytes
        most: int = (blocks * self.scheduler_config.max_num_seqs + 1) * block_bytes
        usable: int = int(available * cache.gpu_memory_utilization)
        if cache.gpu_memory_utilization == EngineArgs.gpu_memory_utilization:
            usable = min(usable, max(one, available // 4))
        logger.info("KV cache: %.2f GiB of %.2f GiB", min(most, usable) / GIB, available / GIB)
        return min(most, usable)

    def _maybe_get_memory_pool_context(self, tag: str) -> AbstractContextManager[None]:
        return nullcontext()

    def compile_or_warm_up_model(self) -> CompilationTimes:
        set_random_seed(self.model_config.seed)
        return CompilationTimes(language_model=0.0, encoder=0.0)

    def get_supported_tasks(self) -> tuple[str, ...]:
        return ("generate",)

    def _none(self, *args: object, **named: object) -> NoReturn:
        """In place of what other workers do with weights: the caller is told, and serving goes on.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError(
            "The reference backend has one set of weights, which stay as they were loaded: "
            "it cannot sleep, reload, replace or save them."
        )

    sleep = wake_up = reload_weights = update_weights = start_weight_update = _none
    save_sharded_state = save_tensorized_model = update_config = _none


def available_memory() -> int:
    """Bytes that are free, of those that MLX may use."""
    available = int(psutil.virtual_memory().available)
    if mx.metal.is_available():
        limit = int(mx.device_info()["max_recommended_working_set_size"])
        available = min(available, limit - mx.get_active_memory())
    return available
