"""Which of vLLM's options the reference has, and at which values; all others are refused.

What is in no row is vLLM's own and works, or is a hint that changes no answer (compilation, how
weights are read from the disk). Nothing of vLLM is needed here.
"""

from __future__ import annotations

from functools import reduce

GIVES_UP = "MLX model runner: "
"""What a line of the log begins with that says why the engine ends; the recipe knows it."""

WORKER = "reference.vllm_plugin.worker.MlxWorker"

SERVED: tuple[tuple[str, str, tuple[object, ...]], ...] = (
    ("--speculative-config", "speculative_config", (None,)),
    ("--enable-lora", "lora_config", (None,)),
    ("--kv-transfer-config", "kv_transfer_config", (None,)),
    ("--ec-transfer-config", "ec_transfer_config", (None,)),
    ("--weight-transfer-config", "weight_transfer_config", (None,)),
    ("--watermark-config", "watermark_config", (None,)),
    ("--diffusion-config", "diffusion_config", (None,)),
    ("--engram-config", "engram_config", (None,)),
    ("--tensor-parallel-size", "parallel_config.tensor_parallel_size", (1,)),
    ("--pipeline-parallel-size", "parallel_config.pipeline_parallel_size", (1,)),
    ("--data-parallel-size", "parallel_config.data_parallel_size", (1,)),
    ("--prefill-context-parallel-size", "parallel_config.prefill_context_parallel_size", (1,)),
    ("--decode-context-parallel-size", "parallel_config.decode_context_parallel_size", (1,)),
    ("--nnodes", "parallel_config.nnodes", (1,)),
    ("--enable-expert-parallel", "parallel_config.enable_expert_parallel", (False,)),
    ("--enable-eplb", "parallel_config.enable_eplb", (False,)),
    ("--enable-dbo", "parallel_config.enable_dbo", (False,)),
    ("--ubatch-size", "parallel_config.ubatch_size", (0,)),
    (
        "--distributed-executor-backend",
        "parallel_config.distributed_executor_backend",
        (None, "uni", "mp"),
    ),
    ("--worker-cls", "parallel_config.worker_cls", ("auto", WORKER)),
    ("--kv-cache-dtype", "cache_config.cache_dtype", ("auto",)),
    ("--kv-offloading-size", "cache_config.kv_offloading_size", (None,)),
    ("--kv-sharing-fast-prefill", "cache_config.kv_sharing_fast_prefill", (False,)),
    ("--cpu-offload-gb", "offload_config.uva.cpu_offload_gb", (0,)),
    ("--offload-group-size", "offload_config.prefetch.offload_group_size", (0,)),
    ("--attention-backend", "attention_config.backend", (None,)),
    ("--moe-backend", "kernel_config.moe_backend", ("auto",)),
    ("--linear-backend", "kernel_config.linear_backend", ("auto",)),
    ("--load-format", "load_config.load_format", ("auto", "safetensors")),
    ("--runner", "model_config.runner_type", ("generate",)),
    ("--model-impl", "model_config.model_impl", ("auto",)),
    ("--hf-overrides", "model_config.hf_overrides", ({},)),
    ("quantization", "model_config.quantization", (None,)),
    ("--enable-prompt-embeds", "model_config.enable_prompt_embeds", (False,)),
    ("--enable-sleep-mode", "model_config.enable_sleep_mode", (False,)),
    ("--enable-return-routed-experts", "model_config.enable_return_routed_experts", (False,)),
    ("--enable-return-routed-experts", "aux_output_config.enable_return_routed_experts", (False,)),
    ("--override-attention-dtype", "model_config.override_attention_dtype", (None,)),
    ("models with an encoder", "model_config.is_encoder_decoder", (False,)),
    ("models with state-space layers", "model_config.is_hybrid", (False,)),
    ("models without attention", "model_config.is_attention_free", (False,)),
    ("models with images or sound", "model_config.multimodal_config", (None,)),
)
"""What a person calls it, where it is in vLLM's configuration, and the values that are served."""


def refuse(config: object) -> None:
    """Raises ValueError with the first option of a `VllmConfig` that the reference does not have.

    Where a version of vLLM has no such option, nobody asked for it.
    """
    for option, path, served in SERVED:
        *parents, name = path.split(".")
        part = reduce(lambda whole, parent: getattr(whole, parent, None), parents, config)
        value = getattr(part, name, served[0])
        if value not in served:
            plain = isinstance(value, str | int | float) and value is not True
            asked = f"{option} {value}" if plain else option
            raise ValueError(f"The reference backend does not support {asked}.")
