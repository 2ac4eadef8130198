"""One pool in memory for MLX and PyTorch."""

from __future__ import annotations

import pytest
import torch

mx = pytest.importorskip("mlx.core", reason="views are of MLX's arrays; MLX is not installed")

from reference.mlx_ops import cache  # noqa: E402
from reference.mlx_ops.views import address, torch_view  # noqa: E402

DTYPES = ("float16", "bfloat16", "float32")
SHAPE = (4, 8, 2, 16)
every_dtype = pytest.mark.parametrize("dtype", DTYPES)


def pool(dtype):
    made = mx.zeros(SHAPE, dtype=getattr(mx, dtype))
    mx.eval(made)
    return made


def write(key_cache, value_cache, number, slot):
    token = mx.full((1, *SHAPE[2:]), number, dtype=key_cache.dtype)
    cache.reshape_and_cache(token, token, key_cache, value_cache, mx.array([slot]))
    mx.eval(key_cache, value_cache)


@pytest.mark.parametrize("dtype", [*DTYPES, "uint8", "int8"])
def test_a_view_is_at_the_pools_own_address(dtype):
    keys = pool(dtype)
    with torch_view(keys) as tensor:
        assert tensor.data_ptr() == address(keys)
        assert tensor.shape == SHAPE and tensor.dtype == getattr(torch, dtype)


@every_dtype
def test_what_torch_writes_is_what_mlx_reads(dtype):
    keys = pool(dtype)
    with torch_view(keys) as tensor:
        tensor[3, 7, 1, 15] = -2.5
        assert keys[3, 7, 1, 15].item() == -2.5
    assert keys[3, 7, 1, 15].item() == -2.5
    assert keys.astype(mx.float32).sum().item() == -2.5


@every_dtype
def test_what_mlx_writes_between_views_is_in_the_same_memory_and_what_torch_reads(dtype):
    keys, values = pool(dtype), pool(dtype)
    places = address(keys), address(values)
    for step, slot in enumerate((9, 30, 0), start=1):
        write(keys, values, step, slot)
        assert (address(keys), address(values)) == places
        with torch_view(keys) as tensor:
            assert (tensor[slot // 8, slot % 8] == step).all()
            assert tensor.sum() == sum(range(step + 1)) * 32
        del tensor


@every_dtype
def test_mlx_writing_under_a_view_is_told(dtype):
    keys, values = pool(dtype), pool(dtype)
    with (
        pytest.raises(RuntimeError, match="End the view before MLX writes"),
        torch_view(keys) as tensor,
    ):
        write(keys, values, 1.0, 5)
        assert (tensor == 0).all()  # it is of the old memory


@pytest.mark.parametrize(("kind", "dtype"), [("fp8", "uint8"), ("int8", "int8")])
def test_what_mlx_quantises_is_what_torch_reads(kind, dtype):
    keys, values = pool(dtype), pool(dtype)
    place = address(keys)
    token = mx.full((1, *SHAPE[2:]), -2.5)
    named = {"kv_cache_dtype": kind, "k_scale": 0.5, "v_scale": 0.25}
    cache.reshape_and_cache(token, token, keys, values, mx.array([9]), **named)
    mx.eval(keys, values)
    assert address(keys) == place
    with torch_view(keys) as tensor:
        stored = tensor[1, 1].view(torch.float8_e4m3fn) if kind == "fp8" else tensor[1, 1]
        assert (stored.float() == -5).all()


def test_a_pool_that_is_not_computed_yet_is_computed():
    with torch_view(mx.ones(SHAPE, dtype=mx.float32) * 3) as tensor:
        assert (tensor == 3).all()
