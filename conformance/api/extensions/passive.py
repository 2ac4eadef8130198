"""Parameters of vLLM's with a value that changes nothing in an answer: they are to be taken."""

from __future__ import annotations

from typing import Any

EVERYWHERE: dict[str, Any] = {
    "user": "person-1",
    "watermarking": False,
    "length_penalty": 1.0,
    "priority": 0,
    "session_id": "session-1",
    "cache_salt": "a-salt-of-43-characters-0123456789-abcdefgh",
    "routed_experts_prompt_start": 0,
    "return_token_offsets": True,
    "mm_payload": "none",
    "return_mm_kwargs": False,
    "kv_transfer_params": {},
    "ec_transfer_params": {},
    "vllm_xargs": {"note": "nothing reads it"},
}

CHAT = {
    **{name: value for name, value in EVERYWHERE.items() if name != "user"},
    "media_io_kwargs": {"image": {}},
    "mm_processor_kwargs": {},
}

COMPLETIONS = {**EVERYWHERE, "best_of": 1}
