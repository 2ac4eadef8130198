"""vLLM's worker without a GPU: the device is the CPU's memory."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import wraps
from typing import NoReturn, ParamSpec, TypeVar

import mlx.core as mx
import psutil
import torch
from vllm.engine.arg_utils import EngineArgs
from vllm.logger import init_logger
from vllm.utils.torch_utils import set_random_seed
from vllm.v1.core.sched.output import SchedulerOutput
from vllm.v1.kv_cache_interface import KVCacheConfig
from vllm.v1.outputs import ModelRunnerOutput
from vllm.v1.worker.gpu_worker import Worker, init_worker_distributed_environment
from vllm.v1.worker.worker_base import CompilationTimes

from reference.model_runner.checkpoint import CheckpointError
from reference.vllm_plugin.engine_runner import EngineRunner
from reference.vllm_plugin.options import GIVES_UP

logger = init_logger(__name__)

GIB = 1024**3

P = ParamSpec("P")
R = TypeVar("R")


def says_why(method: Callable[P, R]) -> Callable[P, R]:
    """Writes one line of why the engine ends before it does; vLLM's own account is pages long."""

    @wraps(method)
    def call(*args: P.args, **named: P.kwargs) -> R:
        try:
            return method(*args, **named)
        except Exception as error:
            said = " ".join(str(error).split())
            known = isinstance(error, CheckpointError | MemoryError)
            logger.error("%s%s", GIVES_UP, said if known else f"{type(error).__name__}: {said}")
            raise

    return call


class MlxWorker(Worker):  # type: ignore[misc]
    """Loads the model, sizes the pool, and runs steps."""

    model_runner: EngineRunner

    @says_why
    def init_device(self) -> None:
        self.device = torch.device("cpu")
        init_worker_distributed_environment(
            self.vllm_config, self.rank, self.distributed_init_method, self.local_rank, "gloo"
        )
        set_random_seed(self.model_config.seed)
        self.model_runner = EngineRunner(self.vllm_config, self.device)

    @says_why
    def load_model(self, *, load_dummy_weights: bool = False) -> None:
        self.model_runner.load_model(load_dummy_weights)

    @says_why
    def determine_available_memory(self) -> int:
        """Bytes for the pool: what was asked for, or what all requests could use at most.

        vLLM's default share is for a GPU that it has for itself. This memory is the machine's, so
        by default the pool is a quarter of what is free at most, or one request's if that is more.

        Raises:
            MemoryError: there is not so much memory, or it is too little for one request.
        """
        cache, free = self.cache_config, available_memory()
        block_bytes = cache.block_size * self.model_runner.bytes_per_token()
        blocks = -(-self.model_config.max_model_len // cache.block_size)
        # One block more, since vLLM keeps the first for padding.
        one = (blocks + 1) * block_bytes
        most: int = (blocks * self.scheduler_config.max_num_seqs + 1) * block_bytes
        asked = cache.kv_cache_memory_bytes
        if cache.num_gpu_blocks_override:
            asked = cache.num_gpu_blocks_override * block_bytes
        usable: int = asked or int(free * cache.gpu_memory_utilization)
        if not asked and cache.gpu_memory_utilization == EngineArgs.gpu_memory_utilization:
            usable = min(usable, max(one, free // 4))
        if usable > free or usable < one:
            raise MemoryError(
                f"A KV cache of {usable / GIB:.3f} GiB cannot serve: {free / GIB:.3f} GiB of "
                f"memory are free, and one request of {self.model_config.max_model_len} tokens "
                f"(--max-model-len) needs {one / GIB:.3f} GiB."
            )
        pool = asked or min(most, usable)
        logger.info("KV cache: %.3f GiB of %.3f GiB that are free", pool / GIB, free / GIB)
        return pool

    @says_why
    def initialize_from_config(self, kv_cache_config: KVCacheConfig) -> None:
        super().initialize_from_config(kv_cache_config)

    @says_why
    def execute_model(self, scheduler_output: SchedulerOutput) -> ModelRunnerOutput | None:
        found: ModelRunnerOutput | None = super().execute_model(scheduler_output)
        return found

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
