"""How far a correct kernel may lie from the oracle, for each number of its output.

**What a correct kernel is.** Its inputs are exact. It works in float32, whose unit roundoff is u:
sums in any usual order, the plainest (one term after the other) being the least exact of them;
`exp` and `tanh` within 2 units in the last place. It may round the weights to the cache's dtype,
whose unit roundoff is v, before it multiplies them with values, as FlashAttention does for tensor
cores. It rounds its output to that dtype once. It does not round logits or a scaled query to it.

**Model.** Roundings are independent and uniform over half a unit in the last place (Henrici 1962;
Higham and Mary 2019, "A new approach to probabilistic rounding error analysis", section 2). A
rounding of x then has a variance of at most u²x²/3, and a sum of them, weighted, stays below

    λ · (square root of the summed variances)    but for a probability of 2 exp(-λ²/2),

uniform errors being sub-Gaussian with their own variance (Hoeffding's argument, as there). λ is
chosen so that a correct kernel is blamed in one run of a thousand, where a run compares ten million
numbers. Worst-case bounds (Higham 2002, chapter 3: n·u for a sum) are no alternative: for 8,192
tokens they are a thousand times these in float32, and in bfloat16 they let an output through that
is off by a quarter of itself.

**Sums.** Terms a_1 … a_n are added one after the other; each partial sum S_k is rounded. In a
random order E S_k² = (k(k-1) S² + k(n-k) A) / (n(n-1)) with S = Σ a_i and A = Σ a_i², and so

    Σ_k E S_k² = (n + 1) (2 S² + A) / 6.                                                    (1)

Of the sums over keys, n counts those whose weight is at least u times the largest. The others are
lost in the sum or kept, and are bounded as they are, by Σ p_j (|v_j| + |o|) over them.

**Logits.** t = q·k is a sum (1) of `head_size` products, each rounded. Then x = scale · t is
rounded, x/c, tanh and c·tanh, the slope's product and its difference, and the exponent s - m, m
the largest logit (or the sink). The variance of a logit's error is, in units of u²/3,

    (head_size + 1) (2 x² + scale² Σ(q_i k_i)²) / 6 + scale² Σ(q_i k_i)² + x²
        with a cap that + x², all of it times d², + 16 y² + y²    with y = c · tanh(x/c),
        + b² + s²            with a slope, b = slope · distance,
        + (s - m)² + 16      of the exponent, and of exp.

d = 1 - tanh²(x/c) is a cap's derivative. Scale, cap and log2(e) are constants that are rounded
too, and err in every logit alike. That part is not random and is bounded as it is, by

    2u |Σ p_j x_j' (v_j - o)| + u |Σ p_j s_j (v_j - o)| + u |Σ p_j (s_j - m) (v_j - o)|

with x' = d x and the second term where there is a cap.

**Output.** With the sink a key whose value is 0, ∂o/∂s_j = p_j (v_j - o). To first order (compare
Blanchard, Higham and Higham 2021, "Accurately computing the log-sum-exp and softmax functions") the
variance is the sum of

- Σ_j p_j² var(s_j) (v_j - o)², of the logits, and the same of the sink;
- v²/3 max(Σ_j p_j² v_j², Σ_j p_j² (v_j - o)²), of weights that were rounded, by a normaliser of
  weights before or after rounding; each is off by η where it underflows. Where few weights count,
  no more than all of them rounded to one side is granted, v max(Σ_j p_j |v_j|, Σ_j p_j |v_j - o|);
  and nothing where one key alone counts, since a weight of 1 is not rounded;
- u²/3 ((n + 1) (2 o² + A) / 6 + A) with A = Σ p_j² v_j², of Σ p v, a sum (1) of products;
- u²/3 o² (n + 1) (2 + Σ p_j²) / 6, of Σ p, a sum (1);
- u²/3 o² (4 H_n + 2), of rescaling both sums at each new maximum, of which a random order has
  H_n = 1 + 1/2 + … + 1/n, and of the quotient.

The last rounding, to the query's dtype, is to nearest and therefore monotone: with r for the rest,
the output lies between the roundings of o - r and of o + r, and no further from o than these two.
Where one value has all of the weight both are that value, and the output is it bit for bit. What is
compared with is known to float64, whose error is that of float32 times the quotient of the two unit
roundoffs, at most 2^-29 r, which is granted too.

**Quantised caches.** What a number of the cache is worth, stored · scale, may be rounded to the
query's dtype, as vLLM's kernels for CUDA do (`fp8::scaled_convert`); or each sum over such numbers
to float32, where the scale is taken out of it. A logit's variance has (v²/u²) scale² Σ(q_i k_i)² +
x² more, in the same units, and that of the output v²/3 Σ p_j² v_j² + u²/3 o². The scales are
constants that are rounded too: two more of x', and u |o|.

**Subnormal numbers.** GPUs flush those of float32, and so those of bfloat16, to 0 or keep them:
Metal does the one by default. With ω = 2^-126, the smallest normal number, every input below it
may count as 0 and every product and sum may lose ω, though never more than all that there is. That
is bounded as it is, by

    min(Σ p_j f_j + n ω, Σ p_j |v_j|) + Σ p_j δ_j |v_j - o|,
    δ_j = |scale| (Σ_i (|q_i|' |k_ji| + |q_i| |k_ji|') + head_size ω) + ω

where f_j and ' are the magnitude of a number that is subnormal, and 0 of any other. An output that
can be subnormal in float32 may be 0. The subnormal numbers of float16 are normal in float32, and
none of them may be lost; η of weights is half the smallest.

**Where it does not hold.** Sums of many equal terms err to one side, so inputs are random where the
context is long; results near overflow.
Where one key has all of the weight most kernels are exact in float32 too, and the bound is wider.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import ml_dtypes  # noqa: F401  NumPy knows bfloat16 by it
import numpy as np

from reference.oracle import quantised
from reference.oracle.attention import (
    Array,
    Attended,
    Features,
    Float64,
    attend,
    logits,
    of_heads,
    wide,
)
from reference.oracle.paged import Seen, each_query

ROUNDOFF = {"float16": 2.0**-11, "bfloat16": 2.0**-8, "float32": 2.0**-24}
"""u of round to nearest: half the distance from 1 to the next number."""

UNDERFLOW = {"float16": 2.0**-25, "bfloat16": 2.0**-126, "float32": 2.0**-126}
"""η: half the smallest subnormal number, or, where GPUs flush those, the smallest normal one."""

NORMAL = 2.0**-126
"""ω: the smallest normal number of float32."""

FLOAT64 = 2.0**-29
"""Unit roundoff of float64 in multiples of that of float32."""

SMALLEST = 2.0**-149
"""The smallest number of float32 above 0."""

COMPARED = 10_000_000
"""Numbers that a run compares."""

BLAMED = 1e-3
"""Probability that in one run a correct kernel is above a bound anywhere."""

LAMBDA = math.sqrt(2 * math.log(2 * COMPARED / BLAMED))

_FUNCTION = 4.0
"""Error of exp and tanh in units of u: 2 units in the last place are at most 4u."""


def paged_attention_bound(
    query: Array,
    key_cache: Array,
    value_cache: Array,
    *,
    block_table: Array,
    seq_lens: Array,
    query_start_loc: Array,
    scale: float,
    sliding_window: int | None = None,
    logits_soft_cap: float | None = None,
    sinks: Array | None = None,
    alibi_slopes: Array | None = None,
    kv_cache_dtype: str = "auto",
    k_scale: float = 1.0,
    v_scale: float = 1.0,
) -> tuple[Float64, Float64]:
    """What `paged_attention` is, and how far a correct kernel may be from it.

    Arguments are those of `paged.paged_attention`, which is to have seen them first.

    Returns:
        Output and bound, both [num_tokens, num_heads, head_size].
    """
    every = each_query(
        quantised.dequantise(key_cache, kv_cache_dtype, k_scale),
        quantised.dequantise(value_cache, kv_cache_dtype, v_scale),
        block_table,
        seq_lens,
        query_start_loc,
        sliding_window,
    )
    features = Features(scale, logits_soft_cap, sinks, alibi_slopes)
    return _bounds(query, every, features, query.shape[-1], scaled=kv_cache_dtype != "auto")


def mla_attention_bound(
    query: Array,
    latent_cache: Array,
    *,
    latent_size: int,
    block_table: Array,
    seq_lens: Array,
    query_start_loc: Array,
    scale: float,
) -> tuple[Float64, Float64]:
    """What `mla_attention` is, and how far a correct kernel may be from it.

    Arguments are those of `mla.mla_attention`, which is to have seen them first.

    Returns:
        Output and bound, both [num_tokens, num_heads, latent_size].
    """
    keys = latent_cache[:, :, None]
    every = each_query(
        keys, keys[..., :latent_size], block_table, seq_lens, query_start_loc, sliding_window=None
    )
    return _bounds(query, every, Features(scale), latent_size)


def _bounds(
    query: Array, every: Iterator[Seen], features: Features, size: int, *, scaled: bool = False
) -> tuple[Float64, Float64]:
    """Outputs and bounds of all queries, [num_tokens, num_heads, size]."""
    output, bound = (np.empty((*query.shape[:2], size)) for _ in range(2))
    for seen in every:
        row = query[seen.token]
        found = attend(row, seen.keys, seen.values, seen.distances, features)
        output[seen.token] = found.output
        bound[seen.token] = attention_bound(
            row, seen, features, found, query.dtype.name, scaled=scaled
        )
    return output, bound


def attention_bound(
    query: Array,
    seen: Seen,
    features: Features,
    found: Attended,
    dtype: str,
    *,
    scaled: bool = False,
) -> Float64:
    """The bound of one query's output, [num_heads, value_size]; see the top of this module.

    Args:
        dtype: of the query.
        scaled: the cache is quantised, with scales.
    """
    u, v, eta = ROUNDOFF["float32"], ROUNDOFF[dtype], UNDERFLOW[dtype]
    p, o = found.weights, np.abs(found.output)
    values = of_heads(seen.values, len(query))

    def weighted(weights: Float64, of: Float64) -> Float64:
        """Σ_j weights_hj of_jhd."""
        return np.asarray(np.einsum("hj,jhd->hd", weights, of, optimize=True))

    away = values - found.output  # v_j - o
    sizes = np.abs(values), np.abs(away)
    squared = values**2, away**2
    logit_error, logit_constants = _logit_errors(query, seen, features, found, dtype, scaled=scaled)
    from_logits = u**2 / 3 * weighted(p**2 * logit_error, squared[1])
    if features.sinks is not None:
        sink = wide(features.sinks)
        share = np.exp(sink - found.lse)
        error = (sink - _peak(found, features)) ** 2 + _FUNCTION**2
        from_logits += u**2 / 3 * (share**2 * error)[:, None] * o**2

    rounded = np.maximum(v * p, eta)
    from_weights = np.maximum(*(weighted(rounded**2, square) for square in squared)) / 3
    at_worst = np.maximum(*(weighted(rounded, size) for size in sizes))

    squares = weighted(p**2, squared[0])
    concentration = (p**2).sum(axis=-1)[:, None]
    counted = p >= u * p.max(axis=-1, keepdims=True)
    n = counted.sum(axis=-1)[:, None]
    maxima = np.cumsum(1 / np.arange(1, p.shape[-1] + 1))[n - 1]
    below = np.where(counted, 0.0, p)
    lost = weighted(below, sizes[0]) + o * below.sum(axis=-1)[:, None]
    from_sums = _sum(n, o**2, squares) + squares + o**2 * _sum(n, 1.0, concentration)
    from_sums += o**2 * (4 * maxima + 2)
    if scaled:
        from_sums += (v / u) ** 2 * squares + o**2
    if features.sinks is None:
        at_worst = np.where(n > 1, at_worst, 0.0)
    in_float32 = from_logits + u**2 / 3 * from_sums

    alike = u * sum(np.abs(weighted(p * factor, away)) for factor in logit_constants)
    if scaled:
        alike = alike + u * o
    some = p.shape[-1] * NORMAL
    if _subnormal(seen.values).any():
        some = some + weighted(p, _subnormal(values))
    flushed = np.minimum(some, weighted(p, sizes[0]))
    flushed += weighted(p * _flushed_logits(query, seen, features), sizes[1])
    before = (
        alike
        + lost
        + flushed
        + np.minimum(
            LAMBDA * np.sqrt(in_float32 + from_weights), LAMBDA * np.sqrt(in_float32) + at_worst
        )
    )
    return _rounded(found.output, before, dtype)


def _rounded(output: Float64, before: Float64, dtype: str) -> Float64:
    """The bound of what is `before` off, and then rounded to nearest."""
    kind = np.dtype(dtype)
    ends = (output - before, output + before)
    off = [np.abs(end.astype(kind).astype(np.float64) - output) for end in ends]
    bound = np.maximum(*off)
    if dtype != "float16":
        size = np.abs(output)
        bound = np.where(size - before < NORMAL, np.maximum(bound, size), bound)
    return bound + FLOAT64 * before + SMALLEST


def _logit_errors(
    query: Array, seen: Seen, features: Features, found: Attended, dtype: str, *, scaled: bool
) -> tuple[Float64, list[Float64]]:
    """Variance of each logit's error in units of u²/3, and what rounded constants are factors of.

    All are [num_heads, num_keys].
    """
    keys, s = of_heads(seen.keys, len(query)), found.logits
    x = logits(query, seen.keys, seen.distances, Features(features.scale))
    squares = features.scale**2 * np.einsum("hd,jhd->hj", wide(query) ** 2, keys**2, optimize=True)
    variance = _sum(query.shape[-1], x**2, squares) + squares + x**2
    if scaled:
        variance += (ROUNDOFF[dtype] / ROUNDOFF["float32"]) ** 2 * squares + x**2
    exponent = s - _peak(found, features)[:, None]
    constants = [x, x, exponent]
    capped = flattened = x
    if (cap := features.logits_soft_cap) is not None:
        capped = cap * np.tanh(x / cap)
        derivative = 1 - (capped / cap) ** 2
        variance = (variance + x**2) * derivative**2 + (_FUNCTION * capped) ** 2 + capped**2
        flattened = x * derivative
        constants = [flattened, flattened, s, exponent]
    if features.alibi_slopes is not None:
        variance += (s - capped) ** 2 + s**2
    if scaled:
        constants += [flattened, flattened]
    variance += exponent**2 + _FUNCTION**2
    return np.asarray(variance), constants


def _flushed_logits(query: Array, seen: Seen, features: Features) -> Float64:
    """δ, [num_heads, num_keys]: what logits lose where subnormal numbers count as 0."""
    q = np.abs(wide(query))
    lost = np.full((len(q), len(seen.keys)), query.shape[-1] * NORMAL)
    # They are rare, and products with all keys cost time.
    if _subnormal(q).any() or _subnormal(seen.keys).any():
        k = np.abs(of_heads(seen.keys, len(q)))
        lost += np.einsum("hd,jhd->hj", _subnormal(q), k) + np.einsum(
            "hd,jhd->hj", q, _subnormal(k)
        )
    return np.asarray(abs(features.scale) * lost + NORMAL)


def _subnormal(x: Array) -> Float64:
    """The magnitudes of numbers that are subnormal in float32; 0 for the others."""
    size = np.abs(wide(x))
    return np.asarray(np.where(size < NORMAL, size, 0.0))


def _peak(found: Attended, features: Features) -> Float64:
    """m, the largest logit of each head, the sink among them."""
    peak = found.logits.max(axis=-1)
    if features.sinks is None:
        return np.asarray(peak)
    return np.asarray(np.maximum(peak, wide(features.sinks)))


def _sum(n: Array | int, square: Float64 | float, squares: Float64) -> Float64:
    """Σ_k E S_k² of n terms, equation (1), from the square of their sum and the sum of squares."""
    found: Float64 = np.asarray((n + 1) * (2 * square + squares) / 6)
    return found
