"""Each route shows production's own distribution, and what it cannot see is said."""

from __future__ import annotations

import json

import numpy as np
import pytest

from conformance.recording import RecordingError
from fixtures.snapshots import load
from tests.recording.asking import ROUTES, WEAK, record, write
from tests.recording.production import CONTEXT, WORDS, Offers, checkpoint, logprobs_after, serving


@pytest.fixture
def prompts(tmp_path):
    """Prompts without "y" and "z", whose texts are not anybody's own."""
    return write(
        tmp_path,
        {"name": "text", "prompt": "a b c d e f g h i j k l m n o p q r"},
        {"name": "chat", "messages": [{"role": "user", "content": "c a b"}]},
    )


def agree(recorded):
    """Every row is the model's distribution after the tokens before it, and its likeliest."""
    for position, ids, logprobs in zip(
        recorded.positions, recorded.top_ids, recorded.logprobs, strict=True
    ):
        truth = logprobs_after(recorded.token_ids[: position + 1].tolist())
        best = sorted(range(len(truth)), key=lambda id: -truth[id])[: len(ids)]
        assert ids.tolist() == best
        assert np.allclose(logprobs, [truth[id] for id in best], atol=1e-6)


@pytest.mark.parametrize("route", ROUTES)
def test_each_route_shows_the_model(route, prompts, tmp_path):
    with serving(ROUTES[route]) as url:
        written = record(url, tmp_path, prompts=prompts, tokenizer=checkpoint(tmp_path / "model"))
    assert route in written.provenance["routes"]
    read = load(tmp_path / "out")
    assert read.provenance["routes"] == written.provenance["routes"]
    for recorded in read.prompts.values():
        agree(recorded)


@pytest.mark.parametrize("route", ["prompt_logprobs", "echo", "echo-text"])
def test_teacher_forced_routes_see_every_position(route, prompts, tmp_path):
    with serving(ROUTES[route]) as url:
        found = record(url, tmp_path, prompts=prompts, tokenizer=checkpoint(tmp_path / "model"))
    text = found.prompts["text"]
    assert text.positions.tolist() == list(range(len(text.token_ids) - 1))
    assert text.prompt_length == 18


@pytest.mark.parametrize("lists", [True, False])
def test_replay_sees_chosen_positions_and_the_continuation(lists, tmp_path):
    with serving(Offers(**WEAK, echo=False, lists=lists)) as url:
        found = record(
            url, tmp_path, prompts=write(tmp_path, {"token_ids": list(range(1, 20)) * 2})
        )
    (seen,) = found.prompts.values()
    assert set(seen.positions.tolist()) >= {0, 1, 14, 15, 16, 31, 32, 37}
    assert 2 not in seen.positions
    agree(seen)
    assert "only those that matter most" in " ".join(found.provenance["unseen"])


def test_without_a_tokenizer_the_server_tells_the_ids(prompts, tmp_path):
    with serving() as url:
        found = record(url, tmp_path, prompts=prompts)
    assert found.provenance["vocabulary"] is None
    assert found.provenance["tokenizer_sha256"] is None
    for recorded in load(tmp_path / "out").prompts.values():
        agree(recorded)


@pytest.mark.parametrize("missing", [404, 403, 500])
def test_the_ids_may_come_with_the_answer(missing, prompts, tmp_path):
    with serving(Offers(tokenize=False, missing=missing)) as url:
        found = record(url, tmp_path, prompts=prompts)
    assert set(found.prompts) == {"text", "chat"}
    for recorded in found.prompts.values():
        agree(recorded)


@pytest.mark.parametrize("extras", ["ignored", "refused"])
def test_tokens_named_by_their_text_are_told_by_the_tokenizer(extras, prompts, tmp_path):
    """Where "z" is among the alternatives it may be either token: the position is left out."""
    with serving(Offers(**WEAK, extras=extras, limit=5)) as url:
        found = record(url, tmp_path, prompts=prompts, tokenizer=checkpoint(tmp_path / "model"))
    recorded = found.prompts["text"]
    agree(recorded)
    left_out = set(range(recorded.positions[-1])) - set(recorded.positions.tolist())
    assert left_out
    for position in left_out:
        truth = logprobs_after(recorded.token_ids[: position + 1].tolist())
        best = sorted(range(len(truth)), key=lambda id: -truth[id])[:5]
        following = int(recorded.token_ids[position + 1])
        assert {len(WORDS) - 1, len(WORDS) - 2} & {*best, following}
    assert "have the text that the server names" in " ".join(found.provenance["unseen"])


def test_texts_without_any_tokenizer_are_refused(prompts, tmp_path):
    with (
        serving(Offers(**WEAK, extras="ignored", tokenize=False)) as url,
        pytest.raises(RecordingError, match="--tokenizer"),
    ):
        record(url, tmp_path, prompts=prompts)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("offers", "k"),
    [
        (Offers(limit=20), 20),
        (Offers(limit=7), 7),
        (Offers(limit=7, names_limit=False), 5),
        (Offers(limit=1), 1),
        (Offers(cap=4), 4),
        (Offers(limit=100), len(WORDS)),
    ],
    ids=["named", "odd", "unnamed", "one", "capped", "whole"],
)
@pytest.mark.parametrize("echo", [False, True], ids=["prompt_logprobs", "echo"])
def test_as_many_alternatives_as_the_server_gives(offers, k, echo, prompts, tmp_path):
    offers = Offers(**{**vars(offers), "prompt_logprobs": not echo})
    with serving(offers) as url:
        record(url, tmp_path, prompts=prompts, tokenizer=checkpoint(tmp_path / "model"))
    for recorded in load(tmp_path / "out").prompts.values():
        assert recorded.top_ids.shape[1] == k
        agree(recorded)


@pytest.mark.parametrize(("names_limit", "k"), [(True, 11), (False, 10)])
def test_a_limit_is_found_among_other_numbers(names_limit, k, prompts, tmp_path):
    with serving(Offers(limit=11, names_limit=names_limit)) as url:
        found = record(url, tmp_path, prompts=prompts, top=500)
    assert found.provenance["top"] == {"prompt_logprobs": k}
    assert found.provenance["asked"] == 500


def test_the_prompts_of_the_goldens_by_default(tmp_path):
    with serving() as url:
        found = record(url, tmp_path, tokenizer=checkpoint(tmp_path / "model"), workers=8)
    assert {"one", "long", "block-16", "text-code", "chat-turns"} <= set(found.prompts)
    assert len(found.prompts["long"].positions) >= 320


def test_a_prompt_that_fills_the_context_is_left_out(tmp_path):
    prompts = write(
        tmp_path,
        {"name": "full", "token_ids": [1] * CONTEXT},
        {"name": "nearly", "token_ids": [1] * (CONTEXT - 1)},
    )
    with serving() as url:
        found = record(url, tmp_path, prompts=prompts)
    assert list(found.prompts) == ["nearly"]
    assert f"Of full: its {CONTEXT} tokens fill" in " ".join(found.provenance["unseen"])


def test_provenance_says_what_is_known(prompts, tmp_path):
    with serving() as url:
        record(url, tmp_path, prompts=prompts, api_key="sk-secret", engine="vllm")
    text = (tmp_path / "out" / "snapshot.json").read_text()
    assert "sk-secret" not in text
    known = json.loads(text)
    assert (known["model"], known["engine"], known["values"]) == ("prod", "vllm", "logprobs")
    assert known["server"]["version"] == "9.9"
    assert known["base_url"] == url
    assert known["weights_sha256"] is None
    unseen = " ".join(known["unseen"])
    assert "20 likeliest tokens" in unseen and "weights" in unseen and "dtype" in unseen


def test_the_weights_of_the_folder_are_named(prompts, tmp_path):
    model = checkpoint(tmp_path / "model")
    (model / "model.safetensors").write_bytes(b"weights")
    with serving() as url:
        found = record(url, tmp_path, prompts=prompts, tokenizer=model)
    assert found.provenance["weights_sha256"]
    load(tmp_path / "out", model=model)


def test_another_tokenizer_is_refused(prompts, tmp_path):
    other = checkpoint(tmp_path / "model", ["<unk>", "def", *WORDS[1:]])
    with serving() as url, pytest.raises(RecordingError, match="not the server's"):
        record(url, tmp_path, prompts=prompts, tokenizer=other)
