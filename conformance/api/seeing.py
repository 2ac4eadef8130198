"""Chats with images: asked for, read and compared.

Two answers are to the same picture where the log probabilities of their first token are within the
bound of the fixture model's golden (`fixtures/goldens/tasks`): twice what bfloat16 was measured to
be off. For another model it is the same number, for want of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from openai.types import CompletionUsage

from conformance.api import answers
from conformance.api.ask import Stream, read_stream
from conformance.outcomes import Failed, Inconclusive, Silent
from conformance.targets.client import Client, Response
from conformance.targets.server import ServerTarget, short_name
from fixtures.goldens.tasks import Sight, sights
from fixtures.goldens.tasks.views import ASKED, VIEWS, View
from fixtures.images import PICTURES, png, url
from fixtures.models.tasks.idefics import IDEFICS

Part = dict[str, Any]

GOLDEN = sights(IDEFICS.name)
SAME = next(iter(GOLDEN.values())).bound
"""How far the same log probability may be from itself."""

STEPS = 8
TOP = 10
"""How many log probabilities are asked for: more than ten some servers refuse."""

BEST = 5
"""How many of an answer's likeliest first tokens are compared."""


@dataclass(frozen=True)
class Seen:
    """What is said to a message with images.

    Attributes:
        text: the whole answer.
        tokens: the same in tokens.
        logprobs: of each of them.
        first: the likeliest tokens of the first step, and their log probabilities.
    """

    text: str
    tokens: list[str]
    logprobs: list[float]
    first: dict[str, float]
    usage: CompletionUsage


class Viewer:
    """Chats with one target in which images are shown.

    Defaults: temperature 0, 8 tokens, log probabilities of 10 tokens a step.
    """

    def __init__(self, client: Client, target: ServerTarget) -> None:
        self.client, self.target = client, target

    def post(self, parts: list[Part], **more: Any) -> Response:
        """POST /chat/completions with one message of these parts, or the `messages` in `more`."""
        body = {
            "model": self.target.model,
            "messages": [{"role": "user", "content": parts}],
            "temperature": 0,
            "max_tokens": STEPS,
            "logprobs": True,
            "top_logprobs": TOP,
        }
        return self.client.post("/chat/completions", {**body, **more})

    def see(self, parts: list[Part], **more: Any) -> Seen:
        """The answer. Raises as `answers.chat`, and Silent without log probabilities."""
        return seen(self.post(parts, **more))

    def stream(self, parts: list[Part], **more: Any) -> Stream:
        """The answer in pieces, with a usage. Raises as `read_stream`."""
        options = {"stream": True, "stream_options": {"include_usage": True}}
        return read_stream(self.post(parts, **options, **more))

    def golden(self, view: str) -> Sight:
        """What PyTorch says to one of the fixture's views.

        Raises:
            Inconclusive: the served model is another one.
        """
        if short_name(self.target.model) != IDEFICS.name:
            raise Inconclusive(
                f"What is right is known of {IDEFICS.name} only: serving that would decide",
                cause=f"Needs the model {IDEFICS.name}",
            )
        return GOLDEN[view]


def text(words: str) -> Part:
    """A part of text."""
    return {"type": "text", "text": words}


def image(address: str, **more: Any) -> Part:
    """A part with an image, by its address."""
    return {"type": "image_url", "image_url": {"url": address, **more}}


def picture(name: str, **more: Any) -> Part:
    """A part with one of the fixture's pictures, as PNG."""
    return image(url(png(PICTURES[name])), **more)


def parts(view: str | View) -> list[Part]:
    """The message of a view, or of one of the fixture's by name."""
    shown = VIEWS[view] if isinstance(view, str) else view
    return [picture(what) if kind == "image" else text(what) for kind, what in shown]


def about(part: Part) -> list[Part]:
    """A message that asks what is shown."""
    return [part, text(ASKED)]


def seen(response: Response) -> Seen:
    """The answer of a response. Raises as `answers.chat`, and Silent without log probabilities."""
    whole, steps = answers.chat(response), answers.chat_logprobs(response)
    first = {each.token: each.logprob for each in steps[0].top_logprobs}
    return Seen(
        whole.text,
        [each.token for each in steps],
        [each.logprob for each in steps],
        first,
        whole.usage,
    )


def apart(one: dict[str, float], other: dict[str, float]) -> float:
    """How far two first steps are from each other at least, in log probability.

    A token that one of them does not name is at most as likely there as the last that it does.
    """
    worst = 0.0
    for these, those in ((one, other), (other, one)):
        last = min(those.values(), default=0.0)
        for token in sorted(these, key=these.__getitem__)[-BEST:]:
            off = those[token] - these[token] if token in those else max(0.0, these[token] - last)
            worst = max(worst, abs(off))
    return worst


def same(one: Seen, other: Seen, *, what: str) -> None:
    """Two answers are to the same prompt.

    Args:
        what: names the one, to begin the sentence "… is answered otherwise".

    Raises:
        Failed: they are not.
    """
    if one.usage.prompt_tokens != other.usage.prompt_tokens:
        raise Failed(
            f"{what} takes another number of tokens",
            expected=other.usage.prompt_tokens,
            actual=one.usage.prompt_tokens,
        )
    if (off := apart(one.first, other.first)) > SAME:
        raise Failed(
            f"{what} is answered otherwise: {off:.3g} apart in log probability",
            expected=other.first,
            actual=one.first,
        )


def others(one: Seen, other: Seen, *, what: str) -> None:
    """Two answers are to different prompts.

    Args:
        what: what they differ in, to begin the sentence "… has no effect".

    Raises:
        Failed: they are the same.
    """
    if (off := apart(one.first, other.first)) <= SAME:
        raise Failed(
            f"{what} has no effect on the answer",
            expected=f"log probabilities more than {SAME:.2g} apart",
            actual=f"{off:.2g}",
        )


def as_golden(found: Seen, right: Sight) -> None:
    """An answer is the checkpoint's own, as far as that is certain. Raises Failed."""
    if found.usage.prompt_tokens != right.prompt_tokens:
        raise Failed(
            "The prompt has another number of tokens than the checkpoint's processor makes of it",
            expected=right.prompt_tokens,
            actual=found.usage.prompt_tokens,
        )
    if (off := apart(found.first, dict(right.first))) > right.bound:
        raise Failed(
            f"The first token is {off:.3g} off in log probability",
            expected=right.first,
            actual=found.first,
        )
    certain = right.tokens[: right.certain]
    if found.tokens[: right.certain] != certain:
        raise Failed("Another text is said", expected=certain, actual=found.tokens)
    for token, told, wanted in zip(certain, found.logprobs, right.logprobs, strict=False):
        if abs(told - wanted) > right.bound:
            raise Failed(f"The log probability of {token!r} is wrong", expected=wanted, actual=told)


def counted(prompts: list[int]) -> None:
    """The lengths of prompts with no, one and two images grow. Raises Silent where they do not."""
    if any(more <= fewer for fewer, more in pairwise(prompts)):
        raise Silent(
            "Images are accepted and not counted",
            expected="more tokens with each image",
            actual=prompts,
            cause="Images do not reach the model, or are not counted",
        )
