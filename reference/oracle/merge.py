"""Parts of a context into the whole (split-KV, "flash decoding").

Attention over a set of keys is known by its output o and the logarithm of its sum of exponentials
L. Of disjoint sets a they give the attention over their union:

    L = log Σ_a exp(L_a)          o = Σ_a exp(L_a - L) o_a

Sources: Milakov and Gimelshein 2018 (online softmax), section 3; Dao et al. 2023, "Flash-Decoding
for long-context inference"; vLLM's `merge_attn_states`.
"""

from __future__ import annotations

import numpy as np

from reference.oracle.attention import Array, Float64, logsumexp, wide


def merge(outputs: Array, lses: Array) -> tuple[Float64, Float64]:
    """The attention over all parts.

    Args:
        outputs: [num_parts, num_tokens, num_heads, head_size]; that of an empty part is not read.
        lses: [num_parts, num_tokens, num_heads]; -inf for an empty part. A sink is to be counted
            in one part only.

    Returns:
        Output [num_tokens, num_heads, head_size] and its lse [num_tokens, num_heads]. Where every
        part is empty they are 0 and -inf.
    """
    parts = wide(lses)
    empty = np.isneginf(parts)
    whole = np.full(parts.shape[1:], -np.inf)
    any_key = ~empty.all(axis=0)
    whole[any_key] = logsumexp(np.moveaxis(parts[:, any_key], 0, -1))
    shares = np.where(empty, 0.0, np.exp(parts - np.where(any_key, whole, 0.0)))
    values = np.where(empty[..., None], 0.0, wide(outputs))
    return (shares[..., None] * values).sum(axis=0), whole
