"""What vLLM's operations on whole texts have in common: vectors, scores and classes."""

from __future__ import annotations

from typing import Any

from conformance.outcomes import Silent

REQUEST_ID = "maccord-7Q"

HARMLESS: dict[str, Any] = {
    "user": "somebody",
    "priority": 0,
    "cache_salt": "pepper",
    "padding": "do_not_pad",
    "mm_processor_kwargs": {},
}
"""Fields that have nothing to do with what is answered."""

HARMLESS_OF_CHATS = {**HARMLESS, "media_io_kwargs": {}}
"""The same of an operation that takes `messages`, too; the last goes with these."""

HARMLESS_OF_PAIRS = {
    **HARMLESS,
    "instruction": "Find what answers.",
    "chat_template_kwargs": {"instruction": "Find what answers."},
}
"""The same of pairs of texts, for a checkpoint without a template for them."""

WRONG_OF_PAIRS: dict[str, tuple[str, Any]] = {
    "use-activation": ("use_activation", "perhaps"),
    "truncate-below": ("truncate_prompt_tokens", -2),
    "truncation-side": ("truncation_side", "middle"),
    "per-query": ("max_tokens_per_query", -5),
    "per-document": ("max_tokens_per_doc", -5),
    "cache-salt": ("cache_salt", ""),
    "priority": ("priority", "high"),
    "chat-template-kwargs": ("chat_template_kwargs", "none"),
    "instruction": ("instruction", 5),
}
"""Wrong values of rarer fields of `/score` and `/rerank`: case, field and value."""


def of_request(id: object) -> None:
    """An answer's `id` holds the `request_id` that was sent, `REQUEST_ID`. Raises Silent."""
    if REQUEST_ID not in str(id):
        raise Silent("`request_id` is accepted and ignored", expected=REQUEST_ID, actual=id)
