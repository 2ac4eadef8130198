"""The hooks, on model runners made by hand; vLLM's own are in `tests/e2e/test_real_recorder.py`."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from fixtures.snapshots import SnapshotError, capture
from fixtures.snapshots.capture import Capture
from fixtures.snapshots.record import Asked, recorded

HEAD = torch.linspace(-1, 1, 3 * 8).reshape(3, 8).sin()


class Model:
    """Hidden states `[rows, 3]` to logits `[rows, 8]`."""

    def compute_logits(self, hidden: torch.Tensor) -> torch.Tensor:
        return hidden @ HEAD


class V2:
    """What `capture` needs of `vllm/v1/worker/gpu/model_runner.py`."""

    prompt_logprobs_worker = None

    def __init__(self) -> None:
        self.model = Model()
        self.sampled: list[torch.Tensor] = []

    def sample(self, hidden: torch.Tensor, batch: Any, grammar: None) -> str:
        logits = self.model.compute_logits(hidden[batch.logits_indices])
        self.sampled.append(logits.argmax(-1))
        logits.zero_()  # A sampler may compute in place.
        return "sampled"

    def step(self, requests: dict[str, list[int]], first: dict[str, int]) -> None:
        tokens = [token for ids in requests.values() for token in ids]
        starts = np.cumsum([0, *(len(ids) for ids in requests.values())])
        positions = [
            first[name] + index for name, ids in requests.items() for index in range(len(ids))
        ]
        padded = torch.tensor([*tokens, 7, 7])
        batch = SimpleNamespace(
            req_ids=list(requests),
            num_reqs=len(requests),
            # Padded for CUDA graphs, as the tokens are.
            query_start_loc_np=np.array([*starts, starts[-1]]),
            logits_indices=torch.from_numpy(starts[1:] - 1),
            input_ids=padded,
            positions=torch.tensor([*positions, 0, 0]),
        )
        assert self.sample(hidden(padded), batch, None) == "sampled"


class V1:
    """What `capture` needs of `vllm/v1/worker/gpu_model_runner.py`."""

    def __init__(self) -> None:
        self.model = Model()

    def _sample(self, logits: torch.Tensor, spec_decode_metadata: None) -> None:
        logits.zero_()

    def _get_prompt_logprobs_dict(self, hidden: torch.Tensor, scheduled: dict[str, int]) -> Any:
        return {}

    def step(self, requests: dict[str, list[int]], first: dict[str, int]) -> None:
        scheduled = {name: len(ids) for name, ids in requests.items()}
        self.input_batch = SimpleNamespace(req_ids=list(requests))
        tokens = torch.tensor([token for ids in requests.values() for token in ids])
        self.input_ids = SimpleNamespace(gpu=torch.cat([tokens, tokens]))
        self.positions = torch.tensor(
            [first[name] + i for name, ids in requests.items() for i in range(len(ids))] + [0, 0]
        )
        last = np.cumsum(list(scheduled.values())) - 1
        self._sample(self.model.compute_logits(hidden(tokens)[last]), None)
        # The scheduler's order need not be the batch's.
        reverse = dict(reversed(scheduled.items()))
        assert self._get_prompt_logprobs_dict(hidden(tokens), reverse) == {}


def hidden(tokens: torch.Tensor) -> torch.Tensor:
    """A hidden state per token that no other token has."""
    return torch.stack([tokens.sin(), tokens.cos(), tokens * 0.1], dim=-1)


@pytest.mark.parametrize("runner", [V1, V2])
def test_every_row_is_that_of_its_token(runner: type[V1 | V2], monkeypatch: Any) -> None:
    """Two prompts, one of them in two chunks, then a step of decoding."""
    monkeypatch.setattr(capture, "ROWS", 2)
    engine = runner()
    watch = Capture(engine)
    engine.step({"b": [5, 1, 2], "a": [4, 3]}, {"b": 0, "a": 0})
    engine.step({"a": [6], "b": [0, 6, 1, 2, 3]}, {"a": 2, "b": 3})
    found = watch.take()
    assert (watch.vocabulary, watch.device) == (8, "cpu")
    for name, tokens in {"a": [4, 3, 6], "b": [5, 1, 2, 0, 6, 1, 2, 3]}.items():
        seen = found[name]
        assert seen.token_ids.tolist() == tokens
        assert seen.positions.tolist() == list(range(len(tokens)))
        logits = (hidden(torch.tensor(tokens)) @ HEAD).numpy()
        order = np.argsort(-logits, axis=1, kind="stable")
        np.testing.assert_array_equal(seen.top_ids, order)
        expected = np.take_along_axis(logits, order, axis=1)
        np.testing.assert_allclose(seen.top_logits, expected, rtol=1e-6)
        np.testing.assert_allclose(seen.logsumexp, np.log(np.exp(logits).sum(1)), rtol=1e-5)
    assert watch.take() == {}


def test_a_large_vocabulary_keeps_the_top(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture, "WHOLE", 4)
    monkeypatch.setattr(capture, "TOP", 2)
    engine = V2()
    watch = Capture(engine)
    engine.step({"a": [4, 3]}, {"a": 0})
    logits = (hidden(torch.tensor([4, 3])) @ HEAD).numpy()
    seen = watch.take()["a"]
    np.testing.assert_array_equal(seen.top_ids, np.argsort(-logits, axis=1)[:, :2])
    np.testing.assert_allclose(seen.logsumexp, np.log(np.exp(logits).sum(1)), rtol=1e-5)


def test_a_position_that_was_computed_twice_is_refused() -> None:
    engine = V2()
    watch = Capture(engine)
    engine.step({"a": [4, 3]}, {"a": 0})
    engine.step({"a": [3]}, {"a": 1})
    with pytest.raises(SnapshotError, match="twice"):
        watch.take()


def test_logits_that_are_not_numbers_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = V2()
    watch = Capture(engine)
    monkeypatch.setitem(globals(), "HEAD", HEAD * float("nan"))
    engine.step({"a": [4, 3]}, {"a": 0})
    with pytest.raises(SnapshotError, match="not numbers"):
        watch.take()


def test_another_model_runner_is_refused() -> None:
    with pytest.raises(SnapshotError, match="does not know"):
        Capture(Model())


def rows(tokens: list[int], favourites: list[int], first: int = 0) -> capture.Rows:
    """Rows that each favour a token."""
    logits: NDArray[np.float32] = np.zeros((len(tokens), 8), dtype=np.float32)
    logits[np.arange(len(tokens)), favourites] = 1
    ids = np.argsort(-logits, axis=1, kind="stable").astype(np.int32)
    return capture.Rows(
        positions=np.arange(first, first + len(tokens)),
        token_ids=np.array(tokens),
        top_ids=ids,
        top_logits=np.take_along_axis(logits, ids, axis=1),
        logsumexp=np.zeros(len(tokens), dtype=np.float32),
    )


ASKED = Asked([1, 2], 2, "salt")


def test_prompt_and_continuation_are_one_sequence() -> None:
    # Asynchronous scheduling runs the last token, too.
    found = recorded("p", ASKED, [5, 6], rows([1, 2, 5, 6], [0, 5, 6, 7]), 0)
    assert found.token_ids.tolist() == [1, 2, 5, 6]
    assert (found.prompt_length, found.positions.tolist()) == (2, [0, 1, 2])


def test_a_prompt_that_is_only_read_ends_where_it_ends() -> None:
    found = recorded("p", Asked([1, 2], 0, "salt"), [5], rows([1, 2], [0, 5]), 0)
    assert found.token_ids.tolist() == [1, 2]
    assert found.positions.tolist() == [0, 1]


def test_positions_from_the_cache_may_be_missing() -> None:
    found = recorded("p", ASKED, [5, 6], rows([2, 5], [5, 6], first=1), 1)
    assert found.positions.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("seen", "sentence"),
    [
        (rows([2, 5], [5, 6], first=1), r"positions \[0\] were not seen"),
        (rows([1, 2], [0, 5]), r"positions \[2\] were not seen"),
        (rows([1, 3, 5], [0, 5, 6]), "position 1 was computed from another token"),
        (rows([1, 2, 5], [0, 5, 4]), "position 2 chose token 6.* favour 4"),
    ],
    ids=["a gap before", "a gap after", "another token", "another favourite"],
)
def test_rows_that_cannot_be_those_are_refused(seen: capture.Rows, sentence: str) -> None:
    with pytest.raises(SnapshotError, match=sentence):
        recorded("p", ASKED, [5, 6], seen, 0)


def test_a_tie_may_be_broken_either_way() -> None:
    seen = rows([1, 2], [0, 5])
    seen.top_logits[1, :3] = 1
    other = int(seen.top_ids[1, 2])
    assert recorded("p", Asked([1, 2], 1, "salt"), [other], seen, 0).token_ids[-1] == other
