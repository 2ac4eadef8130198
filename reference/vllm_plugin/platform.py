"""What vLLM asks about the machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psutil
import torch
from vllm.platforms.interface import Platform, PlatformEnum

if TYPE_CHECKING:
    from vllm.config import VllmConfig

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

        refuse(vllm_config)
        vllm_config.compilation_config.mode = CompilationMode.NONE
        vllm_config.compilation_config.cudagraph_mode = CUDAGraphMode.NONE
        vllm_config.compilation_config.cudagraph_capture_sizes = []
        vllm_config.scheduler_config.async_scheduling = False
        parallel = vllm_config.parallel_config
        parallel.worker_cls = "reference.vllm_plugin.worker.MlxWorker"
        parallel.disable_custom_all_reduce = True
        cache = vllm_config.cache_config
        if not cache.user_specified_block_size:
            cache.block_size = BLOCK_SIZE

    @classmethod
    def support_hybrid_kv_cache(cls) -> bool:
        return False


def refuse(vllm_config: VllmConfig) -> None:
    """Raises ValueError with the name of the first option that the reference does not have."""
    parallel = vllm_config.parallel_config
    options = vllm_config.additional_config
    if ATTENTION in options:
        from reference.model_runner import kernels

        kernels.check(options[ATTENTION])
    unsupported = {
        "speculative decoding": vllm_config.speculative_config is not None,
        "LoRA": vllm_config.lora_config is not None,
        "KV transfer": vllm_config.kv_transfer_config is not None,
        f"an additional_config of more than {ATTENTION}": bool(options.keys() - {ATTENTION}),
        "several devices": parallel.world_size > 1,
        "a KV cache dtype of its own": vllm_config.cache_config.cache_dtype != "auto",
        "pooling": vllm_config.model_config is not None
        and vllm_config.model_config.runner_type == "pooling",
        "multimodal input": vllm_config.model_config is not None
        and vllm_config.model_config.multimodal_config is not None,
    }
    for what, asked in unsupported.items():
        if asked:
            raise ValueError(f"The reference backend does not support {what}.")
