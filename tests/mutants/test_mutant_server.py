"""The server of mutants: each route shows what the model says; what is not offered is refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

import fixtures.models
from conformance.api.numerics.gather import KNOWN, gather
from conformance.compare.production import Production
from conformance.recording.endpoint import Endpoint
from conformance.selftest import routes
from fixtures.mutants.api import Api
from fixtures.mutants.engine import Engine
from fixtures.mutants.offers import STRONG, WEAK, Offers
from fixtures.mutants.server import serving
from tests.mutants import killing

MODEL = "llama-gqa"
ROUTES = {
    "prompt_logprobs": STRONG,
    "echo": Offers(prompt_logprobs=False),
    "replay": WEAK,
    "generated": WEAK,
}
SHORT = [5, 6, 7, 8]


@pytest.fixture(scope="module")
def loaded() -> Any:
    return routes.load(MODEL)


@pytest.fixture(scope="module")
def beside() -> Production:
    return routes.known(MODEL, routes.few(MODEL, None), 8)


@pytest.fixture
def api(loaded: Any) -> Iterator[httpx.Client]:
    with (
        serving(loaded, fixtures.models.path(MODEL), MODEL, replace(WEAK, chat=False)) as url,
        httpx.Client(base_url=url.removesuffix("/v1"), trust_env=False) as client,
    ):
        yield client


def asked(api: httpx.Client, **fields: Any) -> httpx.Response:
    body = {"model": MODEL, "prompt": SHORT, "temperature": 0, "max_tokens": 2, **fields}
    return api.post("/v1/completions", json=body)


@pytest.mark.parametrize("route", ROUTES)
def test_a_route_shows_the_model(route: str, loaded: Any, beside: Production) -> None:
    folder = fixtures.models.path(MODEL)
    with (
        serving(loaded, folder, MODEL, ROUTES[route]) as url,
        Endpoint(url, MODEL, api_key=None, timeout_s=60) as endpoint,
    ):
        found = gather(endpoint, beside, folder, route=route)
    assert list(found.routes) == [route] and not found.troubles and not found.anchors
    assert found.shown == ROUTES[route].logprobs
    wanted = [len(each.positions) for each in beside.snapshot.prompts.values()]
    if route in ("prompt_logprobs", "echo"):
        assert found.positions == sum(wanted)
    assert killing.worst(found.parity()) < 0.5


@pytest.mark.parametrize("route", ["continuation", "chat"])
def test_texts_are_answered(route: str, loaded: Any) -> None:
    """Of the scripted model, whose prompts are texts."""
    model = "scripted"
    folder = fixtures.models.path(model)
    beside = routes.known(model, ("script-capital", "script-fox", "script-silence"))
    with (
        serving(routes.load(model), folder, model, Offers(token_ids=False)) as url,
        Endpoint(url, model, api_key=None, timeout_s=60) as endpoint,
    ):
        found = gather(endpoint, beside, folder, route=route)
    assert list(found.routes) == [route] and found.positions > 2
    assert killing.worst(found.parity()) < 1
    assert route in KNOWN


def test_models_and_tokens_are_told(api: httpx.Client) -> None:
    (model,) = api.get("/v1/models").json()["data"]
    assert model["id"] == MODEL and model["max_model_len"] == 1024
    text = api.post("/tokenize", json={"prompt": SHORT}).json()
    assert text["tokens"] == SHORT and text["count"] == 4


def test_usage_counts_all_prompts_of_a_list(api: httpx.Client) -> None:
    found = asked(api, prompt=[SHORT, SHORT[:2]]).json()
    assert [choice["index"] for choice in found["choices"]] == [0, 1]
    assert found["usage"] == {"prompt_tokens": 6, "completion_tokens": 4, "total_tokens": 10}
    assert {choice["finish_reason"] for choice in found["choices"]} == {"length"}


def test_ids_come_where_they_are_asked_for(api: httpx.Client) -> None:
    (choice,) = asked(api, return_token_ids=True).json()["choices"]
    assert choice["prompt_token_ids"] == SHORT and len(choice["token_ids"]) == 2
    assert "token_ids" not in asked(api).json()["choices"][0]


@pytest.mark.parametrize(
    "wrong",
    [
        {"logprobs": 6},
        {"echo": True},
        {"prompt_logprobs": 1},
        {"prompt": []},
        {"prompt": {}},
        {"prompt": ["text", 5]},
        {"prompt": [10**6]},
        {"max_tokens": 1024},
        {"temperature": 1},
    ],
)
def test_what_is_not_offered_is_refused(wrong: dict[str, Any], api: httpx.Client) -> None:
    answer = asked(api, **wrong)
    assert answer.status_code == 400 and answer.json()["error"]["message"]


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/embeddings"])
def test_what_is_not_there_is_not_found(path: str, api: httpx.Client) -> None:
    assert api.post(path, json={}).status_code == 404


def test_text_prompts_are_refused_as_ids_where_only_texts_are_taken(loaded: Any) -> None:
    with Engine(loaded) as engine:
        api = Api(engine, fixtures.models.path(MODEL), MODEL, Offers(token_ids=False))
        with pytest.raises(ValueError, match="text"):
            api.completions({"prompt": SHORT, "temperature": 0})
