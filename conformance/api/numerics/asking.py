"""Asking again: what a server says of a prompt in other company, or with its beginning cached."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from conformance.api.numerics.forms import extended, text_of
from conformance.compare.tokens import Tokenizer
from conformance.recording.prompts import Prompt
from conformance.recording.routes import Chat, Dialect, Route
from conformance.recording.rows import Seen

NONCE = 8
"""Tokens that make a prompt new: a block of any prefix cache has at least as many."""


class Asking:
    """Greedy tokens with their distribution, on the route that showed a run's evidence.

    Args:
        prompts: production's, in the forms in which the model's tokenizer knows them.
    """

    def __init__(
        self, route: Route, how: Dialect, prompts: Sequence[Prompt], tokenizer: Tokenizer
    ) -> None:
        self.route, self.how, self._tokenizer = route, how, tokenizer
        self.prompts = [prompt for prompt in prompts if route.fits(prompt)]

    def alone(self, prompts: Sequence[Prompt], count: int) -> dict[str, Seen]:
        """One prompt at a time."""
        return {prompt.name: self.follow(prompt, count) for prompt in prompts}

    def together(
        self, prompts: Sequence[Prompt], strangers: Sequence[Prompt], count: int
    ) -> dict[str, Seen]:
        """All prompts at once, with strangers among them."""
        mixed = [prompt for pair in zip(prompts, strangers, strict=False) for prompt in pair]
        mixed += [*prompts[len(strangers) :], *strangers[len(prompts) :]]
        with ThreadPoolExecutor(len(mixed)) as pool:
            found = list(pool.map(lambda prompt: self.follow(prompt, count), mixed))
        wanted = {prompt.name for prompt in prompts}
        named = zip(mixed, found, strict=True)
        return {prompt.name: seen for prompt, seen in named if prompt.name in wanted}

    def company(self, prompts: Sequence[Prompt], count: int) -> list[Prompt]:
        """`count` other prompts: production's as far as they go, then new ones."""
        names = {prompt.name for prompt in prompts}
        found = [prompt for prompt in self.prompts if prompt.name not in names][:count]
        return [*found, *self.fresh(count - len(found))]

    def follow(self, prompt: Prompt, count: int) -> Seen:
        """What is said after a prompt. Raises as `Route.follow`."""
        return self.route.follow(prompt, self.how, count)

    def extended(self, prompt: Prompt, ids: Sequence[int]) -> Prompt | None:
        """The prompt with tokens of its answer after it, where the route can say that."""
        found = extended(prompt, ids, self._tokenizer)
        return found if self.route.fits(found) else None

    def fresh(self, count: int) -> list[Prompt]:
        """Production's longest prompts with beginnings that no server has seen; fewer than `count`,
        or none, where they cannot be made in a form that the route says."""
        longest = sorted(self.prompts, key=lambda prompt: -len(prompt.token_ids or ()))
        made = (self._new(prompt) for prompt in longest * count)
        found = [prompt for prompt in made if prompt is not None and self.route.fits(prompt)]
        named = enumerate(found[:count])
        return [replace(prompt, name=f"fresh-{number}") for number, prompt in named]

    def cousin(self, prompt: Prompt) -> Prompt | None:
        """A prompt that begins as this one does and ends otherwise, if one can be made."""
        ids = list(prompt.token_ids or ())
        if isinstance(self.route, Chat):
            return self._chat_with(prompt, len(prompt.messages or ()) - 1, "Wait. ")
        if self._takes_ids:
            half = len(ids) // 2
            return Prompt("cousin", token_ids=(*ids[:half], *reversed(ids[half:])))
        text = prompt.text or ""
        return self._text(f"{text[: len(text) // 2]} and so on")

    def _new(self, prompt: Prompt) -> Prompt | None:
        nonce = str(secrets.randbelow(10**12))
        ids = prompt.token_ids or ()
        if isinstance(self.route, Chat):
            return self._chat_with(prompt, 0, f"{nonce}. ")
        if not self._takes_ids:
            return self._text(f"{nonce} {prompt.text}")
        if len(ids) <= 2 * NONCE:
            return None
        new = [secrets.choice(ids[NONCE:]) for _ in range(NONCE)]
        return Prompt("made", token_ids=(*new, *ids[NONCE:]))

    @property
    def _takes_ids(self) -> bool:
        """Whether the route sends token ids rather than text."""
        return self.route.fits(Prompt("ids", token_ids=(0,)))

    def _text(self, text: str) -> Prompt | None:
        ids = tuple(self._tokenizer.encode(text))
        return Prompt("made", token_ids=ids, text=text) if text_of(ids, self._tokenizer) else None

    def _chat_with(self, prompt: Prompt, place: int, before: str) -> Prompt | None:
        """The conversation with something before what is said at a place."""
        messages = [dict(message) for message in prompt.messages or ()]
        messages[place]["content"] = before + messages[place]["content"]
        ids = tuple(self._tokenizer.encode_chat(messages))
        return Prompt("made", token_ids=ids, messages=messages)
