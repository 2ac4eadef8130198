"""Faults of a server of Anthropic-style messages, and what they make of requirements."""

from __future__ import annotations

from tests.agentic.faulting import (
    FAIL,
    INCONCLUSIVE,
    SILENT,
    UNSUPPORTED,
    Table,
    always,
    answered,
    cased,
    ignores,
    in_usage,
    streamed,
    without,
)
from tests.agentic.server import Body, Fault

TEXTS = (
    "text", "call", "calls", "two-tools", "escapes", "text-and-call", "reasoning",
    "reasoning-and-call",
)  # fmt: skip


def _blocks_in_text(body: Body) -> None:
    for block in body.get("content") or []:
        if block["type"] in ("tool_use", "thinking"):
            said = block.get("thinking", "<tool_call>")
            block.clear()
            block |= {"type": "text", "text": said}


def _joined(events: list[Body]) -> list[Body]:
    """Each block's deltas of arguments as one."""
    found: list[Body] = []
    for event in events:
        piece = event.get("delta", {}).get("partial_json")
        before = found[-1].get("delta", {}) if found else {}
        if piece is not None and "partial_json" in before:
            before["partial_json"] += piece
        else:
            found.append(event)
    return found


def _turned(body: Body, **values: object) -> Body:
    return {**body, **values} if "messages" in body else body


MESSAGES: Table = {
    "not-served": (
        Fault(request=lambda body: {**body, "model": "gone"}),
        {
            "api/messages/shape": UNSUPPORTED,
            "api/messages/stream-order[text]": UNSUPPORTED,
            "api/messages/count[words]": UNSUPPORTED,
            "api/messages/refused[role]": UNSUPPORTED,
            "api/messages/error-form": UNSUPPORTED,
        },
    ),
    "no-role": (answered(lambda body: body.pop("role", None)), {"api/messages/shape": FAIL}),
    "other-model": (
        answered(lambda body: "model" in body and body.update(model="claude")),
        {"api/messages/model": FAIL},
    ),
    "counts-one-more": (
        answered(in_usage("output_tokens")),
        {
            "api/messages/usage": FAIL,
            "api/messages/like-chat": FAIL,
            "api/messages/max-tokens[1]": SILENT,
            "api/messages/max-tokens[3]": SILENT,
            "api/messages/stream-usage": FAIL,
        },
    ),
    "counts-a-longer-prompt": (
        answered(in_usage("input_tokens")),
        {
            "api/messages/like-chat": FAIL,
            "api/messages/count[words]": FAIL,
            "api/messages/count[emoji]": FAIL,
            "api/messages/count[long]": FAIL,
            "api/messages/count-results": FAIL,
            **cased(
                "messages/count-thinking", FAIL, "chat_template_kwargs", "thinking", "output_config"
            ),
        },
    ),
    "counts-messages-alone": (
        Fault(
            request=lambda body: (
                body
                if "max_tokens" in body
                else {name: body[name] for name in ("model", "messages") if name in body}
            )
        ),
        {
            **cased("messages/count-more", SILENT, "system", "tools", "tool_choice"),
            "api/messages/count-results": FAIL,
            **cased("messages/count-thinking", FAIL, "chat_template_kwargs", "thinking"),
        },
    ),
    "no-block": (
        answered(
            lambda body: (
                body.get("content") == [{"type": "text", "text": ""}] and body.update(content=[])
            )
        ),
        {"api/messages/empty": FAIL},
    ),
    "ends-always": (
        answered(lambda body: "stop_reason" in body and body.update(stop_reason="end_turn")),
        {
            "api/messages/max-tokens[1]": FAIL,
            "api/messages/stop-sequence-named[whole]": FAIL,
            **cased("messages/tools", FAIL, "call", "same-tool-twice"),
        },
    ),
    "stream-ends-always": (
        streamed(
            lambda e: e["delta"].update(stop_reason="end_turn", stop_sequence=None), "message_delta"
        ),
        {
            "api/messages/stream-cut": FAIL,
            "api/messages/stop-sequence-named[stream]": FAIL,
            **cased("messages/stream-whole", FAIL, "call", "calls"),
        },
    ),
    "ignores-max-tokens": (
        Fault(request=lambda body: {**body, "max_tokens": 256} if "max_tokens" in body else body),
        {
            "api/messages/max-tokens[1]": SILENT,
            "api/messages/max-tokens[3]": SILENT,
            "api/messages/stream-cut": SILENT,
            "api/messages/refused[max-tokens-zero]": SILENT,
        },
    ),
    "ignores-system": (
        ignores("system"),
        {
            **cased("messages/system", SILENT, "text", "blocks", "cached-block"),
        },
    ),
    "refuses-blocks": (
        Fault(
            request=lambda body: (
                _turned(body, temperature=-1)
                if any(isinstance(m.get("content"), list) for m in body.get("messages", []))
                or isinstance(body.get("system"), list)
                else body
            )
        ),
        {
            **cased("messages/blocks", UNSUPPORTED, "blocks", "cached-blocks", "thinking"),
            **cased("messages/system", UNSUPPORTED, "blocks", "cached-block"),
            **cased("messages/tools-result", UNSUPPORTED, "sunny", "two-calls"),
            "api/messages/tools-result-blocks": UNSUPPORTED,
        },
    ),
    "loses-blocks": (
        Fault(
            request=lambda body: (
                {
                    **body,
                    "messages": [
                        m for m in body.get("messages", []) if isinstance(m["content"], str)
                    ]
                    or [{"role": "user", "content": "?"}],
                }
                if "messages" in body
                else body
            )
        ),
        {
            "api/messages/blocks[blocks]": FAIL,
            "api/messages/blocks[cached-blocks]": FAIL,
            **cased("messages/tools-result", FAIL, "sunny", "rain", "two-calls", "talk-after"),
            "api/messages/tools-result-blocks": FAIL,
            "api/messages/image": SILENT,
        },
    ),
    "ignores-stop-sequences": (
        ignores("stop_sequences"),
        {
            "api/messages/stop-sequences": SILENT,
            "api/messages/stop-sequence-named[whole]": FAIL,
            "api/messages/stop-sequence-named[stream]": FAIL,
        },
    ),
    "greedy": (always(temperature=0), {"api/messages/temperature": SILENT}),
    "ignores-guards": (
        ignores("top_k", "top_p"),
        {"api/messages/narrow[top-k]": SILENT, "api/messages/narrow[top-p]": SILENT},
    ),
    "ignores-format": (
        ignores("output_config"),
        {"api/messages/json-schema": SILENT, "api/messages/thinking-effort": SILENT},
    ),
    "refuses-fields": (
        Fault(
            request=lambda body: (
                {**body, "temperature": -1}
                if set(body) - {"model", "messages", "temperature", "max_tokens"}
                else body
            )
        ),
        {
            **cased(
                "messages/ignored-field",
                UNSUPPORTED,
                "metadata",
                "cache_salt",
                "watermarking",
                "vllm_xargs",
                "mm_payload",
                "return_mm_kwargs",
                "kv_transfer_params",
                "ec_transfer_params",
            ),
            "api/messages/thinking-adaptive": UNSUPPORTED,
        },
    ),
    "ignores-tools": (
        ignores("tools", "tool_choice"),
        {
            **cased(
                "messages/tools",
                SILENT,
                "call",
                "same-tool-twice",
                "two-tools",
                "text-before",
                "escapes",
                "reasoning",
            ),
            "api/messages/tools-offered": SILENT,
            **cased(
                "messages/tools-forced",
                SILENT,
                "whole-any",
                "whole-tool",
                "stream-any",
                "stream-tool",
            ),
            "api/messages/refused[tool-without-name]": SILENT,
            "api/messages/refused-later[tool-not-offered]": SILENT,
        },
    ),
    "calls-in-text": (
        answered(_blocks_in_text),
        {
            **cased("messages/tools", SILENT, "call", "reasoning"),
            "api/messages/tools-ids": INCONCLUSIVE,
            "api/messages/thinking": SILENT,
            "api/messages/thinking-effort": SILENT,
            **cased("messages/stream-whole", FAIL, "call", "reasoning"),
        },
    ),
    "one-call-id": (
        answered(
            lambda body: [
                block.update(id="call")
                for block in body.get("content") or []
                if block["type"] == "tool_use"
            ]
        ),
        {"api/messages/tools-ids": FAIL},
    ),
    "calls-against-none": (
        Fault(request=lambda b: {k: v for k, v in b.items() if v != {"type": "none"}}),
        {"api/messages/tools-none": FAIL},
    ),
    "calls-everything": (
        Fault(request=lambda b: {k: v for k, v in b.items() if k != "tool_choice"}),
        {"api/messages/tools-parallel-false": SILENT},
    ),
    "always-calls": (
        Fault(request=lambda b: {**b, "tool_choice": {"type": "any"}} if "tools" in b else b),
        {"api/messages/tools[text]": FAIL, "api/messages/tools-none": FAIL},
    ),
    "always-thinks": (
        Fault(
            request=lambda b: {
                **b,
                "chat_template_kwargs": {"enable_thinking": True},
                "thinking": {"type": "adaptive"},
            }
        ),
        {"api/messages/thinking-disabled": SILENT},
    ),
    "adaptive-is-not-thinking": (
        Fault(
            request=lambda b: (
                {**b, "thinking": {"type": "disabled"}, "max_tokens": 1}
                if b.get("thinking") == {"type": "adaptive"}
                else b
            )
        ),
        {"api/messages/thinking-adaptive": FAIL},
    ),
    "ignores-stream": (
        ignores("stream"),
        {
            "api/messages/stream-named": SILENT,
            **cased("messages/stream-order", SILENT, *TEXTS),
            "api/messages/stream-usage": SILENT,
            "api/messages/stream-bit-by-bit": SILENT,
        },
    ),
    "always-streams": (
        Fault(request=lambda b: {**b, "stream": True}),
        {"api/messages/not-streamed": FAIL, "api/messages/shape": FAIL},
    ),
    "in-one-burst": (Fault(burst=True), {"api/messages/stream-bit-by-bit": SILENT}),
    "unnamed-events": (
        streamed(lambda event: event.update(event="message")),
        {"api/messages/stream-named": FAIL},
    ),
    "one-index": (
        streamed(lambda event: "index" in event and event.update(index=1)),
        cased("messages/stream-order", FAIL, *TEXTS),
    ),
    "no-stop": (without("message_stop"), cased("messages/stream-order", FAIL, *TEXTS)),
    "blocks-without-end": (
        without("content_block_stop"),
        cased("messages/stream-order", FAIL, *TEXTS),
    ),
    "loses-deltas": (
        without("content_block_delta"),
        {
            **cased("messages/stream-whole", FAIL, *TEXTS),
            **cased("messages/stream-text", FAIL, "words", "emoji"),
            "api/messages/stream-arguments": INCONCLUSIVE,
        },
    ),
    "deltas-of-another-type": (
        streamed(lambda event: event["delta"].update(type="other_delta"), "content_block_delta"),
        cased("messages/stream-order", FAIL, *TEXTS),
    ),
    "begins-with-its-end": (
        streamed(lambda e: e["message"].update(stop_reason="end_turn"), "message_start"),
        {"api/messages/stream-order[text]": FAIL, "api/messages/stream-usage": FAIL},
    ),
    "arguments-in-one-piece": (
        Fault(events=lambda events: _joined(events)),
        {"api/messages/stream-arguments": SILENT},
    ),
    "markup": (
        streamed(
            lambda e: (
                e["delta"].get("type") == "text_delta" and e["delta"].update(text="<tool_call>")
            ),
            "content_block_delta",
        ),
        {"api/messages/stream-no-markup": FAIL},
    ),
    "answers-everything": (
        Fault(status=lambda status: 200 if status in (400, 404) else status),
        {
            **cased("messages/refused", SILENT, "max-tokens-zero", "tool-without-name", "role"),
            **cased(
                "messages/refused-later",
                SILENT,
                "no-messages",
                "temperature-negative",
                "tool-not-offered",
            ),
            **cased("messages/unknown-model", SILENT, "message", "count"),
            "api/messages/too-long": SILENT,
        },
    ),
    "refuses-with-500": (
        Fault(status=lambda status: 500 if status != 200 else status),
        {
            "api/messages/refused[role]": FAIL,
            "api/messages/refused-later[no-messages]": FAIL,
            "api/messages/too-long": FAIL,
            "api/messages/unknown-model[message]": FAIL,
            "api/messages/image": FAIL,
        },
    ),
    "refuses-in-openai-s-words": (
        Fault(refusal=lambda body: {"error": body["error"]}),
        {"api/messages/error-form": FAIL, "api/messages/refused[role]": "PASS"},
    ),
    "refuses-without-reason": (
        Fault(refusal=lambda body: {"detail": "no"}),
        {"api/messages/error-form": FAIL, "api/messages/refused[role]": FAIL},
    ),
}
