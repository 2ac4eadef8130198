"""Optional fields of OpenAI's requests that production does not have, and takes without effect."""

from __future__ import annotations

from typing import Any

CHAT: dict[str, Any] = {
    "audio": {"format": "wav", "voice": "alloy"},
    "function_call": "none",
    "functions": [{"name": "get_time", "parameters": {"type": "object", "properties": {}}}],
    "metadata": {"ticket": "4711"},
    "modalities": ["text"],
    "moderation": {"model": "omni-moderation-latest"},
    "prediction": {"type": "content", "content": "Hello"},
    "prompt_cache_key": "team-a",
    "prompt_cache_options": {"mode": "implicit"},
    "prompt_cache_retention": "in_memory",
    "safety_identifier": "person-1",
    "service_tier": "auto",
    "store": False,
    "user": "person-1",
    "verbosity": "medium",
    "web_search_options": {"search_context_size": "low"},
}
"""By field, a value that OpenAI documents for chat completions. vLLM has `user`, and ignores it."""
