"""The profile's requirements: a right server passes, a wrong one fails where it is wrong, and
nothing that a server sends is an error of the suite."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from conformance import catalogue
from conformance.evidence import Result
from conformance.outcomes import Outcome
from conformance.run import RunFolder
from conformance.selftest.judged import functions
from tests.numerics.running import results
from tests.numerics.small import production, shaken
from tests.recording.asking import ROUTES
from tests.recording.production import (
    Body,
    Model,
    Offers,
    Refusal,
    checkpoint,
    logprobs_after,
    serving,
)
from tests.recording.test_recording_faults import FAULTS

PASS, FAIL, UNSUPPORTED = Outcome.PASS, Outcome.FAIL, Outcome.UNSUPPORTED
INCONCLUSIVE = Outcome.INCONCLUSIVE
RIGHT, WRONG = shaken(0.004, 77), shaken(0.5, 78)
OFFERS = {**ROUTES, "generated": Offers()}

DISTRIBUTION = {f"distribution/{name}" for name in ("kl", "logprobs", "favourite", "position")}
SAME = {"batching/strangers", "batching/repeatable", "prefix-cache/repeated", "prefix-cache/shared"}


@pytest.fixture
def tokenizer(tmp_path: Path) -> Path:
    return checkpoint(tmp_path / "model", spaced=True)


def outcomes(found: dict[str, Result]) -> dict[str, Outcome]:
    return {id: result.outcome for id, result in found.items()}


def broken(found: dict[str, Result]) -> set[str]:
    return {id for id, result in found.items() if result.outcome is not PASS}


def test_these_are_all_of_the_profile() -> None:
    stated = [
        each.id
        for each in catalogue.requirements()
        if "numerics" in each.profiles and each.id.startswith("numerics/")
    ]
    # Whether a model is loaded at all is another matter: tests/e2e/test_each_model.py.
    assert sorted([*functions(), "numerics/model/served"]) == stated


@pytest.mark.parametrize("route", OFFERS)
@pytest.mark.parametrize("shown", [5, 20])
def test_a_right_server_passes(route: str, shown: int, tokenizer: Path, tmp_path: Path) -> None:
    with serving(replace(OFFERS[route], model=RIGHT, text=True)) as url:
        found = results(url, tokenizer, tmp_path, route=route, shown=shown)
    few = {"distribution/position"} if route == "chat" else set()
    one_form = {"prompts/text-and-ids"} if route in ("echo-text", "continuation", "chat") else set()
    assert broken(found) <= few | one_form
    assert {found[id].outcome for id in few & broken(found)} <= {INCONCLUSIVE}
    assert {found[id].outcome for id in one_form & broken(found)} <= {UNSUPPORTED}


@pytest.mark.parametrize("route", OFFERS)
@pytest.mark.parametrize("shown", [5, 20])
def test_a_wrong_server_fails(route: str, shown: int, tokenizer: Path, tmp_path: Path) -> None:
    with serving(replace(OFFERS[route], model=WRONG, text=True)) as url:
        found = results(url, tokenizer, tmp_path, route=route, shown=shown)
    for id in ("distribution/kl", "distribution/logprobs", "distribution/favourite", "greedy/text"):
        assert found[id].outcome is FAIL, id
    # It is not what production is, and it is itself.
    assert {id for id in SAME if found[id].outcome is not PASS} == set()
    assert found["evidence/logprobs"].outcome is PASS
    kl = found["distribution/kl"]
    assert "times what production allows" in kl.message
    assert "kl_" in (kl.expected or "") and "worst at position" in (kl.actual or "")
    assert kl.exchanges and kl.exchanges[-1].curl.startswith("curl ")


def only_from(position: int) -> Model:
    """Wrong from a position on."""
    return lambda ids: WRONG(ids) if len(ids) > position else logprobs_after(ids)


@pytest.mark.parametrize("route", ["prompt_logprobs", "generated"])
def test_what_is_wrong_late_only(route: str, tokenizer: Path, tmp_path: Path) -> None:
    with serving(Offers(model=only_from(80))) as url:
        found = results(url, tokenizer, tmp_path, route=route)
    position = found["distribution/position"]
    assert position.outcome is FAIL
    assert "outside from 64 on" in position.message
    sent = json.loads(position.exchanges[-1].curl.split("--data-binary '")[1].rstrip("'"))
    assert len(sent["prompt"]) > 64


def test_what_is_wrong_in_company_only(tokenizer: Path, tmp_path: Path) -> None:
    lock, inside, request = threading.Lock(), set[int](), threading.local()

    def model(ids: list[int]) -> list[float]:
        """A request, which has a thread of its own, is in company from its first token on."""
        if not hasattr(request, "in_company"):
            with lock:
                inside.add(threading.get_ident())
            time.sleep(0.02)
            request.in_company = len(inside) > 1
        return WRONG(ids) if request.in_company else logprobs_after(ids)

    def bend(answer: Body, body: Body) -> Body:
        with lock:
            inside.discard(threading.get_ident())
        return answer

    with serving(Offers(model=model, bend=bend)) as url:
        found = results(url, tokenizer, tmp_path, route="generated")
    assert broken(found) == {"batching/strangers"}
    assert found["batching/strangers"].message.startswith("Among other requests")


def test_what_is_wrong_the_second_time(tokenizer: Path, tmp_path: Path) -> None:
    times: Counter[tuple[int, ...]] = Counter()

    def bend(answer: Body, body: Body) -> Body:
        times[tuple(body.get("prompt", ()))] += 1
        return answer

    def model(ids: list[int]) -> list[float]:
        again = any(times[tuple(ids[:size])] for size in range(60, len(ids) + 1))
        return WRONG(ids) if again else logprobs_after(ids)

    with serving(Offers(model=model, bend=bend, chat=False)) as url:
        found = results(url, tokenizer, tmp_path, route="generated")
    assert found["prefix-cache/repeated"].outcome is FAIL
    assert found["prefix-cache/repeated"].message.startswith("A prompt that is cached")
    assert found["distribution/kl"].outcome is PASS


def test_what_another_prompt_leaves_behind(tokenizer: Path, tmp_path: Path) -> None:
    last: list[tuple[int, ...]] = [()]
    wrong = [False]

    def model(ids: list[int]) -> list[float]:
        same = min(len(ids), len(last[0]))
        if tuple(ids[:same]) != last[0][:same]:  # another prompt
            half = same // 3
            wrong[0] = half > 10 and tuple(ids[:half]) == last[0][:half]
        last[0] = tuple(ids)
        return WRONG(ids) if wrong[0] else logprobs_after(ids)

    with serving(Offers(model=model)) as url:
        found = results(url, tokenizer, tmp_path, route="generated")
    assert broken(found) == {"prefix-cache/shared"}
    assert found["prefix-cache/shared"].message.startswith("After another prompt")


def test_a_text_that_gets_a_token_more(tokenizer: Path, tmp_path: Path) -> None:
    def bend(answer: Body, body: Body) -> Body:
        if isinstance(body.get("prompt"), str):
            answer["usage"]["prompt_tokens"] += 1
            for choice in answer["choices"]:
                choice.pop("prompt_token_ids", None)
        return answer

    with serving(Offers(bend=bend)) as url:
        found = results(url, tokenizer, tmp_path)
    assert broken(found) == {"prompts/text-and-ids"}
    assert found["prompts/text-and-ids"].outcome is FAIL
    assert "prompt tokens where there are" in found["prompts/text-and-ids"].message


def test_without_logprobs_greedy_text_remains(tokenizer: Path, tmp_path: Path) -> None:
    silent = Offers(prompt_logprobs=False, logprobs=False, text=True)
    with serving(silent) as url:
        right = results(url, tokenizer, tmp_path)
    with serving(replace(silent, model=WRONG)) as url:
        wrong = results(url, tokenizer, tmp_path)
    for found in (right, wrong):
        assert outcomes(found)["evidence/logprobs"] is INCONCLUSIVE
        assert "logprobs of greedy tokens would decide" in found["evidence/logprobs"].message
        assert {found[id].outcome for id in DISTRIBUTION | SAME} == {INCONCLUSIVE}
    assert right["greedy/text"].outcome is PASS
    assert wrong["greedy/text"].outcome is FAIL
    assert "preferred its own by" in wrong["greedy/text"].message


@pytest.mark.parametrize("fault", FAULTS)
def test_garbage_is_never_the_suites_fault(fault: str, tokenizer: Path, tmp_path: Path) -> None:
    bend, _ = FAULTS[fault]

    def everywhere(answer: Body, body: Body) -> object:
        return bend(answer, body) if "prompt" in body and "choices" in answer else answer

    with serving(Offers(bend=everywhere, chat=False, tokenize=False)) as url:
        found = results(url, tokenizer, tmp_path)
    assert {result.outcome for result in found.values()} <= {PASS, FAIL, INCONCLUSIVE, UNSUPPORTED}
    assert all(result.message for id, result in found.items() if id in broken(found))


def test_garbage_from_the_middle_on(tokenizer: Path, tmp_path: Path) -> None:
    """The route works when it is tried, and then for some prompts only."""

    def bend(answer: Body, body: Body) -> object:
        return b"{" if len(body.get("prompt", ())) > 50 else answer

    with serving(Offers(bend=bend)) as url:
        found = results(url, tokenizer, tmp_path)
    evidence = found["evidence/logprobs"]
    assert evidence.outcome is FAIL
    assert "Prompt long-0: the answer is not JSON" in evidence.message
    assert evidence.exchanges[-1].response == "{"
    assert Outcome.ERROR not in outcomes(found).values()


def test_an_overloaded_server_is_not_judged(tokenizer: Path, tmp_path: Path) -> None:
    busy = threading.Semaphore(1)

    def model(ids: list[int]) -> list[float]:
        if not busy.acquire(blocking=False):
            raise Refusal("busy")
        time.sleep(0.001)
        busy.release()
        return logprobs_after(ids)

    with serving(Offers(model=model, refusal=429)) as url:
        found = results(url, tokenizer, tmp_path, route="generated")
    assert broken(found) == {"batching/strangers"}
    assert found["batching/strangers"].outcome is INCONCLUSIVE


def test_the_comparison_is_handed_over_once(tokenizer: Path, tmp_path: Path) -> None:
    with serving(replace(Offers(), model=WRONG)) as url:
        results(url, tokenizer, tmp_path)
    (handed,) = RunFolder(tmp_path / "run").parities()
    assert (handed["model"], handed["scope"]) == ("small", "server")
    assert handed["route"] == "prompt_logprobs" and handed["verdict"] == "outside"
    assert handed["requests"] > len(production().snapshot.prompts) and handed["seconds"] > 0
    for parted in handed["divergences"]:
        assert parted["production_text"] != parted["target_text"]
