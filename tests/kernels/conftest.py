"""The libraries that run here: PyTorch's always, MLX's where MLX is installed (`mlx[cpu]` does)."""

from __future__ import annotations

import pytest

from conformance.targets.kernels import ADAPTERS, Checked, load

ELSEWHERE = {"vllm-cpu", "vllm-metal"}
"""Those that need an interpreter of their own: test_kernel_vllm; vllm-metal needs a Mac, too."""


@pytest.fixture(scope="session", params=sorted(set(ADAPTERS) - ELSEWHERE))
def library(request: pytest.FixtureRequest) -> Checked:
    if request.param.endswith("-mlx"):
        pytest.importorskip("mlx.core", reason="reference-mlx needs MLX, which is not installed")
    return load(request.param)
