"""The plainest kernel that is right: one key after the other, in float32, with an online softmax.

Milakov and Gimelshein 2018, algorithm 3. Every sum is added term by term, which of the usual orders
is the least exact: a witness that the bounds admit such a kernel, and are not far above it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fixtures.kernels.cases import Call
from reference.oracle.paged import each_query

FLOAT32 = np.float32


def plain(call: Call, *, weights_dtype: Any = FLOAT32) -> NDArray[Any]:
    """The output of a call; `weights_dtype` is what weights are rounded to before values."""
    named = dict(call.named)
    scale, cap = FLOAT32(named.pop("scale")), named.pop("logits_soft_cap", None)
    sinks, slopes = named.pop("sinks", None), named.pop("alibi_slopes", None)
    output = np.empty_like(call.query)
    num_heads = call.query.shape[1]
    for seen in each_query(
        call.key_cache, call.value_cache, sliding_window=named.pop("sliding_window", None), **named
    ):
        q = call.query[seen.token].astype(FLOAT32)
        groups = num_heads // seen.keys.shape[1]
        keys, values = (
            np.repeat(kv.astype(FLOAT32), groups, axis=1) for kv in (seen.keys, seen.values)
        )
        s = scale * np.add.accumulate(q * keys, axis=-1)[..., -1]  # [num_keys, num_heads]
        if cap is not None:
            s = FLOAT32(cap) * np.tanh(s / FLOAT32(cap))
        if slopes is not None:
            s = s - slopes * seen.distances[:, None].astype(FLOAT32)
        peak = np.full(num_heads, -np.inf, FLOAT32) if sinks is None else sinks
        total = np.zeros(num_heads, FLOAT32) if sinks is None else np.ones(num_heads, FLOAT32)
        sums = np.zeros_like(q)
        for logit, value in zip(s, values, strict=True):
            higher = np.maximum(peak, logit)
            shrink, weight = np.exp(peak - higher), np.exp(logit - higher)
            total = total * shrink + weight
            rounded = weight.astype(weights_dtype).astype(FLOAT32)
            sums = sums * shrink[:, None] + rounded[:, None] * value
            peak = higher
        assert sums.dtype == total.dtype == FLOAT32
        output[seen.token] = sums / total[:, None]
    return output
