"""Fields of a response's request that change no answer of production's, with a usual value each."""

from __future__ import annotations

from typing import Any

OPENAI: dict[str, Any] = {
    "background_options": {"completion_window": "2h"},
    "context_management": [{"type": "compaction"}],
    "max_tool_calls": 4,
    "metadata": {"ticket": "4711"},
    "moderation": {"model": "omni-moderation-latest"},
    "prompt_cache_key": "team-a",
    "prompt_cache_options": {"mode": "implicit"},
    "prompt_cache_retention": "in_memory",
    "safety_identifier": "person-1",
    "service_tier": "auto",
    "store": False,
    "truncation": "disabled",
    "user": "person-1",
}

VLLM: dict[str, Any] = {
    "media_io_kwargs": {},
    "mm_processor_kwargs": {},
    "priority": 0,
    "previous_input_messages": None,
    "session_id": "session-1",
    "vllm_xargs": {"note": "x"},
    "watermarking": False,
    "mm_payload": "none",
    "return_mm_kwargs": False,
    "kv_transfer_params": None,
    "ec_transfer_params": None,
}
"""vLLM's own. What it has for servers of several machines is null where there is one."""
