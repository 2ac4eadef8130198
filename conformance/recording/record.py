"""Records production over its API, and writes what was seen as a snapshot."""

from __future__ import annotations

import datetime
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from pathlib import Path

import fixtures.models
from conformance.compare.tokens import Tokenizer
from conformance.outcomes import SuiteError
from conformance.recording.endpoint import Endpoint, Nonsense, RecordingError, Refused
from conformance.recording.names import TokenNames
from conformance.recording.probing import Probing
from conformance.recording.prompts import (
    TEXTS,
    Prompt,
    built_in,
    from_file,
    of_checkpoint,
    vocabulary,
)
from conformance.recording.routes import ROUTES
from conformance.recording.rows import Seen, holes
from conformance.targets.progress import Progress, quiet
from conformance.targets.server import running
from fixtures.snapshots import TOP, WHOLE, Snapshot, save, tokenizer_sha256, weights_sha256

CONTINUED = 64
"""Greedy tokens after each prompt."""


@dataclass
class _Recording:
    """What came of the prompts so far."""

    seen: dict[str, Seen] = field(default_factory=dict)
    routes: Counter[str] = field(default_factory=Counter)
    given: dict[str, int] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


def record_over_api(
    base_url: str,
    out: Path,
    *,
    model: str | None = None,
    api_key: str | None = None,
    tokenizer: Path | None = None,
    prompts: Path | None = None,
    top: int | None = None,
    continued: int = CONTINUED,
    workers: int = 4,
    request_timeout_s: float = 120.0,
    route: str | None = None,
    engine: str = "unknown",
    progress: Progress = quiet,
) -> Snapshot:
    """Records an endpoint into the folder `out`, and returns what was written there.

    Args:
        model: the model's name there; by default the only one that is served.
        tokenizer: folder with the model's tokenizer.json, at best the whole checkpoint; a fixture
            model's own where `model` names one.
        prompts: JSON lines of one's own; by default the goldens' prompt set for that checkpoint,
            and a few texts and conversations.
        top: alternatives a position to ask for; by default what a snapshot keeps.
        continued: greedy tokens after each prompt.
        workers: requests in flight at once.
        request_timeout_s: deadline of one request. Nothing is asked twice.
        route: the only one to try, of `ROUTES`; by default the strongest that works.
        engine: what serves there, where somebody knows.

    Raises:
        TargetError: nothing is written; one sentence says why.
    """
    if route is not None and route not in (known := [kind.name for kind in ROUTES]):
        raise RecordingError(f"There is no route {route!r}; choose from {', '.join(known)}.")
    target = running(base_url, api_key=api_key, model=model, timeout_s=min(30.0, request_timeout_s))
    if tokenizer is None and target.model in fixtures.models.names():
        tokenizer = fixtures.models.path(target.model, progress=progress)
    try:
        names = TokenNames(tokenizer, vocabulary(tokenizer) if tokenizer else None)
        chosen = _chosen(tokenizer, prompts)
    except SuiteError as error:
        raise RecordingError(f"{error}.") from None
    size = names.vocabulary
    top = top or (size if size is not None and size <= WHOLE else TOP)
    with Endpoint(
        target.base_url, target.model, api_key=api_key, timeout_s=request_timeout_s
    ) as endpoint:
        progress("Looking for logprobs", target.base_url)
        _same_tokenizer(endpoint, names.tokenizer)
        chosen = [_identified(prompt, endpoint, names.tokenizer) for prompt in chosen]
        routes = [kind(endpoint, names) for kind in ROUTES if route in (None, kind.name)]
        probing = Probing(routes, chosen, top)
        done = _record(chosen, probing, continued, target.max_model_len, workers, progress)
        version = endpoint.version()
    if not done.seen:
        raise RecordingError(_nothing(target.base_url, probing, done))
    progress("Writing the snapshot", str(out))
    provenance = {
        "model": target.model,
        "engine": engine,
        "source": "api",
        "base_url": target.base_url,
        "server": {"header": target.server_header, "version": version},
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "values": "logprobs",
        "routes": dict(done.routes),
        "asked": top,
        "top": done.given,
        "continued": continued,
        "vocabulary": size,
        "weights_sha256": _weights(tokenizer, progress),
        "tokenizer_sha256": tokenizer and tokenizer_sha256(tokenizer),
        "unseen": _unseen(done, probing, tokenizer, size),
    }
    snapshot = Snapshot({name: seen.recorded() for name, seen in done.seen.items()}, provenance)
    save(snapshot, out)
    return snapshot


def _chosen(tokenizer: Path | None, prompts: Path | None) -> list[Prompt]:
    if prompts is not None:
        return from_file(prompts)
    return ([*of_checkpoint(tokenizer)] if tokenizer else []) + built_in()


def _same_tokenizer(endpoint: Endpoint, tokenizer: Tokenizer | None) -> None:
    """Raises RecordingError where the server tokenizes otherwise than the folder."""
    if tokenizer is None:
        return
    for text in TEXTS.values():
        told = endpoint.tokenize(prompt=text)
        if told is not None and told != tokenizer.encode(text):
            raise RecordingError(
                f"The tokenizer in {tokenizer.folder} is not the server's: they disagree about the "
                f"text {text[:30]!r}."
            )


def _identified(prompt: Prompt, endpoint: Endpoint, tokenizer: Tokenizer | None) -> Prompt:
    """The prompt with its token ids, where tokenizer or server tell them."""
    if prompt.token_ids is not None:
        return prompt
    ids: list[int] | None = None
    if prompt.messages is not None:
        ids = endpoint.tokenize(messages=prompt.messages, add_generation_prompt=True)
        if ids is None and tokenizer is not None:
            try:
                ids = tokenizer.encode_chat(prompt.messages)
            except SuiteError:
                ids = None
    elif prompt.text is not None:
        ids = tokenizer.encode(prompt.text) if tokenizer else endpoint.tokenize(prompt=prompt.text)
    return replace(prompt, token_ids=tuple(ids)) if ids else prompt


def _record(
    prompts: Sequence[Prompt],
    probing: Probing,
    continued: int,
    context: int | None,
    workers: int,
    progress: Progress,
) -> _Recording:
    """Sends all prompts, `workers` at a time."""
    done = _Recording()
    with ThreadPoolExecutor(workers) as pool:
        jobs = {
            pool.submit(_one, prompt, probing, continued, context): prompt for prompt in prompts
        }
        try:
            for number, job in enumerate(as_completed(jobs), start=1):
                _collect(jobs[job], job.result, done)
                progress("Recording", f"{number} of {len(prompts)} prompts")
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    order = [prompt.name for prompt in prompts if prompt.name in done.seen]
    done.seen = {name: done.seen[name] for name in order}
    return done


def _one(
    prompt: Prompt, probing: Probing, continued: int, context: int | None
) -> tuple[str, int, Seen]:
    """What the best route shows of a prompt: its name, alternatives a position, and rows.

    Raises:
        Refused, Nonsense: nothing that could be recorded.
    """
    found = probing.best(prompt)
    if found is None:
        raise Refused("the server shows no logprobs of a prompt in this form")
    room = continued if context is None else context - len(prompt.token_ids or ())
    if room < 1:
        raise Refused(f"its {len(prompt.token_ids or ())} tokens fill the context of {context}")
    seen = found.route.see(prompt, found.how, min(continued, room))
    if not seen.rows:
        raise Refused("; ".join(seen.left_out) or "nothing was scored")
    return found.route.name, found.how.given or found.how.asked, seen


def _collect(prompt: Prompt, result: Callable[[], tuple[str, int, Seen]], done: _Recording) -> None:
    try:
        route, given, seen = result()
    except (Refused, Nonsense) as reason:
        done.failed[prompt.name] = str(reason)
        return
    done.seen[prompt.name] = seen
    done.routes[route] += len(seen.rows)
    done.given[route] = given


def _unseen(
    done: _Recording, probing: Probing, tokenizer: Path | None, size: int | None
) -> list[str]:
    """What the snapshot does not hold, in sentences."""
    whole = size is not None and all(given == size for given in done.given.values())
    few = f"All but the {min(done.given.values())} likeliest tokens of a position."
    hashed = tokenizer is not None and any(tokenizer.glob("*.safetensors"))
    return [
        *([] if whole else [few]),
        "The scale of the logits: logprobs are logits less a constant of each position.",
        "Device, dtype, attention backend and flags: an API does not tell them.",
        "The weights: " + ("their sha256 is that of the folder that was given, not the server's."
                           if hashed else "no checkpoint was given to take their sha256 from."),
        *(route.unseen for route in probing.routes if route.name in done.routes and route.unseen),
        *(f"By {name}: {reason}." for name, reason in probing.failures.items()),
        *holes(seen.left_out for seen in done.seen.values()),
        *_by_reason(done.failed),
    ]  # fmt: skip


def _by_reason(failed: dict[str, str]) -> list[str]:
    """Sentences that name the prompts that were not recorded."""
    names: dict[str, list[str]] = defaultdict(list)
    for name, reason in sorted(failed.items()):
        names[reason].append(name)
    return [f"Of {', '.join(each)}: {reason}." for reason, each in names.items()]


def _nothing(base_url: str, probing: Probing, done: _Recording) -> str:
    """Why there is nothing to record, in one sentence."""
    tried = [f"{name}: {reason}" for name, reason in probing.failures.items()] or [
        sentence.rstrip(".") for sentence in _by_reason(done.failed)
    ]
    return f"{base_url} shows no logprobs that could be recorded ({'; '.join(tried)})."


def _weights(folder: Path | None, progress: Progress) -> str | None:
    if folder is None or not any(folder.glob("*.safetensors")):
        return None
    progress("Hashing the checkpoint", str(folder))
    return weights_sha256(folder)
