"""An MLX model over a paged KV cache: the reference of what a Mac backend computes.

mlx-lm's own model code is used unchanged. A step is laid out as one token a row, whatever
sequences the tokens are of, so that a batch may mix prefill and decode in any way.

| module | what it holds |
|---|---|
| `checkpoint` | a checkpoint's configuration as mlx-lm has to be told it, and its windows |
| `loading` | the model, its head apart, and attention calls led to the pool |
| `step` | the tokens of one step: where each is, and what it sees |
| `pool` | keys and values of all layers, in blocks |
| `attention` | attention over the pool, in MLX's operations |
| `overrides` | what mlx-lm's code for an architecture does not do as it should |
| `runner` | sequences over a pool, without an engine |
| `blas` | a fast BLAS for MLX on Linux |

No vLLM is needed here; `reference.vllm_plugin` puts this inside vLLM's engine.
"""

from reference.model_runner import blas

BLAS = blas.load()
"""What MLX computes float32 products with on Linux; it must be there before MLX is."""
