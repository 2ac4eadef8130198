"""Kernels that MLX installs give what MLX's CPU backend gives."""

from __future__ import annotations

import mlx_kernels
import numpy as np
import pytest

pytest.importorskip("mlx.core", reason="MLX, whose kernel headers are executed, is not installed")


@pytest.mark.skipif(mlx_kernels.include_folder() is None, reason="MLX has no headers here")
@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16", "int32"])
@pytest.mark.parametrize("case", mlx_kernels.CASES, ids=lambda case: case.kernel)
def test_a_kernel_of_mlx_agrees_with_its_cpu_backend(case, dtype: str) -> None:
    if dtype not in case.dtypes:
        pytest.skip(f"{case.kernel} is not compared in {dtype}")
    for seed in range(3):
        actual, expected, terms = case.call(np.random.default_rng(seed), dtype, None)
        found, bound = mlx_kernels.difference(actual, expected, dtype, terms)
        assert found <= bound
