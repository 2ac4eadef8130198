"""Certificates to test the reports with: a run as it would really look, and a hostile one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from conformance.evidence import Exchange, Result, curl_line, redact
from conformance.outcomes import Level, Outcome, judge
from conformance.report.certificate import (
    Certificate,
    KnownFailures,
    Machine,
    Served,
    Suite,
    Target,
    with_control,
)
from tests.report.comparisons import comparisons

SECRET = "sk-live-9f2c1e77"
MARKUP = "</script><script>document.title='owned';alert(1)</script>"
ESCAPES = "\x1b[2J\x1b[31mred\x1b[0m \x07 [bold red]markup[/] \u202egnp.exe"
HOSTILE = f"{MARKUP}<img src=x onerror=alert(2)>{{{{ 7*7 }}}}{ESCAPES}"


def exchange(body: str, response: str, status: int | None = 200) -> Exchange:
    """Evidence made the way the suite makes it: through `curl_line` and `redact`."""
    url = "http://127.0.0.1:8080/v1/chat/completions"
    headers = {"Authorization": f"Bearer {SECRET}", "Content-Type": "application/json"}
    curl = curl_line("POST", url, headers, body.encode(), [SECRET])
    return Exchange(curl, "POST", url, status, redact(response, [SECRET]), False, 0.231)


def result(id: str, level: Level, outcome: Outcome, message: str = "", **more: Any) -> Result:
    """One result; a departure gets an exchange unless it is given some."""
    if outcome is not Outcome.PASS:
        more.setdefault("cause", message.split(". ")[0].rstrip("."))
        more.setdefault("exchanges", [exchange('{"model": "m"}', '{"choices": []}')])
    return Result(
        **{
            "id": id,
            "level": level,
            "title": f"The server {level} do what {id.split('/')[2]} says.",
            "why": "An agent that relies on this breaks the day it meets production.",
            "source": "OpenAI chat.completions.create",
            "profiles": ["core", "api"],
            "outcome": outcome,
            "message": message,
            "duration_s": 0.25,
            **more,
        }
    )


def certificate(results: list[Result], *, void: str | None = None, **changes: Any) -> Certificate:
    """A complete and consistent certificate over `results`."""
    total = changes.get("expected_total", len(results))
    made = Certificate(
        verdict=judge([(r.level, r.outcome) for r in results], expected_total=total, void=void),
        complete=len(results) == total,
        profile="core",
        target=Target(
            name="mlx-lm",
            backend="mlx-lm",
            backend_version="0.32.2",
            base_url="http://127.0.0.1:8080/v1",
            model="SmolLM2-135M-Instruct",
            tokenizer="SmolLM2-135M-Instruct",
            weights_sha256="5f" * 32,
            command=["python", "-m", "mlx_lm", "server", "--model", "SmolLM2-135M-Instruct"],
            claims={"owned_by": "mlx", "max_model_len": 2048},
            server_header="BaseHTTP/0.6 Python/3.11.9",
        ),
        control=None,
        suite=Suite("0.1.0", "3c1f9ab2d07e4c1a8d5b6f7e9a0b1c2d3e4f5a6b", False),
        machine=Machine("macOS 15.1", "arm64", "Apple M2 Pro", 12, 32.0, "Apple M2 Pro", "3.11.9"),
        started="2026-11-20T14:03:10Z",
        finished="2026-11-20T14:07:52Z",
        duration_s=282.4,
        phases={"start": 11.8, "requests": 268.1},
        workers=4,
        expected_total=total,
        results=results,
    )
    return replace(made, **changes)


def realistic() -> Certificate:
    """A dozen and more results of all outcomes, with a control."""
    must, should, may = Level.MUST, Level.SHOULD, Level.MAY
    results = [
        result("api/models/list", must, Outcome.PASS),
        result("api/chat/answer", must, Outcome.PASS),
        result("api/chat/stream-usage", must, Outcome.PASS),
        result("api/transport/sse-done", must, Outcome.PASS, duration_s=3.1),
        result(
            "api/chat/seed-repeats",
            must,
            Outcome.INCONCLUSIVE,
            "Both answers are a single token, so equal seeds prove nothing. "
            "A model with a longer answer decides.",
        ),
        result(
            "api/chat/logprobs-top",
            must,
            Outcome.SILENT,
            "The server took logprobs and left them out of the answer. "
            "The field choices[0].logprobs is absent.",
            expected="choices[0].logprobs.content with 5 top_logprobs for each token",
            actual="choices[0] has: finish_reason, index, message",
            exchanges=[
                exchange(
                    '{"model": "SmolLM2-135M-Instruct", "messages": [{"role": "user", "content": '
                    '"Say hello."}], "logprobs": true, "top_logprobs": 5, "max_tokens": 8}',
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n"
                    '{"id": "chatcmpl-1", "choices": [{"index": 0, "finish_reason": "length", '
                    '"message": {"role": "assistant", "content": "Hello! How can I"}}]}',
                )
            ],
        ),
        *(
            result(
                f"api/chat/ignored[{name}]",
                must,
                Outcome.SILENT,
                f"The server accepts sampling parameters and ignores them. {name} changed nothing.",
                expected=f"the answer changes with {name}",
                actual="the same 16 tokens with and without it",
            )
            for name in ("frequency_penalty", "logit_bias", "min_p", "presence_penalty")
        ),
        result(
            "api/chat/stop-list",
            must,
            Outcome.FAIL,
            "The answer contains a stop string. The list has two strings and only the first works.",
            expected="text that ends before 'END' and before '\\n\\n'",
            actual="'Sure. 1, 2, 3\\n\\nEND of the list'",
        ),
        *(
            result(
                f"api/errors/wrong-type[{name}]",
                must,
                Outcome.FAIL,
                f"A wrong type is answered with 500. The request had a wrong {name}.",
                expected="status 400 and error.type invalid_request_error",
                actual="status 500, text/plain: Internal Server Error",
                exchanges=[exchange(f'{{"{name}": "hot"}}', "Internal Server Error", 500)],
            )
            for name in ("max_tokens", "temperature")
        ),
        result(
            "api/completions/echo-logprobs",
            must,
            Outcome.UNSUPPORTED,
            "The server refuses echo with status 400",
            expected="status 200",
            actual="status 400: echo is not supported",
        ),
        result(
            "api/completions/suffix",
            may,
            Outcome.UNSUPPORTED,
            "The server refuses suffix with status 400",
        ),
        result("api/completions/best-of", should, Outcome.PASS),
        result(
            "api/transport/gzip",
            should,
            Outcome.WAIVED,
            "The body is not decoded. A gzip request is answered with 400.",
            waived_outcome=Outcome.FAIL,
            waiver_reason="The proxy in front decodes bodies.",
            waiver_link="https://example.com/issues/12",
        ),
    ]
    made = certificate(
        results,
        known_failures=KnownFailures("known-failures.toml", "ab" * 32, 1),
        notes=["The server was started by Maccord."],
    )
    departs = {"api/completions/suffix": Outcome.UNSUPPORTED, "api/transport/gzip": Outcome.FAIL}
    control = certificate(
        [
            replace(r, outcome=departs.get(r.id, Outcome.PASS), waived_outcome=None)
            for r in results
            if r.id != "api/chat/ignored[min_p]"
        ]
    )
    control = replace(control, target=replace(control.target, name="vLLM 0.32.0 (H100)"))
    return with_control(made, control, "fixtures/snapshots/vllm-0.32.0.json", sha256="cd" * 32)


def of_several_models() -> Certificate:
    """A run over several models, two of which are broken and one of which is not served."""
    found = comparisons()
    results = [
        result(
            f"numerics/distribution/kl[{each['model']}]",
            Level.MUST,
            Outcome.PASS if each["verdict"] == "inside" else Outcome.FAIL,
            "" if each["verdict"] == "inside" else each["reason"],
        )
        for each in found
    ]
    served = [Served(each["model"], True, "", "5f" * 32, {"requests": 4.2}) for each in found]
    return certificate(
        results,
        profile="numerics",
        numerics=found,
        models=[*served, Served("phi3-fused", False, "mlx-lm gave up.")],
    )


def hostile_comparison(scope: str) -> dict[str, Any]:
    """A comparison whose every text comes from a server that means harm."""
    text = f"It begins well. {HOSTILE} " * 9
    return {
        "model": HOSTILE, "scope": scope, "verdict": "outside", "reason": HOSTILE,
        "diagnosis": HOSTILE, "positions": 3, "shown": 5, "agreement": 0.5, "rank": 0.5,
        "figures": [{"name": name, "value": 2.0, "limit": 1.0} for name in ("kl_max", HOSTILE)],
        "by_position": [
            {"begin": 0, "count": 3, "mean": 0.1, "p99": 0.2, "max": 1e9, "limit": 0.001}
        ],
        "divergences": [
            {
                "prompt": HOSTILE, "position": 9, "length": 5, "expected": 1, "chosen": -1,
                "margin": 0.1, "production": [1], "target": [-1],
                "production_text": f"{text}{end}", "target_text": f"{text}{MARKUP}{end}",
            }
            for end in ("", HOSTILE, "\ud83d", "x" * 5000)
        ],
        "route": HOSTILE, "requests": 3, "seconds": 0.1, "left_out": [HOSTILE], "way": HOSTILE,
        "quantised": {"bits": HOSTILE, "kl_mean": 0.1},
    }  # fmt: skip


def hostile() -> Certificate:
    """A server that attacks its reader in every text that it can reach, on every outcome."""
    results = [
        result(
            f"api/chat/{outcome.lower()}[{MARKUP}]",
            Level.MUST,
            outcome,
            HOSTILE,
            title=f"The server MUST {HOSTILE}",
            why=HOSTILE,
            source=HOSTILE,
            cause=f"Cause {HOSTILE}",
            expected=HOSTILE,
            actual=HOSTILE,
            exchanges=[exchange(HOSTILE, f"{HOSTILE} your key is {SECRET}", None)],
            waived_outcome=Outcome.FAIL if outcome is Outcome.WAIVED else None,
            waiver_reason=HOSTILE,
            waiver_link="javascript:alert(3)",
        )
        for outcome in Outcome
        if outcome is not Outcome.PASS
    ]
    made = certificate(
        results,
        log_tail=HOSTILE,
        notes=[HOSTILE],
        models=[Served(HOSTILE, True, "", "5f" * 32), Served(HOSTILE, False, HOSTILE)],
        numerics=[hostile_comparison(scope) for scope in ("server", "runner")],
    )
    target = replace(
        made.target,
        name=HOSTILE,
        model=HOSTILE,
        server_header=HOSTILE,
        command=[HOSTILE],
        claims={HOSTILE: HOSTILE},
    )
    control = replace(made, target=target)
    return with_control(replace(made, target=target), control, HOSTILE)
