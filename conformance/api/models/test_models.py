"""GET /v1/models: what a client may ask for."""

from __future__ import annotations

from conformance.api import listing
from conformance.requirements import MAY, MUST, SHOULD, requirement
from conformance.targets.client import Client
from conformance.targets.server import ServerTarget


@requirement(
    "api/models/list", MUST, source="OpenAI models.list: object, data[]", honours="models.list:"
)
def test_list(client: Client) -> None:
    """The server MUST list its models, each with `id`, `object`, `created` and `owned_by`.

    Chat front ends fill their model menu from it before they do anything else; one that gets
    something other than the documented JSON shows an empty menu.
    """
    listing.entries(client.get("/models"))


@requirement(
    "api/models/served", MUST, source="OpenAI models.list: data[].id", honours="models.list:"
)
def test_served(client: Client, target: ServerTarget) -> None:
    """The list MUST name the model that the server answers for, once.

    What the list calls it is what a client sends as `model`; a name that is missing cannot be
    chosen.
    """
    listing.named(client.get("/models"), target.model)


@requirement(
    "api/models/created",
    SHOULD,
    source="OpenAI models.list: data[].created (seconds)",
    honours="models.list:",
)
def test_created(client: Client, target: ServerTarget) -> None:
    """A model's `created` SHOULD be a time in seconds since 1970, and not in the future.

    Menus sort by it; milliseconds put a model some fifty thousand years ahead.
    """
    entry = listing.usable(client.get("/models"), target.model)
    listing.plausible_time(entry.created)


@requirement(
    "api/models/retrieve",
    MAY,
    source="OpenAI models.retrieve; vLLM 0.32 has no such route",
    honours="models.retrieve: model",
)
def test_retrieve(client: Client, target: ServerTarget) -> None:
    """A server MAY answer for one model, and then says what its list says.

    vLLM does not serve this route, so clients made for it use the list; where it is served, two
    descriptions of one model must not differ.
    """
    single = listing.retrieved(client.get(listing.path(target.model)))
    listing.same(listing.usable(client.get("/models"), target.model), single)


@requirement(
    "api/models/retrieve-unknown",
    SHOULD,
    source="OpenAI models.retrieve: 404; vLLM 0.32 answers 404 to the route",
    refuses="models.retrieve: model",
)
def test_retrieve_unknown(client: Client) -> None:
    """The server SHOULD answer 404, in JSON, for a model that it does not have.

    Deployment scripts ask for a model to learn whether to load it; any 200 says that it is there.
    The body may be an OpenAI error or, as vLLM does, the framework's own `{"detail": …}`.
    """
    listing.not_found(client.get(listing.path("maccord-no-such-model")))
