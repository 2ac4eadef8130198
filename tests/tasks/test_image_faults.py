"""Requirements on images in chats hold for a right server and catch each fault."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from seeing_server import SeeingServer

from conformance.api.ask import Ask
from conformance.api.chat.test_messages import test_image as image_in_a_chat
from conformance.api.images import test_images as seen
from conformance.api.images import test_refusals as refusals
from conformance.api.seeing import Viewer
from conformance.outcomes import Failed, Judgement, Silent
from conformance.targets.client import Client
from conformance.targets.tasks import offered
from fixtures.models.tasks.words import IMAGES

Case = tuple[str, Callable[..., None], tuple[Any, ...], type[Judgement]]

FAULTS: list[Case] = [
    ("swaps-colours", seen.test_golden, ("ball",), Failed),
    ("images-first", seen.test_golden, ("after",), Failed),
    ("counts-text-only", seen.test_golden, ("two",), Failed),
    ("reads-jpeg-darkly", seen.test_form, ("jpeg",), Failed),
    ("alpha-first", seen.test_form, ("png-alpha",), Failed),
    ("reads-no-palette", seen.test_form, ("png-palette",), Failed),
    ("sees-black", seen.test_image_matters, (), Failed),
    ("keeps-by-size", seen.test_image_matters, (), Failed),
    ("blind", seen.test_usage, (), Silent),
    ("counts-text-only", seen.test_usage, (), Silent),
    ("adds-wrongly", seen.test_usage, (), Failed),
    ("images-first", seen.test_place, (), Failed),
    ("last-only", seen.test_several, (), Failed),
    ("sees-black", seen.test_several, (), Failed),
    ("forgets-turns", seen.test_earlier_turn, (), Failed),
    ("drops-detailed", seen.test_detail, ("low",), Failed),
    ("drops-others", seen.test_size, ("large",), Failed),
    ("loses-a-piece", seen.test_stream, (), Failed),
    ("mixes", seen.test_in_company, (), Failed),
    ("blind-elsewhere", seen.test_responses, (), Failed),
    ("blind-elsewhere", seen.test_messages, (), Failed),
    ("drops-named", seen.test_uuid, (), Failed),
    ("takes-anything", refusals.test_wrong_file, ("text",), Silent),
    ("takes-anything", refusals.test_wrong_file, ("cut",), Silent),
    ("breaks", refusals.test_wrong_file, ("empty",), Failed),
    ("blind-after-a-refusal", refusals.test_wrong_file, ("without-pixels",), Failed),
    ("takes-anything", refusals.test_wrong_address, ("broken-base64",), Silent),
    ("breaks", refusals.test_wrong_address, ("empty",), Failed),
    ("takes-anything", refusals.test_unreachable, ("http",), Silent),
    ("takes-anything", refusals.test_unreachable, ("file",), Silent),
    ("takes-anything", refusals.test_wrong_part, ("url-missing",), Silent),
    ("breaks", refusals.test_wrong_part, ("detail",), Failed),
    ("takes-anything", refusals.test_too_many, (), Silent),
]


@pytest.fixture(scope="module")
def server() -> Iterator[SeeingServer]:
    with SeeingServer() as running:
        yield running


@pytest.fixture
def client(server: SeeingServer) -> Iterator[Client]:
    server.fault, server.blind = "", False
    server.by_size.clear()
    with Client(server.target.base_url) as opened:
        yield opened


@pytest.mark.parametrize(
    ("fault", "requirement", "arguments", "outcome"),
    [pytest.param(*case, id="-".join((case[0], case[1].__name__, *case[2]))) for case in FAULTS],
)
def test_a_fault_of_images_is_caught(
    server: SeeingServer,
    client: Client,
    fault: str,
    requirement: Callable[..., None],
    arguments: tuple[Any, ...],
    outcome: type[Judgement],
) -> None:
    viewer = Viewer(client, server.target)
    requirement(viewer, *arguments)
    server.fault = fault
    with pytest.raises(outcome):
        requirement(viewer, *arguments)


def test_a_chat_that_passes_over_an_image_is_caught(server: SeeingServer, client: Client) -> None:
    ask = Ask(client, server.model)
    image_in_a_chat(ask)
    server.fault = "blind"
    with pytest.raises(Silent):
        image_in_a_chat(ask)


def test_a_server_that_passes_over_images_does_not_offer_them(
    server: SeeingServer, client: Client
) -> None:
    assert offered(client, server.model) == (IMAGES,)
    server.fault = "blind"
    assert offered(client, server.model) == ()
