"""Faults of a server of the Responses API, and what they make of requirements."""

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
    each_item,
    ignores,
    in_usage,
    plus_one,
    refuses,
    streamed,
    without,
)
from tests.agentic.server import Body, Fault

TEXTS = ("text", "call", "calls", "text-and-call", "reasoning", "reasoning-and-call")


def _short_reasoning(body: Body) -> None:
    for item in body.get("output") or []:
        if item["type"] == "reasoning":
            item["type"], item["role"], item["status"] = "message", "assistant", "completed"
            text = {"type": "output_text", "text": item["content"][0]["text"], "annotations": []}
            item["content"] = [text]


def _calls_in_text(body: Body) -> None:
    """Calls are left in the text, as the model wrote them."""
    for item in body.get("output") or []:
        if item["type"] == "function_call":
            text = {"type": "output_text", "text": f"<tool_call>{item}", "annotations": []}
            item |= {"type": "message", "role": "assistant", "content": [text]}
            del item["arguments"], item["name"], item["call_id"]


RESPONSES: Table = {
    "not-served": (
        Fault(request=lambda body: {**body, "model": "gone"}),
        {
            "api/responses/shape": UNSUPPORTED,
            "api/responses/stream-whole[text]": UNSUPPORTED,
            "api/responses/tools[call]": UNSUPPORTED,
            "api/responses/refused[empty-input]": UNSUPPORTED,
            "api/responses/previous[whole]": UNSUPPORTED,
        },
    ),
    "no-field": (
        answered(lambda body: body.pop("output", None)),
        {"api/responses/shape": FAIL, "api/responses/model": FAIL},
    ),
    "one-id": (answered(lambda body: body.update(id="resp_1")), {"api/responses/shape": FAIL}),
    "other-model": (
        answered(lambda body: body.update(model="gpt")),
        {"api/responses/model": FAIL},
    ),
    "other-text": (
        each_item(lambda item: item.get("content") and item["content"][0].update(text="Well.")),
        {
            "api/responses/like-chat": FAIL,
            "api/responses/format-text": "PASS",
            "api/responses/json-object": SILENT,
            "api/responses/stream-text[words]": FAIL,
            "api/responses/stream-text[emoji]": FAIL,
        },
    ),
    "counts-one-more": (
        answered(in_usage("output_tokens")),
        {
            "api/responses/usage": FAIL,
            "api/responses/like-chat": FAIL,
            "api/responses/max-output-tokens[1]": SILENT,
            "api/responses/max-output-tokens[3]": SILENT,
            "api/responses/stream-incomplete": SILENT,
            "api/responses/logprobs[one]": FAIL,
            "api/responses/messages": FAIL,
        },
    ),
    "no-usage": (
        answered(lambda body: body.update(usage=None)),
        {"api/responses/usage": FAIL, "api/responses/stream-usage": SILENT},
    ),
    "never-incomplete": (
        answered(lambda body: body.update(status="completed", incomplete_details=None)),
        {
            "api/responses/max-output-tokens[1]": FAIL,
            "api/responses/stream-incomplete": FAIL,
        },
    ),
    "never-over": (
        answered(lambda body: body.update(status="in_progress")),
        {"api/responses/shape": FAIL},
    ),
    "ignores-max-output-tokens": (
        ignores("max_output_tokens"),
        {
            "api/responses/max-output-tokens[1]": SILENT,
            "api/responses/max-output-tokens[3]": SILENT,
            "api/responses/stream-incomplete": SILENT,
            "api/responses/ignore-eos": "PASS",
            "api/responses/echo[max_output_tokens]": FAIL,
        },
    ),
    "always-short": (
        always(max_output_tokens=2),
        {"api/responses/max-output-tokens-left-out": FAIL},
    ),
    "ignores-instructions": (
        ignores("instructions"),
        {"api/responses/instructions": SILENT, "api/responses/echo[instructions]": FAIL},
    ),
    "instructions-at-the-end": (
        Fault(
            request=lambda body: {
                **body,
                "instructions": (body.get("instructions") or "") and "Do: " + body["instructions"],
            }
        ),
        {
            "api/responses/instructions": FAIL,
            "api/responses/input-role[system]": FAIL,
            "api/responses/input-role[developer]": FAIL,
        },
    ),
    "ignores-include": (
        ignores("include"),
        {
            "api/responses/logprobs[none]": SILENT,
            "api/responses/logprobs[one]": SILENT,
            "api/responses/logprobs[five]": SILENT,
            "api/responses/logprobs-like-chat": SILENT,
            "api/responses/stream-logprobs": SILENT,
        },
    ),
    "ignores-top-logprobs": (
        ignores("top_logprobs"),
        {
            "api/responses/logprobs[one]": SILENT,
            "api/responses/logprobs[five]": SILENT,
            "api/responses/stream-logprobs": FAIL,
        },
    ),
    "always-scored": (
        always(include=["message.output_text.logprobs"], top_logprobs=0),
        {"api/responses/logprobs-unasked": FAIL},
    ),
    "other-scores": (
        answered(
            lambda body: [
                entry.update(logprob=-3.0)
                for item in body.get("output", [])
                for part in item.get("content", [])
                for entry in part.get("logprobs") or []
            ]
        ),
        {"api/responses/logprobs-like-chat": FAIL},
    ),
    "greedy": (
        always(temperature=0),
        {
            "api/responses/temperature": SILENT,
            "api/responses/default-temperature": SILENT,
            "api/responses/seeds": SILENT,
            "api/responses/echo[temperature]": FAIL,
        },
    ),
    "ignores-sampling": (
        ignores("top_p", "top_k", "min_p"),
        {
            "api/responses/top-p": SILENT,
            "api/responses/vllm-narrow[top-k]": SILENT,
            "api/responses/vllm-narrow[min-p]": SILENT,
            "api/responses/echo[top_p]": FAIL,
        },
    ),
    "ignores-seed": (ignores("seed"), {"api/responses/seed": SILENT}),
    "one-seed": (always(seed=1), {"api/responses/seeds": SILENT}),
    "ignores-stop": (
        ignores("stop", "stop_token_ids"),
        {
            "api/responses/stop[text]": SILENT,
            "api/responses/stop[list]": SILENT,
            "api/responses/include-stop": SILENT,
            "api/responses/stop-token-ids": SILENT,
        },
    ),
    "stops-at-nothing": (
        Fault(request=lambda body: {**body, "stop": ["w"]} if body.get("stop") == [] else body),
        {"api/responses/stop[none]": FAIL},
    ),
    "always-calls": (
        Fault(
            request=lambda body: {**body, "tool_choice": "required"} if "tools" in body else body
        ),
        {"api/responses/tools[text]": FAIL, "api/responses/tools-none": FAIL},
    ),
    "ignores-vllm-s": (
        ignores(
            "include_stop_str_in_output",
            "ignore_eos",
            "logit_bias",
            "skip_special_tokens",
            "request_id",
            "cache_salt",
            "enable_response_messages",
        ),
        {
            "api/responses/include-stop": SILENT,
            "api/responses/ignore-eos": SILENT,
            "api/responses/logit-bias[forced]": SILENT,
            "api/responses/logit-bias[banned]": SILENT,
            "api/responses/request-id": SILENT,
            "api/responses/cache-salt": SILENT,
            "api/responses/messages": SILENT,
        },
    ),
    "hides-special-tokens": (
        ignores("skip_special_tokens"),
        {"api/responses/skip-special-tokens": SILENT},
    ),
    "ignores-constraints": (
        ignores("text", "structured_outputs"),
        {
            "api/responses/json-object": SILENT,
            **cased(
                "responses/json-schema",
                SILENT,
                "enum",
                "nested",
                "integer-bounds",
                "array-of-objects",
                "unicode",
                "escapes",
                "empty",
            ),
            "api/responses/json-order": SILENT,
            "api/responses/json-stream": SILENT,
            "api/responses/structured-outputs[json]": SILENT,
            "api/responses/structured-outputs[choice]": SILENT,
            "api/responses/echo[text]": FAIL,
            "api/responses/refused[two-constraints]": SILENT,
        },
    ),
    "always-json": (
        Fault(
            request=lambda body: {
                **body,
                **({"text": {"format": {"type": "json_object"}}} if "text" in body else {}),
            }
        ),
        {"api/responses/format-text": FAIL, "api/responses/json-schema[enum]": FAIL},
    ),
    "ignores-tools": (
        ignores("tools", "tool_choice"),
        {
            "api/responses/tools[call]": SILENT,
            "api/responses/tools[same-tool-twice]": SILENT,
            "api/responses/tools[two-tools]": SILENT,
            "api/responses/tools[text-before]": SILENT,
            "api/responses/tools[escapes]": SILENT,
            "api/responses/tools[reasoning]": SILENT,
            "api/responses/tools-offered": SILENT,
            "api/responses/tools-forced[required]": SILENT,
            "api/responses/tools-forced[named]": SILENT,
            "api/responses/stream-forced": SILENT,
            "api/responses/tools-counted": FAIL,
            "api/responses/refused[required-without-tools]": SILENT,
            "api/responses/refused[unknown-function]": SILENT,
        },
    ),
    "calls-in-text": (
        answered(_calls_in_text),
        {
            "api/responses/tools[call]": SILENT,
            "api/responses/tools-forced[required]": SILENT,
            "api/responses/tools-ids": INCONCLUSIVE,
            "api/responses/stream-whole[call]": FAIL,
        },
    ),
    "refuses-tools": (
        refuses("tools"),
        {
            "api/responses/tools[call]": UNSUPPORTED,
            "api/responses/stream-typed[call]": UNSUPPORTED,
            "api/responses/input-result[parts]": UNSUPPORTED,
        },
    ),
    "one-call-id": (
        each_item(lambda item: "call_id" in item and item.update(call_id="call")),
        {"api/responses/tools-ids": FAIL},
    ),
    "calls-against-none": (
        Fault(request=lambda body: {k: v for k, v in body.items() if v != "none"}),
        {"api/responses/tools-none": FAIL},
    ),
    "calls-everything": (
        ignores("parallel_tool_calls"),
        {
            "api/responses/tools-parallel-false[whole]": SILENT,
            "api/responses/tools-parallel-false[stream]": SILENT,
            "api/responses/echo[parallel_tool_calls]": FAIL,
        },
    ),
    "loses-results": (
        Fault(
            request=lambda body: {
                **body,
                "input": [
                    {**item, "output": ""} if item.get("type") == "function_call_output" else item
                    for item in body["input"]
                ]
                if isinstance(body.get("input"), list)
                else body.get("input"),
            }
        ),
        {
            "api/responses/input-result-read": SILENT,
            **cased("responses/tools-result", FAIL, "sunny", "rain", "two-calls", "talk-after"),
        },
    ),
    "knows-one-form": (
        Fault(
            request=lambda body: {
                **body,
                "input": [
                    item
                    for item in body["input"]
                    if "id" not in item
                    and isinstance(item.get("content", ""), str)
                    and isinstance(item.get("output", ""), str)
                ]
                if isinstance(body.get("input"), list)
                else [{"role": "user", "content": "?" + str(body.get("input"))}],
            }
        ),
        {
            "api/responses/input-text": FAIL,
            "api/responses/input-form[parts]": FAIL,
            "api/responses/input-form[output-message]": FAIL,
            "api/responses/input-result[with-ids]": FAIL,
            "api/responses/input-result[parts]": FAIL,
        },
    ),
    "first-part-alone": (
        Fault(
            request=lambda body: {
                **body,
                "input": [
                    {**item, "content": item["content"][:1]}
                    if isinstance(item.get("content"), list)
                    else item
                    for item in body["input"]
                ]
                if isinstance(body.get("input"), list)
                else body.get("input"),
            }
        ),
        {
            "api/responses/input-several-parts": SILENT,
            "api/responses/input-image": SILENT,
        },
    ),
    "answers-what-is-unfinished": (
        Fault(
            request=lambda body: {
                **body,
                "input": [
                    {**item, **({"status": "completed"} if "status" in item else {})}
                    for item in body["input"]
                ]
                if isinstance(body.get("input"), list)
                else body.get("input"),
            }
        ),
        {"api/responses/input-unfinished": SILENT},
    ),
    "loses-types": (
        Fault(
            request=lambda body: {
                **body,
                "input": [
                    item
                    for item in body["input"]
                    if "type" not in item or item.get("role") == "user"
                ]
                if isinstance(body.get("input"), list)
                else body.get("input"),
            }
        ),
        {"api/responses/input-form[typed]": FAIL},
    ),
    "thoughts-in-text": (
        answered(_short_reasoning),
        {
            "api/responses/reasoning": SILENT,
            "api/responses/reasoning-effort[low]": SILENT,
            "api/responses/reasoning-effort[high]": SILENT,
            "api/responses/tools[reasoning]": FAIL,
        },
    ),
    "always-thinks": (
        always(chat_template_kwargs={"enable_thinking": True}, reasoning={"effort": "high"}),
        {
            "api/responses/reasoning-off": SILENT,
            "api/responses/reasoning-effort[none]": SILENT,
            "api/responses/echo[reasoning]": FAIL,
        },
    ),
    "tells-all-thoughts": (
        ignores("include_reasoning"),
        {
            "api/responses/reasoning-left-out[whole]": SILENT,
            "api/responses/reasoning-left-out[stream]": SILENT,
        },
    ),
    "counts-no-thoughts": (
        answered(
            lambda body: (
                body.get("usage")
                and body["usage"]["output_tokens_details"].update(reasoning_tokens=0)
            )
        ),
        {"api/responses/reasoning-counted": SILENT},
    ),
    "thoughts-are-refused": (
        Fault(
            request=lambda body: (
                {**body, "temperature": -1} if "Let me see." in str(body.get("input")) else body
            )
        ),
        {
            "api/responses/reasoning-history[before-text]": UNSUPPORTED,
            "api/responses/reasoning-history[before-a-call]": UNSUPPORTED,
        },
    ),
    "keeps-nothing": (
        Fault(
            request=lambda body: (
                {**body, "store": False}
                if "background" not in body
                else {**body, "temperature": -1}
            )
        ),
        {
            "api/responses/retrieve": UNSUPPORTED,
            "api/responses/store-false": UNSUPPORTED,
            "api/responses/previous[whole]": UNSUPPORTED,
            "api/responses/previous-instructions": UNSUPPORTED,
            "api/responses/background": UNSUPPORTED,
            "api/responses/cancel": UNSUPPORTED,
            "api/responses/cancel-finished": UNSUPPORTED,
            "api/responses/background-stream[all]": UNSUPPORTED,
            "api/responses/retrieve-unknown": "PASS",
        },
    ),
    "keeps-everything": (
        ignores("store"),
        {"api/responses/store-false": SILENT, "api/responses/background-not-stored": SILENT},
    ),
    "forgets": (
        ignores("previous_response_id"),
        {
            "api/responses/previous[whole]": SILENT,
            "api/responses/previous[stream]": SILENT,
            "api/responses/previous-instructions": SILENT,
            "api/responses/previous-unknown": SILENT,
        },
    ),
    "keeps-instructions": (
        Fault(
            request=lambda body: (
                {**body, "instructions": "Answer in French."}
                if "previous_response_id" in body
                else body
            )
        ),
        {"api/responses/previous-instructions": FAIL},
    ),
    "foreground": (
        ignores("background"),
        {"api/responses/background": SILENT, "api/responses/cancel": SILENT},
    ),
    "never-cancels": (
        answered(lambda body: body.get("status") == "cancelled" and body.update(status="queued")),
        {"api/responses/cancel": SILENT},
    ),
    "knows-every-id": (
        Fault(status=lambda status: 200 if status in (400, 404) else status),
        {
            "api/responses/retrieve-unknown": SILENT,
            "api/responses/cancel-unknown": SILENT,
            "api/responses/previous-unknown": SILENT,
            "api/responses/cancel-finished": SILENT,
            "api/responses/background-not-stored": SILENT,
            **cased(
                "responses/refused",
                SILENT,
                "unknown-model",
                "empty-input",
                "required-without-tools",
                "unknown-function",
                "two-constraints",
                "prompt-template",
                "empty-cache-salt",
            ),
            **cased("responses/too-long", SILENT, "left-out", "disabled"),
        },
    ),
    "refuses-with-500": (
        Fault(status=lambda status: 500 if status != 200 else status),
        {
            "api/responses/retrieve-unknown": FAIL,
            "api/responses/refused[unknown-model]": FAIL,
            "api/responses/too-long[disabled]": FAIL,
            "api/responses/input-image": FAIL,
        },
    ),
    "refuses-without-reason": (
        Fault(refusal=lambda body: {"detail": "no"}),
        {"api/responses/retrieve-unknown": FAIL, "api/responses/refused[empty-input]": FAIL},
    ),
    "retrieves-another": (
        answered(lambda body: body.update(created_at=body.get("created_at", 0) + id(body) % 97)),
        {"api/responses/shape": "PASS"},
    ),
    "goes-on-from-the-beginning": (
        Fault(events=lambda events: events[1:] if events[0]["sequence_number"] else events),
        {
            "api/responses/background-stream[after-first]": FAIL,
            "api/responses/background-stream[after-fourth]": FAIL,
        },
    ),
    "never-truncates": (
        ignores("truncation"),
        {"api/responses/truncation-auto": UNSUPPORTED, "api/responses/echo[truncation]": FAIL},
    ),
    "always-truncates": (
        always(truncation="auto"),
        {"api/responses/too-long[left-out]": SILENT, "api/responses/too-long[disabled]": SILENT},
    ),
    "tells-nothing-of-its-request": (
        answered(
            lambda body: body.update(
                metadata=None,
                max_tool_calls=None,
                service_tier="auto",
                user=None,
                top_logprobs=None,
            )
        ),
        cased(
            "responses/echo",
            FAIL,
            "metadata",
            "max_tool_calls",
            "service_tier",
            "user",
            "top_logprobs",
        ),
    ),
    "ignores-stream": (
        ignores("stream"),
        {
            **cased("responses/stream-typed", SILENT, *TEXTS),
            **cased("responses/stream-framed", SILENT, *TEXTS),
            **cased("responses/stream-numbered", SILENT, *TEXTS),
            "api/responses/stream-usage": SILENT,
            "api/responses/stream-options": SILENT,
            "api/responses/stream-bit-by-bit": SILENT,
            "api/responses/background-stream[all]": SILENT,
        },
    ),
    "always-streams": (
        always(stream=True),
        {"api/responses/not-streamed": FAIL, "api/responses/shape": FAIL},
    ),
    "in-one-burst": (Fault(burst=True), {"api/responses/stream-bit-by-bit": SILENT}),
    "unnamed-events": (
        streamed(lambda event: event.update(event="message")),
        {"api/responses/stream-named": FAIL},
    ),
    "untyped-events": (
        streamed(lambda event: event.pop("output_index", None)),
        {
            **cased("responses/stream-typed", FAIL, *TEXTS),
            **cased("responses/stream-nested", FAIL, *TEXTS),
        },
    ),
    "misnumbered": (
        streamed(lambda event: event.update(sequence_number=0)),
        cased("responses/stream-numbered", FAIL, *TEXTS),
    ),
    "begins-late": (
        without("response.in_progress"),
        cased("responses/stream-framed", FAIL, *TEXTS),
    ),
    "ends-early": (
        without("response.completed"),
        {
            "api/responses/stream-usage": FAIL,
            "api/responses/stream-framed[text]": FAIL,
            "api/responses/stream-options": FAIL,
        },
    ),
    "two-ids": (
        streamed(lambda event: event["response"].update(id="resp_0"), "response.created"),
        {"api/responses/stream-framed[text]": FAIL},
    ),
    "parts-without-end": (
        without("content_part.done"),
        cased(
            "responses/stream-nested",
            FAIL,
            "text",
            "text-and-call",
            "reasoning",
            "reasoning-and-call",
        ),
    ),
    "items-without-end": (
        without("output_item.done"),
        {
            **cased("responses/stream-nested", FAIL, *TEXTS),
            **cased("responses/stream-whole", FAIL, *TEXTS),
            **cased("responses/stream-ids", FAIL, *TEXTS),
        },
    ),
    "items-of-another-id": (
        streamed(lambda event: event.update(item_id="it"), ".delta"),
        cased("responses/stream-nested", FAIL, *TEXTS),
    ),
    "new-ids": (
        streamed(lambda event: event["item"].update(id="new"), "output_item.done"),
        cased("responses/stream-ids", FAIL, *TEXTS),
    ),
    "loses-a-delta": (
        Fault(
            events=lambda e: [
                x
                for n, x in enumerate(e)
                if n == 0 or ".delta" not in x["type"] or ".delta" in e[n - 1]["type"]
            ]
        ),
        {
            **cased("responses/stream-nested", FAIL, *TEXTS),
            "api/responses/stream-text[words]": FAIL,
        },
    ),
    "arguments-in-one-piece": (
        Fault(
            events=lambda e: [
                x
                for x in e
                if x.get("delta") != ""
                and not ("arguments.delta" in x["type"] and len(x["delta"]) > 9)
            ]
        ),
        {"api/responses/stream-arguments": INCONCLUSIVE, "api/responses/stream-nested[call]": FAIL},
    ),
    "arguments-at-the-end": (
        without("arguments.delta"),
        {"api/responses/stream-arguments": INCONCLUSIVE, "api/responses/stream-forced": FAIL},
    ),
    "markup": (
        streamed(
            lambda event: (
                event["item"]["type"] == "message"
                and event["item"]["content"][0].update(text="I will <tool_call>")
            ),
            "output_item.done",
        ),
        {"api/responses/stream-no-markup": FAIL},
    ),
    "stream-counts-otherwise": (
        streamed(lambda e: plus_one(e["response"]["usage"], "input_tokens"), "completed"),
        {"api/responses/stream-usage": FAIL},
    ),
    "scores-left-out-of-streams": (
        streamed(lambda event: event.update(logprobs=[]), "output_text.delta"),
        {"api/responses/stream-logprobs": SILENT},
    ),
    "refuses-fields": (
        Fault(
            request=lambda body: (
                {**body, "temperature": -1}
                if set(body) - {"model", "input", "temperature", "max_output_tokens"}
                else body
            )
        ),
        {
            **cased(
                "responses/ignored-field",
                UNSUPPORTED,
                "background_options",
                "context_management",
                "max_tool_calls",
                "metadata",
                "moderation",
                "prompt_cache_key",
                "prompt_cache_options",
                "prompt_cache_retention",
                "safety_identifier",
                "service_tier",
                "store",
                "truncation",
                "user",
            ),
            **cased(
                "responses/vllm-field",
                UNSUPPORTED,
                "media_io_kwargs",
                "mm_processor_kwargs",
                "priority",
                "previous_input_messages",
                "session_id",
                "vllm_xargs",
                "watermarking",
                "mm_payload",
                "return_mm_kwargs",
                "kv_transfer_params",
                "ec_transfer_params",
            ),
        },
    ),
}
