"""The first request: work that a server does once is not to be charged to a requirement."""

from __future__ import annotations

from conformance.evidence import Exchange
from conformance.targets.client import Client, NoAnswer, TransportFailure
from conformance.targets.errors import NotServed
from conformance.targets.tasks import ask_least
from fixtures.models.tasks.words import TEXT


def refusal(base_url: str, model: str, *, api_key: str | None, timeout_s: float) -> Exchange | None:
    """The last answer of a server that gives one token neither in a chat nor in a completion.

    None where it gives one.
    """
    completion = {"model": model, "prompt": "Hi", "max_tokens": 1}
    with Client(base_url, api_key=api_key) as client:
        try:
            if ask_least(client, model, TEXT, timeout_s).status == 200:
                return None
            response = client.post("/completions", completion, timeout_s=timeout_s)
        except TransportFailure as failure:
            return failure.exchange
    return None if response.status == 200 else response.exchange


def warm_up(
    base_url: str, model: str, *, api_key: str | None, timeout_s: float, task: str = TEXT
) -> bool:
    """Ask for the least that a task has, and say whether that was answered with 200.

    What the answer holds is judged by the requirements; here it only has to come.

    Raises:
        NotServed: nothing comes within `timeout_s`, or the server is lost on it.
    """
    with Client(base_url, api_key=api_key) as client:
        try:
            response = ask_least(client, model, task, timeout_s)
        except NoAnswer:
            asked = "a one-token chat request" if task == TEXT else f"its first request for {task}"
            raise NotServed(
                f"The server at {base_url} takes connections and gives no answer to {asked} "
                f"within {timeout_s:g} s.",
                refused=False,
            ) from None
        except TransportFailure as failure:
            if client.alive():
                return False
            raise NotServed(
                f"The server at {base_url} was lost on its first request: {failure}."
            ) from None
    return response.status == 200
