"""The whole kernel profile, met by PyTorch and by MLX."""

from __future__ import annotations

import pytest

from conformance.kernels.test_copy_blocks import test_pairs
from conformance.kernels.test_paged_attention import (
    test_alone,
    test_any_shape,
    test_blocks_anywhere,
    test_chunks,
    test_features,
    test_goldens,
    test_one_key,
    test_passed_window,
    test_repeats,
    test_rounds_to_nearest,
    test_shapes,
    test_shared_prefix,
    test_stale_memory,
    test_views,
    test_writes_nothing,
)
from conformance.kernels.test_reshape_and_cache import test_slots, test_strided

pytestmark = pytest.mark.usefixtures("one_thread")

# Collected from here, they take the `library` of this folder.
__all__ = [
    "test_alone",
    "test_any_shape",
    "test_blocks_anywhere",
    "test_chunks",
    "test_features",
    "test_goldens",
    "test_one_key",
    "test_pairs",
    "test_passed_window",
    "test_repeats",
    "test_rounds_to_nearest",
    "test_shapes",
    "test_shared_prefix",
    "test_slots",
    "test_stale_memory",
    "test_strided",
    "test_views",
    "test_writes_nothing",
]
