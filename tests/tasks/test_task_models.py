"""The fixture models for other tasks than text, and how a run is confined to what a server does."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from tiny_server import TinyServer

import fixtures.models
from conformance.api.seeing import apart
from conformance.kinds import OF_TASKS, is_of_tasks
from conformance.targets import recipes
from conformance.targets.client import Client
from conformance.targets.tasks import offered
from fixtures.goldens.tasks import load, make, seen, sights, transcripts
from fixtures.models.tasks.words import AUDIO, EMBEDDING, IMAGES, OTHERS, SCORING, TEXT

ENCODERS = ("bert-embedding", "bert-reranker", "bert-classifier")


@pytest.mark.parametrize("name", ENCODERS)
def test_a_golden_is_what_the_model_gives(name):
    golden = load(name)
    model = next(each for each in fixtures.models.tasks() if each.name == name)
    assert golden.provenance["model_sha256"] == model.sha256
    found = make.compute(fixtures.models.path(name), name, "float32", golden.cases[:4])
    assert make.apart(name, found, golden.values[:4]) <= golden.bound / 20


@pytest.mark.parametrize("name", ENCODERS)
def test_inputs_differ_by_far_more_than_the_bound(name):
    golden = load(name)
    rows = golden.values
    if name == "bert-embedding":
        apart = [make.distances(rows[:1], row[None])[0] for row in rows[1:]]
    else:
        apart = [np.abs(rows[0] - row).max() for row in rows[1:]]
    assert np.median(apart) > 5 * golden.bound


def test_a_golden_of_sounds_says_something_of_most():
    found = transcripts("whisper-audio").values()
    assert len(found) == 20
    assert all(each.text.startswith(each.certain) for each in found)
    assert sum(len(each.certain) >= 8 for each in found) >= 5
    assert len({each.text for each in found}) >= 10


def test_a_golden_of_images_is_what_the_model_says():
    golden = sights("idefics-images")
    found, _ = seen.entries(fixtures.models.path("idefics-images"), ["mosaic", "two", "none"])
    for entry in found:
        right = golden[entry["view"]]
        assert entry["prompt_tokens"] == right.prompt_tokens
        assert entry["tokens"][: right.certain] == right.tokens[: right.certain]
        assert apart(entry["first"], dict(right.first)) <= right.bound / 20


def test_views_differ_by_far_more_than_the_bound():
    golden = sights("idefics-images")
    firsts = [dict(each.first) for each in golden.values()]
    between = [apart(one, other) for one, other in itertools.combinations(firsts, 2)]
    assert min(between) > 2 * golden["none"].bound
    assert sum(each.certain >= 4 for each in golden.values()) >= 5


def test_a_requirement_is_of_a_task_by_its_id():
    assert is_of_tasks("api/chat/stop", [TEXT]) and not is_of_tasks("api/chat/stop", [EMBEDDING])
    assert is_of_tasks("api/embeddings/golden[word]", [EMBEDDING])
    assert not is_of_tasks("api/embeddings/golden[word]", [TEXT, AUDIO])
    assert is_of_tasks("api/rerank/order", [SCORING]) and is_of_tasks("api/models/list", [AUDIO])
    assert set(OF_TASKS) == set(OTHERS)


def test_every_such_model_is_of_one_of_the_tasks_and_vllm_is_told_how():
    recipe = recipes.load("vllm-cpu")
    for model in fixtures.models.tasks():
        assert model.task in OTHERS
        assert fixtures.models.task_of(model.name) == model.task
        # What follows an image hangs on it, as what follows a text: its prefixes may be cached.
        cached = "--no-enable-prefix-caching" not in recipe.start.command_for(model.name)
        assert cached == (model.task == IMAGES)
    assert fixtures.models.task_of("scripted") == TEXT
    assert fixtures.models.task_of("of-somebody") is None


def test_what_a_server_offers_is_found_by_asking():
    with TinyServer("bert-embedding") as server, Client(server.target.base_url) as client:
        assert offered(client, server.model) == (EMBEDDING,)
