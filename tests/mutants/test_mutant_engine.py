"""The engine that serves mutants: it decodes what the model says, in whatever company."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from conformance.selftest import routes
from fixtures.models.matrix import forward
from fixtures.mutants.engine import BLOCK, CHUNK, Engine, Request

MODELS = ("llama-gqa", "gemma3-local-global", "deepseek-mla")
"""Of one layer type, of two with windows, and with a latent cache."""

BOUND = 1e-4
"""Nats by which a log probability in float32 may depend on the order of additions."""

LONG = [11 * place % 509 + 3 for place in range(CHUNK + 30)]
PROMPTS = [LONG, LONG[:5], LONG[40:77], LONG[:CHUNK], [5]]


def logprobs(model, ids):
    """`[tokens, vocabulary]`, of the whole sequence at once."""
    return torch.from_numpy(forward.logits(model, {"": ids})[""]).log_softmax(-1)


def off(model, ids, answer, scores, first):
    """How far the engine's scores from a position on lie from those of one pass."""
    right = logprobs(model, [*ids, *answer.token_ids])
    return max(
        abs(score.logprob - float(right[first + place - 1, score.token]))
        for place, score in enumerate(scores)
    )


@pytest.fixture(scope="module", params=MODELS)
def model(request):
    return routes.load(request.param)


def test_requests_together_are_answered_as_by_one_pass(model):
    with Engine(model) as engine:
        futures = [engine.submit(Request(ids, 12, 5)) for ids in PROMPTS]
        answers = [future.result(60) for future in futures]
    for ids, answer in zip(PROMPTS, answers, strict=True):
        right = logprobs(model, [*ids, *answer.token_ids])
        assert answer.token_ids == right.argmax(-1).tolist()[len(ids) - 1 : -1]
        assert off(model, ids, answer, answer.scores, len(ids)) < BOUND


def test_a_prompt_is_scored(model):
    with Engine(model) as engine:
        answer = engine.submit(Request(LONG, 1, 5, prompt=True)).result(60)
    assert [score.token for score in answer.prompt] == LONG[1:]
    assert off(model, LONG, answer, answer.prompt, 1) < BOUND


def test_a_beginning_is_taken_from_the_cache(model):
    """The second answer is the first, and fewer tokens are computed for it."""
    seen = []
    hook = model.register_forward_pre_hook(lambda module, args: seen.append(args[0].shape[1]))
    try:
        with Engine(model) as engine:
            first = engine.submit(Request(LONG, 3, 5)).result(60)
            cold = sum(seen)
            second = engine.submit(Request([*LONG, *first.token_ids], 3, 5)).result(60)
    finally:
        hook.remove()
    assert cold == len(LONG) + 2
    assert sum(seen) - cold < 2 * BLOCK
    assert off(model, [*LONG, *first.token_ids], second, second.scores, len(LONG) + 3) < BOUND


def test_a_stop_token_ends_an_answer():
    model = routes.load("llama-gqa")
    with Engine(model) as engine:
        free = engine.submit(Request(LONG, 8, 0)).result(60)
        stop = free.token_ids[4]
        ended = engine.submit(Request(LONG, 8, 0, stop=frozenset([stop]))).result(60)
    assert ended.stopped and not free.stopped
    assert ended.token_ids == free.token_ids[: free.token_ids.index(stop) + 1]


def test_a_failure_is_told_to_those_who_wait_and_to_no_others():
    model = routes.load("llama-gqa")
    with Engine(model) as engine:
        wrong = engine.submit(Request([10**6], 1, 0))
        right = engine.submit(Request([5], 1, 0))
        assert len(right.result(60).token_ids) == 1
        with pytest.raises(IndexError):
            wrong.result(60)


def test_more_requests_than_rows_wait_for_their_turn():
    model = routes.load("llama-gqa")
    with Engine(model) as engine, ThreadPoolExecutor(20) as pool:
        asked = [Request(LONG[place:40], 5, 1) for place in range(20)]
        answers = list(pool.map(lambda request: engine.submit(request).result(60), asked))
    assert all(len(answer.token_ids) == 5 for answer in answers)
