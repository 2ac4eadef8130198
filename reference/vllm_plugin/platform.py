"""What vLLM asks about the machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psutil
import torch
from vllm.logger import init_logger
from vllm.platforms.interface import Platform, PlatformEnum

from reference.vllm_plugin.options import GIVES_UP, WORKER, refuse

if TYPE_CHECKING:
    from vllm.config import VllmConfig

logger = init_logger(__name__)

BLOCK_SIZE = 16

ATTENTION = "attention"
"""What of vLLM's `additional_config` is this platform's: see `reference.model_runner.kernels`."""


class MlxPlatform(Platform):  # type: ignore[misc]
    """MLX, whose arrays are in memory that PyTorch's CPU tensors see too."""

    _enum = PlatformEnum.OOT
    device_name = "cpu"
    device_type = "cpu"
    dispatch_key = "CPU"
    dist_backend = "gloo"
    simple_compile_backend = "eager"
    supported_quantization: list[str] = []  # noqa: RUF012 - as in the class above

    @property
    def supported_dtypes(self) -> list[torch.dtype]:
        return [torch.bfloat16, torch.float16, torch.float32]

    @classmethod
    def get_device_name(cls, device_id: int = 0) -> str:
        return "mlx"

    @classmethod
    def get_device_total_memory(cls, device_id: int = 0) -> int:
        return int(psutil.virtual_memory().total)

    @classmethod
    def inference_mode(cls) -> Any:
        return torch.no_grad()

    @classmethod
    def set_device(cls, device: torch.device) -> None: ...

    @classmethod
    def manual_seed_all(cls, seed: int) -> None: ...

    @classmethod
    def is_pin_memory_available(cls) -> bool:
        return False

    @classmethod
    def update_block_size_for_backend(cls, vllm_config: VllmConfig) -> None: ...

    @classmethod
    def check_and_update_config(cls, vllm_config: VllmConfig) -> None:
        """Switches off what is not here, and refuses what was asked for and is not here.

        Raises:
            ValueError: an option is none that this platform has.
        """
        from vllm.config import CompilationMode, CUDAGraphMode

        try:
            refuse(vllm_config)
            attention_of(vllm_config)
        except ValueError as error:
            logger.error("%s%s", GIVES_UP, error)
            raise
        vllm_config.compilation_config.mode = CompilationMode.NONE
        vllm_config.compilation_config.cudagraph_mode = CUDAGraphMode.NONE
        vllm_config.compilation_config.cudagraph_capture_sizes = []
        if vllm_config.scheduler_config.async_scheduling:
            logger.info("Async scheduling is off: a step is computed before the next is scheduled.")
        vllm_config.scheduler_config.async_scheduling = False
        parallel = vllm_config.parallel_config
        parallel.worker_cls = WORKER
        parallel.disable_custom_all_reduce = True
        cache = vllm_config.cache_config
        if not cache.user_specified_block_size:
            cache.block_size = BLOCK_SIZE

    @classmethod
    def support_hybrid_kv_cache(cls) -> bool:
        return False


def attention_of(vllm_config: VllmConfig) -> str | None:
    """The attention that `--additional-config` names; None for what is best here.

    Raises:
        ValueError: there is no such attention here, or more is named than that.
    """
    from reference.model_runner import kernels

    options = vllm_config.additional_config
    if more := sorted(options.keys() - {ATTENTION}):
        raise ValueError(f"The reference backend knows no --additional-config {more[0]}.")
    asked: str | None = options.get(ATTENTION)
    kernels.check(asked)
    return asked
