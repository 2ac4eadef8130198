"""The whole kernel profile, met by PyTorch and by MLX."""

from __future__ import annotations

from conformance.kernels.test_copy_blocks import (
    test_copies_in_views,
    test_copies_of_8_bits,
    test_pairs,
)
from conformance.kernels.test_mla_attention import (
    test_any_latents,
    test_latent_goldens,
    test_latent_shapes,
    test_latents,
    test_latents_alone,
    test_latents_anywhere,
    test_latents_stay,
    test_later_latents,
    test_repeated_latents,
    test_shared_latents,
    test_stale_latents,
    test_views_of_latents,
)
from conformance.kernels.test_paged_attention import (
    test_any_shape,
    test_chunks,
    test_features,
    test_goldens,
    test_huge_logits,
    test_one_key,
    test_partitions,
    test_rounds_to_nearest,
    test_shapes,
    test_subnormal,
)
from conformance.kernels.test_paged_attention_memory import (
    test_alone,
    test_blocks_anywhere,
    test_later_tokens,
    test_passed_window,
    test_repeats,
    test_shared_prefix,
    test_stale_memory,
    test_views,
    test_writes_nothing,
)
from conformance.kernels.test_pool import test_full_pool
from conformance.kernels.test_reshape_and_cache import (
    test_any_slots,
    test_quantised,
    test_slots,
    test_strided,
)

# Collected from here, they take the `library` of this folder.
__all__ = [
    "test_alone",
    "test_any_latents",
    "test_any_shape",
    "test_any_slots",
    "test_blocks_anywhere",
    "test_chunks",
    "test_copies_in_views",
    "test_copies_of_8_bits",
    "test_features",
    "test_full_pool",
    "test_goldens",
    "test_huge_logits",
    "test_latent_goldens",
    "test_latent_shapes",
    "test_latents",
    "test_latents_alone",
    "test_latents_anywhere",
    "test_latents_stay",
    "test_later_latents",
    "test_later_tokens",
    "test_one_key",
    "test_pairs",
    "test_partitions",
    "test_passed_window",
    "test_quantised",
    "test_repeated_latents",
    "test_repeats",
    "test_rounds_to_nearest",
    "test_shapes",
    "test_shared_latents",
    "test_shared_prefix",
    "test_slots",
    "test_stale_latents",
    "test_stale_memory",
    "test_strided",
    "test_subnormal",
    "test_views",
    "test_views_of_latents",
    "test_writes_nothing",
]
