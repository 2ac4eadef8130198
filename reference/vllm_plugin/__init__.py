"""The MLX model runner inside vLLM's engine.

vLLM's scheduler, KV cache manager, sampler and OpenAI server stay as they are. vLLM finds this by
the entry point in `entry_point/`, which the recipe puts on the path of its own server: beside any
other vLLM this platform would take over.

| module | what it holds |
|---|---|
| `platform` | what vLLM asks about the machine, and which of its features are off |
| `worker` | a device that is the CPU's memory, and how much of it the pool gets |
| `engine_runner` | vLLM's model runner with loading, K/V allocation and forward replaced |
| `attention` | layers as vLLM's KV cache manager sees them |
"""

from __future__ import annotations

import os

import reference.model_runner  # noqa: F401 - a fast BLAS comes before MLX does


def register() -> str:
    """What vLLM calls to learn the platform's class."""
    os.environ["VLLM_USE_V2_MODEL_RUNNER"] = "0"
    os.environ.setdefault("VLLM_WORKER_MULTIPROC_METHOD", "spawn")  # MLX does not survive a fork
    return "reference.vllm_plugin.platform.MlxPlatform"
