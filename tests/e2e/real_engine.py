"""A program for the reference's interpreter: engines in this process, and what came of them.

Run as `python real_engine.py MODEL OUT`; MODEL is a checkpoint's folder, and OUT a JSON file with a
key for each function here.
"""

from __future__ import annotations

import gc
import json
import os
import sys
from pathlib import Path
from typing import Any

os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"
os.environ["VLLM_LOGGING_LEVEL"] = "ERROR"

REFUSED = {
    "speculation": {"speculative_config": {"method": "ngram", "num_speculative_tokens": 3}},
    "lora": {"enable_lora": True},
    "devices": {"tensor_parallel_size": 2},
    "stages": {"pipeline_parallel_size": 2},
    "replicas": {"data_parallel_size": 2},
    "cache-dtype": {"kv_cache_dtype": "fp8"},
    "quantization": {"quantization": "fp8"},
    "pooling": {"runner": "pooling", "convert": "embed"},
    "embeddings": {"enable_prompt_embeds": True},
    "offloading": {"cpu_offload_gb": 1},
    "random-weights": {"load_format": "dummy"},
    "overrides": {"hf_overrides": {"num_hidden_layers": 1}},
    "attention": {"attention_backend": "CPU_ATTN"},
    "transfer": {"kv_transfer_config": {"kv_connector": "C", "kv_role": "kv_both"}},
}
SEQUENCES, NEW = 16, 150


def refused(model: str) -> dict[str, str | None]:
    """What vLLM says of each option, None where it takes it."""
    from vllm.engine.arg_utils import EngineArgs

    found: dict[str, str | None] = {}
    for name, options in REFUSED.items():
        try:
            EngineArgs(model=model, max_model_len=512, **options).create_engine_config()
            found[name] = None
        except ValueError as error:
            found[name] = str(error)
    return found


class Engine:
    """vLLM's engine over the reference, in this process."""

    def __init__(self, model: str, **options: Any) -> None:
        from vllm import LLM

        wanted = {"max_model_len": 512, "max_num_seqs": SEQUENCES, "dtype": "float32"}
        self.llm = LLM(model=model, disable_log_stats=False, **{**wanted, **options})
        core = self.llm.llm_engine.engine_core.engine_core
        self.runner = core.model_executor.driver_worker.worker.model_runner
        self.config = core.vllm_config

    def greedy(self, prompts: list[list[int]], tokens: int = NEW) -> list[list[int]]:
        from vllm import SamplingParams

        wanted = SamplingParams(temperature=0, max_tokens=tokens, ignore_eos=True)
        asked = [{"prompt_token_ids": prompt} for prompt in prompts]
        done = self.llm.generate(asked, wanted, use_tqdm=False)
        return [list(each.outputs[0].token_ids) for each in done]

    def metric(self, name: str) -> int:
        return sum(each.value for each in self.llm.get_metrics() if each.name == f"vllm:{name}")

    def said(self, **more: object) -> dict[str, object]:
        pool, cache = self.runner.model.pool, self.config.cache_config
        return {
            "preemptions": self.metric("num_preemptions"),
            "cached": self.metric("prefix_cache_hits"),
            "pool_bytes": pool.nbytes,
            "blocks": cache.num_gpu_blocks,
            "block_bytes": cache.block_size * self.runner.bytes_per_token(),
            **more,
        }


def schedules(model: str) -> dict[str, Any]:
    """The same prompts with room for all, again, with a quarter of the room, and in chunks."""
    import numpy as np

    rng = np.random.default_rng(0)
    prompts = [rng.integers(4, 500, size=n).tolist() for n in rng.integers(100, 300, SEQUENCES)]
    engine = Engine(model)
    found = {"plenty": engine.said(texts=engine.greedy(prompts))}
    found["again"] = engine.said(texts=engine.greedy(prompts))
    need = sum(len(prompt) + NEW for prompt in prompts) * engine.runner.bytes_per_token()
    found["memory"] = growth(engine)
    for name, options in {
        "quarter": {"kv_cache_memory_bytes": need // 4},
        "chunks": {"max_num_batched_tokens": 32},
        "small-blocks": {"block_size": 8},
    }.items():
        del engine
        gc.collect()
        engine = Engine(model, **options)
        texts = engine.greedy(prompts)
        found[name] = engine.said(texts=texts, asked=options.get("kv_cache_memory_bytes"))
    return found


def growth(engine: Engine) -> dict[str, list[float]]:
    """Bytes that MLX and this process have after every 50 of 500 requests of mixed lengths."""
    import mlx.core as mx
    import numpy as np
    import psutil

    rng, found = np.random.default_rng(1), {"mlx": [], "process": []}
    for _ in range(10):
        prompts = [rng.integers(4, 500, size=n).tolist() for n in rng.integers(4, 200, size=50)]
        engine.greedy(prompts, tokens=4)
        gc.collect()
        found["mlx"].append(mx.get_active_memory())
        found["process"].append(psutil.Process().memory_info().rss)
    return found


def main(model: str, out: str) -> None:
    found = {"refused": refused(model), "schedules": schedules(model)}
    Path(out).write_text(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
