"""Evidence is the server's own distribution in production's contexts, on every route."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from conformance.api.numerics.evidence import Evidence
from conformance.api.numerics.gather import KNOWN
from fixtures.snapshots import Recorded
from tests.numerics.small import PROMPTS, production, see, shaken
from tests.recording.asking import ROUTES
from tests.recording.production import CONTEXT, WORDS, Model, Offers, checkpoint, greedy, serving

OFFERS = {**ROUTES, "generated": Offers()}
RIGHT, WRONG = shaken(0.004, 77), shaken(0.5, 78)


@pytest.fixture
def tokenizer(tmp_path: Path) -> Path:
    return checkpoint(tmp_path / "model", spaced=True)


def truthful(seen: dict[str, Recorded], model: Model) -> None:
    """Every row is the model's, after the tokens that production's sequence has there."""
    for name, found in seen.items():
        sequence = production().snapshot.prompts[name].token_ids.tolist()
        assert found.token_ids.tolist() == sequence
        for position, ids, logprobs in zip(
            found.positions, found.top_ids, found.logprobs, strict=True
        ):
            truth = model(sequence[: position + 1])
            assert np.allclose(logprobs, [truth[id] for id in ids], atol=1e-5), (name, position)
            assert truth[ids[0]] == max(truth)


def generated(name: str) -> range:
    """Positions of production's whose rows come with generated tokens."""
    found = production().snapshot.prompts[name]
    return range(found.prompt_length - 1, len(found.token_ids) - 1)


@pytest.mark.parametrize("route", OFFERS)
@pytest.mark.parametrize("shown", [5, 20])
def test_a_right_server_is_inside(route: str, shown: int, tokenizer: Path) -> None:
    with serving(replace(OFFERS[route], model=RIGHT)) as url:
        found = see(url, tokenizer, route=route, shown=shown)
    assert set(found.routes) == {route} and found.shown == shown
    truthful(found.seen, RIGHT)
    assert found.parity().verdict == "inside"
    assert not found.troubles


@pytest.mark.parametrize("route", OFFERS)
@pytest.mark.parametrize("shown", [5, 20])
def test_a_wrong_server_is_outside(route: str, shown: int, tokenizer: Path) -> None:
    with serving(replace(OFFERS[route], model=WRONG)) as url:
        found = see(url, tokenizer, route=route, shown=shown)
    truthful(found.seen, WRONG)
    assert found.parity().verdict == "outside"


@pytest.mark.parametrize("route", ["prompt_logprobs", "echo", "generated"])
def test_a_server_that_departs_is_led_back_until_all_is_seen(route: str, tokenizer: Path) -> None:
    with serving(replace(OFFERS[route], model=WRONG)) as url:
        found = see(url, tokenizer, route=route)
    assert found.anchors > 3
    for name, seen in found.seen.items():
        inner = range(len(PROMPTS[name]) - 1) if route != "generated" else []
        assert seen.positions.tolist() == sorted({*inner, *generated(name)})


def test_texts_are_led_back_where_they_can_be_read_again(tokenizer: Path) -> None:
    with serving(replace(ROUTES["continuation"], model=WRONG)) as url:
        found = see(url, tokenizer)
    assert found.anchors > 3 and set(found.routes) == {"continuation"}
    assert found.positions > 0.9 * sum(len(generated(name)) for name in PROMPTS)
    truthful(found.seen, WRONG)


def test_a_chat_that_goes_on_is_led_back(tokenizer: Path) -> None:
    with serving(replace(ROUTES["chat"], model=WRONG)) as url:
        found = see(url, tokenizer)
    assert found.anchors > 0
    truthful(found.seen, WRONG)
    whole = [name for name, seen in found.seen.items() if len(WORDS) - 1 not in seen.token_ids]
    assert whole  # the others say a token whose text is another's
    for name in whole:
        assert found.seen[name].positions.tolist() == list(generated(name))


@pytest.mark.parametrize("extras", ["honoured", "ignored"])
def test_a_chat_that_does_not_go_on_is_seen_until_it_departs(extras: str, tokenizer: Path) -> None:
    with serving(replace(ROUTES["chat"], model=WRONG, goes_on=False, extras=extras)) as url:
        found = see(url, tokenizer, shown=5)  # some of 20 are called as others are
    truthful(found.seen, WRONG)
    assert found.troubles == []
    assert any("after a departure" in sentence for sentence in found.left_out)


def test_greedy_is_what_the_server_says_first(tokenizer: Path) -> None:
    with serving(replace(OFFERS["generated"], model=WRONG)) as url:
        found = see(url, tokenizer, route="generated")
    expected = {name: said[len(PROMPTS[name]) :] for name, said in _own_sequences(WRONG).items()}
    assert {name: said for name, said in found.greedy.items() if said != expected[name]} == {}
    parted = {each.prompt: each for each in found.parity().divergences}
    assert parted
    for name, each in parted.items():
        assert each.chosen == found.greedy[name][each.position - each.length]


def test_the_strongest_route_is_taken(tokenizer: Path) -> None:
    for route, offers in ROUTES.items():
        with serving(offers) as url:
            found = see(url, tokenizer)
        assert next(iter(found.routes)) == route
        stronger = [name for name in ROUTES if name in found.failures]
        assert stronger == list(ROUTES)[: list(ROUTES).index(route)] or route == "echo-text"


def test_a_route_that_is_asked_for_is_the_only_one(tokenizer: Path) -> None:
    with serving() as url:
        assert set(see(url, tokenizer, route="continuation").routes) == {"continuation"}
        with pytest.raises(ValueError, match="There is no route 'psychic'"):
            see(url, tokenizer, route="psychic")
    assert set(KNOWN) == set(OFFERS)


def test_a_server_without_logprobs_shows_nothing_and_says_why(tokenizer: Path) -> None:
    with serving(Offers(prompt_logprobs=False, logprobs=False)) as url:
        found = see(url, tokenizer)
    assert not found.seen and not found.greedy and found.route == "none"
    assert set(found.failures) == set(ROUTES)
    assert found.parity().verdict == "undecided"


def test_what_is_not_permitted_is_not_offered(tokenizer: Path) -> None:
    with serving(Offers(completions=False, missing=401)) as url:
        assert set(see(url, tokenizer).routes) == {"chat"}


def test_one_prompt_that_cannot_be_believed_is_told(tokenizer: Path) -> None:
    def bend(answer: dict[str, object], body: dict[str, object]) -> object:
        return b"{" if len(str(body.get("prompt"))) > 300 else answer

    with serving(Offers(bend=bend)) as url:
        found = see(url, tokenizer)
    assert set(found.seen) == {name for name in PROMPTS if not name.startswith("long")}
    assert [sentence.split(":")[0] for sentence in found.troubles] == [
        f"Prompt {name}" for name in found.production.snapshot.prompts if name.startswith("long")
    ]
    assert len(found.broken) == 2 and found.broken[0].response == "{"


def test_a_refusal_of_what_is_too_long_is_no_trouble(tokenizer: Path) -> None:
    assert max(len(ids) for ids in PROMPTS.values()) < CONTEXT
    with serving() as url:
        found = see(url, tokenizer, context=100)
    assert not found.troubles and "long-0" not in found.seen
    assert any("fills the context of 100" in each or "fill the" in each for each in found.left_out)


@pytest.mark.parametrize("workers", [1, 3])
def test_as_many_requests_as_workers_are_in_flight_and_no_more(
    tokenizer: Path, workers: int
) -> None:
    changed, busy, most = threading.Condition(), [0], [0]

    def bend(answer: object, body: object) -> object:
        with changed:
            busy[0] += 1
            most[0] = max(most[0], busy[0])
            changed.notify_all()
            # Until all workers have been at it once, whoever is here waits for the others.
            changed.wait_for(lambda: most[0] >= workers, timeout=5)
            busy[0] -= 1
        return answer

    with serving(Offers(bend=bend)) as url:
        see(url, tokenizer, workers=workers)
    assert most[0] == workers


def test_each_position_knows_its_request(tokenizer: Path) -> None:
    with serving(replace(OFFERS["generated"], model=WRONG)) as url:
        found = see(url, tokenizer, route="generated")
    for name, seen in found.seen.items():
        sequence = seen.token_ids.tolist()
        for position in seen.positions.tolist():
            exchange = found.exchange(name, position)
            assert exchange is not None
            body = json.loads(exchange.curl.split("--data-binary '")[1].rstrip("'"))
            sent = body["prompt"]
            # The request says production's tokens, and goes on until the position.
            assert sent == sequence[: len(sent)]
            assert len(sent) - 1 <= position < len(sent) + body["max_tokens"] - 1


def test_evidence_travels_as_json(tokenizer: Path) -> None:
    with serving(replace(Offers(), model=WRONG)) as url:
        found = see(url, tokenizer)
    read = Evidence.from_json(json.loads(json.dumps(found.to_json())), production())
    assert read.parity().to_json() == found.parity().to_json()
    assert read.to_json() == found.to_json()
    assert (read.requests, read.seconds) == (found.requests, found.seconds) > (0, 0)


def _own_sequences(model: Model) -> dict[str, list[int]]:
    counts = {
        name: max(1, len(found.token_ids) - found.prompt_length)
        for name, found in production().snapshot.prompts.items()
    }
    return {name: [*ids, *greedy(ids, counts[name], model)] for name, ids in PROMPTS.items()}
