"""Responses that are kept: retrieve, cancel, background, and what comes after another."""

from __future__ import annotations

import pytest

from conformance.api import expect
from conformance.api.prompts import GREETING, Prompts, user
from conformance.api.responses import judging, reading, state
from conformance.api.responses.asking import Responses
from conformance.api.responses.events import Events
from conformance.api.unserved import NOBODY
from conformance.requirements import MUST, SHOULD, requirement

RETRIEVE, CANCEL = "responses.retrieve", "responses.cancel"
STORE = "vLLM: if VLLM_ENABLE_RESPONSES_API_STORE is set"
API = ("api",)

COUNT = "Count from 1 to 20 in digits and words."
NEXT = "How far did you count?"
"""A question that cannot be answered without the turn before."""


@requirement(
    "api/responses/retrieve",
    SHOULD,
    source=f"OpenAI {RETRIEVE}: response_id; {STORE}",
    profiles=API,
    honours=f"{RETRIEVE}:; {RETRIEVE}: response_id",
)
def test_retrieve(responses: Responses) -> None:
    """A response that is kept SHOULD be given again as it was answered.

    Programs keep the id, not the text.
    """
    created = state.kept(responses, GREETING)
    state.same(responses.retrieve(state.id_of(created)), created)


@requirement(
    "api/responses/store-false",
    SHOULD,
    source=f"OpenAI responses.create: store; {STORE}",
    profiles=API,
    honours="store",
)
def test_store_false(responses: Responses) -> None:
    """With `store` false a response SHOULD NOT be kept.

    It is asked for where the text must not outlive the request.
    """
    state.kept(responses, GREETING)
    created = responses.send(GREETING, anew=True, store=False)
    expect.ok(created)
    state.unknown(responses.retrieve(state.id_of(created)), "A response that was not to be kept")


@requirement(
    "api/responses/retrieve-unknown",
    MUST,
    source=f"OpenAI {RETRIEVE}; vLLM: 404",
    profiles=API,
    refuses=f"{RETRIEVE}:; {RETRIEVE}: response_id",
)
def test_retrieve_unknown(responses: Responses) -> None:
    """A response that is not there MUST be refused with 404.

    A program that has the wrong id must not go on with nothing, or with another's text.
    """
    responses.say(GREETING)  # where the API is not served at all, this says so
    state.unknown(responses.retrieve(NOBODY), "The id of no response")


@requirement(
    "api/responses/cancel-unknown",
    MUST,
    source=f"OpenAI {CANCEL}; vLLM: 404",
    profiles=API,
    refuses=f"{CANCEL}:; {CANCEL}: response_id",
)
def test_cancel_unknown(responses: Responses) -> None:
    """Cancelling a response that is not there MUST be refused with 404.

    Otherwise a program believes that it stopped something.
    """
    responses.say(GREETING)
    state.unknown(responses.cancel(NOBODY), "Cancelling the id of no response")


@requirement(
    "api/responses/previous-unknown",
    MUST,
    source="OpenAI responses.create: previous_response_id; vLLM: 404",
    profiles=API,
    refuses="previous_response_id",
)
def test_previous_unknown(responses: Responses) -> None:
    """Going on from a response that is not there MUST be refused.

    An assistant that has forgotten the conversation without a word answers all the same, and wrong.
    """
    body = {"model": responses.model, "input": GREETING, "max_output_tokens": 1}
    responses.say(GREETING)
    refused = responses.client.post("/responses", {**body, "previous_response_id": NOBODY})
    what = "A `previous_response_id` that nobody has"
    expect.refused(refused, what=what, statuses=(400, 404))


@requirement(
    "api/responses/previous",
    SHOULD,
    source=f"OpenAI responses.create: previous_response_id; {STORE}",
    profiles=API,
    honours="previous_response_id",
)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_previous(responses: Responses, stream: bool) -> None:
    """A response after another SHOULD be the one to the whole conversation.

    A chat then sends one message a turn; with a part of the past left out it answers another
    question than the person asked.
    """
    first = state.kept(responses, COUNT, max_output_tokens=200)
    id, before = state.id_of(first), reading.said(first)
    told = [user(COUNT), {"role": "assistant", "content": before.text}, user(NEXT)]
    if stream:
        said = responses.stream(NEXT, previous_response_id=id).said()
    else:
        said = responses.say(NEXT, previous_response_id=id)
    judging.gone_on_from(said, responses.say(told), alone=responses.say(NEXT))


@requirement(
    "api/responses/previous-instructions",
    SHOULD,
    source=f"OpenAI responses.create: instructions are not carried over; {STORE}",
    profiles=API,
    honours="previous_response_id, instructions",
)
def test_previous_instructions(responses: Responses) -> None:
    """A response after another SHOULD NOT be under the instructions of the one before.

    Programs change roles between turns.
    """
    first = state.kept(responses, GREETING, instructions="Answer in French.")
    id, before = state.id_of(first), reading.said(first)
    told = [user(GREETING), {"role": "assistant", "content": before.text}, user(NEXT)]
    said = responses.say(NEXT, previous_response_id=id)
    judging.gone_on_from(said, responses.say(told), alone=responses.say(NEXT))


@requirement(
    "api/responses/background",
    SHOULD,
    source=f"OpenAI responses.create: background; {RETRIEVE}; {STORE}",
    profiles=API,
    honours=f"background; {RETRIEVE}: response_id",
)
def test_background(responses: Responses, prompts: Prompts) -> None:
    """A response in the background SHOULD be `queued` or `in_progress` at first, and, asked for
    later, be what is answered at once.

    Long work outlives the connection that began it.
    """
    id = state.begun(responses, prompts.words).id
    later = reading.said(state.settled(responses, id))
    judging.same_conversation(later, responses.say(prompts.words), what="Work in the background")


@requirement(
    "api/responses/cancel",
    SHOULD,
    source=f"OpenAI {CANCEL}; {STORE}",
    profiles=API,
    honours=f"background; {CANCEL}:; {CANCEL}: response_id",
)
def test_cancel(responses: Responses, prompts: Prompts) -> None:
    """A response in the background that is cancelled SHOULD be `cancelled`, then and later.

    Work that nobody waits for any more takes the machine from others.
    """
    id = state.begun(responses, prompts.long, max_output_tokens=prompts.long_tokens).id
    state.cancelled(responses.cancel(id))
    state.cancelled(responses.retrieve(id))


@requirement(
    "api/responses/cancel-finished",
    SHOULD,
    source=f"OpenAI {CANCEL}: only a response in the background; vLLM: 400; {STORE}",
    profiles=API,
    refuses=f"{CANCEL}: response_id",
)
def test_cancel_finished(responses: Responses) -> None:
    """Cancelling a response that is over SHOULD be refused.

    What was said cannot be taken back, and the program should know.
    """
    created = state.kept(responses, GREETING)
    refused = responses.cancel(state.id_of(created))
    expect.refused(refused, what="Cancelling a response that is over", statuses=(400, 409))


@requirement(
    "api/responses/background-not-stored",
    SHOULD,
    source="OpenAI responses.create: background needs store; vLLM: 400",
    profiles=API,
    refuses="background, store",
)
def test_background_not_stored(responses: Responses) -> None:
    """`background` with `store` false SHOULD be refused.

    Nobody could ever ask for the answer.
    """
    responses.say(GREETING)
    body = {"model": responses.model, "input": GREETING, "background": True, "store": False}
    refused = responses.client.post("/responses", body)
    expect.refused(refused, what="`background` without `store`", statuses=expect.REFUSALS)


@requirement(
    "api/responses/background-stream",
    SHOULD,
    source=f"OpenAI {RETRIEVE}: stream, starting_after; {STORE}",
    profiles=API,
    honours={
        "all": f"background, stream; {RETRIEVE}: stream",
        "after-first": f"background, stream; {RETRIEVE}: stream, starting_after",
        "after-fourth": f"background, stream; {RETRIEVE}: stream, starting_after",
    },
)
@pytest.mark.parametrize("after", [-1, 0, 3], ids=["all", "after-first", "after-fourth"])
def test_background_stream(responses: Responses, prompts: Prompts, after: int) -> None:
    """A stream of the background that is asked for again SHOULD go on after `starting_after`, with
    the same events.

    A phone that lost its connection then loses nothing.
    """
    sent = responses.send(prompts.words, anew=True, background=True, stream=True)
    first = Events.read(state.offered(sent))
    id = first.said().body.id
    query = {"starting_after": after} if after >= 0 else {}
    again = Events.read(responses.retrieve(id, stream="true", **query))
    state.goes_on(again, first, after)
