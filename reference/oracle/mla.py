"""Multi-head latent attention: DeepSeek-V2 (2024), section 2.1 and appendix C.

The cache holds one row per token, [c ; k_R]: the latent c [latent_size], and a key k_R [rope_size]
that carries the position and is the same for every head. With head h's up-projections U_h (keys)
and W_h (values):

    k_hj = [U_h c_j ; k_R,j]          v_hj = W_h c_j          o_h = Σ_j p_hj v_hj

Since q·(U c) = (Uᵀ q)·c and Σ p (W c) = W (Σ p c), decoding never makes keys or values: with the
query [Uᵀ q ; q_R] it is attention of many heads over one K/V head, whose key is the whole row and
whose value is its latent. `mla_attention` is that form, and `expand` is the paper's.
"""

from __future__ import annotations

import numpy as np

from reference.oracle import arguments
from reference.oracle.attention import Array, Features, Float64, attend, wide
from reference.oracle.paged import each_query


def mla_attention(
    query: Array,
    latent_cache: Array,
    *,
    latent_size: int,
    block_table: Array,
    seq_lens: Array,
    query_start_loc: Array,
    scale: float,
) -> Float64:
    """Attention over latents.

    Args:
        query: [num_tokens, num_heads, latent_size + rope_size], [Uᵀ q ; q_R].
        latent_cache: [num_blocks, block_size, latent_size + rope_size].
        block_table, seq_lens, query_start_loc: as for `paged_attention`.
        scale: of the paper's form, 1 / sqrt(nope_size + rope_size) unless the model has another.

    Returns:
        Σ_j p_hj c_j, [num_tokens, num_heads, latent_size]; W_h makes o of it.

    Raises:
        ArgumentError: see `arguments`.
    """
    arguments.check_mla_attention(
        query,
        latent_cache,
        latent_size=latent_size,
        block_table=block_table,
        seq_lens=seq_lens,
        query_start_loc=query_start_loc,
        scale=scale,
    )
    keys = latent_cache[:, :, None, :]
    values = keys[..., :latent_size]
    output = np.empty((*query.shape[:2], latent_size), np.float64)
    for seen in each_query(keys, values, block_table, seq_lens, query_start_loc, None):
        output[seen.token] = attend(
            query[seen.token], seen.keys, seen.values, seen.distances, Features(scale)
        ).output
    return output


def absorb(query: Array, rope_query: Array, key_up: Array) -> Float64:
    """[Uᵀ q ; q_R] of each head, [num_tokens, num_heads, latent_size + rope_size].

    Args:
        query: [num_tokens, num_heads, nope_size].
        rope_query: [num_tokens, num_heads, rope_size].
        key_up: U, [num_heads, nope_size, latent_size].
    """
    latent = np.einsum("thd,hdl->thl", wide(query), wide(key_up))
    return np.concatenate([latent, wide(rope_query)], axis=-1)


def expand(rows: Array, key_up: Array, value_up: Array) -> tuple[Float64, Float64]:
    """Keys and values of every head, as the paper writes them.

    Args:
        rows: [n, latent_size + rope_size], tokens of the cache.
        key_up: U, [num_heads, nope_size, latent_size].
        value_up: W, [num_heads, value_size, latent_size].

    Returns:
        [n, num_heads, nope_size + rope_size] and [n, num_heads, value_size].
    """
    latent, rope = np.split(wide(rows), [key_up.shape[-1]], axis=-1)
    keys = np.einsum("jl,hdl->jhd", latent, wide(key_up))
    shared = np.broadcast_to(rope[:, None], (*keys.shape[:2], rope.shape[-1]))
    values = np.einsum("jl,hdl->jhd", latent, wide(value_up))
    return np.concatenate([keys, shared], axis=-1), values
