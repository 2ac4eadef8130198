"""The ways to see production's distribution through its API, the strongest first.

A route sees one prompt with one call of `see`; what it needs of the server is found by trying it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from conformance.recording import answers
from conformance.recording.endpoint import Endpoint, Nonsense, Refused
from conformance.recording.names import TokenNames, Unknown
from conformance.recording.prompts import Prompt
from conformance.recording.rows import Scored, Seen, likeliest, row_of
from fixtures.goldens.make import positions

COMPLETIONS, CHAT = "/completions", "/chat/completions"

PLAIN: dict[str, Any] = {
    "temperature": 0,
    "top_p": 1,
    "presence_penalty": 0,
    "frequency_penalty": 0,
}
"""What OpenAI defines, so that no default of the server's bends the distribution."""

EXTRAS: dict[str, Any] = {
    "return_token_ids": True,
    "return_tokens_as_token_ids": True,
    "repetition_penalty": 1.0,
}
"""What vLLM knows beyond that; a server that refuses them is asked without."""

GO_ON: dict[str, Any] = {"continue_final_message": True, "add_generation_prompt": False}
"""With these vLLM's chat endpoint goes on with the answer that a conversation ends with."""

REPLAYED = 32
"""Prefixes of one prompt that are asked for at most."""


@dataclass(frozen=True)
class Dialect:
    """How the server has to be asked.

    Attributes:
        asked: alternatives a position that are asked for.
        given: those that came; None while that is not known.
        extras: whether vLLM's parameters are sent.
        together: whether several prompts go into one request.
    """

    asked: int
    given: int | None = None
    extras: bool = True
    together: bool = True


class Route:
    """One way to see a prompt.

    Attributes:
        name: as the snapshot's provenance has it.
        unseen: what it never shows, as a sentence.
    """

    name: ClassVar[str]
    unseen: ClassVar[str] = ""

    def __init__(self, endpoint: Endpoint, names: TokenNames) -> None:
        self.endpoint, self.names = endpoint, names

    def fits(self, prompt: Prompt) -> bool:
        """Whether the prompt can be sent in this way."""
        raise NotImplementedError

    def see(self, prompt: Prompt, how: Dialect, continued: int) -> Seen:
        """Asks for one prompt, and for `continued` greedy tokens after it.

        Raises:
            Refused, Nonsense: the server does not do it, or cannot be believed.
        """
        raise NotImplementedError

    def follow(self, prompt: Prompt, how: Dialect, count: int) -> Seen:
        """Asks for `count` greedy tokens after a prompt, and for nothing inside it.

        Raises:
            Refused, Nonsense: as `see`.
        """
        answer = self._ask(
            COMPLETIONS, how, prompt=self._sent(prompt), max_tokens=count, logprobs=how.asked
        )
        return self._followed(prompt, answer, how)

    # What they share --------------------------------------------------------------------------

    def _ask(self, path: str, how: Dialect, **fields: Any) -> dict[str, Any]:
        return self.endpoint.post(path, {**PLAIN, **(EXTRAS if how.extras else {}), **fields})

    def _sent(self, prompt: Prompt) -> Any:
        """What `prompt` is for this route."""
        return list(prompt.token_ids or ())

    def _followed(self, prompt: Prompt, answer: dict[str, Any], how: Dialect) -> Seen:
        """What was generated after a prompt."""
        (choice,) = answers.choices(answer, 1)
        seen = self._begin(prompt, answer, choice)
        self._continue(seen, answers.scored_tokens(choice), answers.generated_ids(choice), how)
        return seen

    def _begin(self, prompt: Prompt, answer: dict[str, Any], choice: dict[str, Any]) -> Seen:
        """Nothing seen yet of a prompt whose ids are known, from here or from the answer."""
        told = answers.prompt_ids(choice, answer)
        ids = list(prompt.token_ids or told or ())
        counted = answers.counted(answer, "prompt_tokens")
        if not ids:
            raise Refused("the prompt's token ids are not known; --tokenizer would tell them")
        if told is not None and told != ids:
            raise Nonsense("the server made other token ids of the prompt than the tokenizer did")
        if counted is not None and counted != len(ids):
            raise Nonsense(f"the server counts {counted} prompt tokens where there are {len(ids)}")
        return Seen(ids, len(ids))

    def _add(self, seen: Seen, position: int, scored: Scored, how: Dialect) -> None:
        try:
            seen.rows[position] = row_of(scored, self.names, how.asked, how.given)
            if source := self.endpoint.last:
                seen.sources[position] = source
        except Unknown as reason:
            seen.left_out[str(reason)] += 1

    def _continue(
        self, seen: Seen, scored: Sequence[Scored | None], ids: list[int] | None, how: Dialect
    ) -> None:
        """Adds what was generated, as far as its token ids are known.

        Raises:
            Nonsense: at temperature 0 another token than the likeliest is said to be taken.
        """
        if ids is not None and len(ids) != len(scored):
            raise Nonsense(f"{len(ids)} tokens were generated and {len(scored)} are scored")
        for place, entry in enumerate(scored):
            position = len(seen.token_ids) - 1
            if entry is None:
                raise Nonsense("a generated token has no logprobs")
            try:
                token = ids[place] if ids else self._token(entry)
            except Unknown as reason:
                # Nor is it known that this is one token, whose alternatives these are.
                seen.left_out[f"from a generated token on that is not known, since {reason}"] += (
                    len(scored) - place
                )
                return
            self._add(seen, position, entry, how)
            row = seen.rows.get(position)
            if row is not None and not likeliest(row, token):
                raise Nonsense(
                    "at temperature 0 the token that was taken is not the likeliest: the server "
                    "samples, or its logprobs belong to other tokens"
                )
            seen.token_ids.append(token)

    def _token(self, entry: Scored) -> int:
        """The id of a generated token. Raises Unknown, also where it stands for several."""
        token = self.names.id_of(entry.name)
        if isinstance(entry.name, int) and not self.names.said(token, entry.text):
            raise Unknown("several tokens are scored as one, as parts of a character are")
        return token

    def _try_to_continue(self, seen: Seen, choice: dict[str, Any], how: Dialect) -> None:
        """As `_continue`; where that cannot be believed, what was seen of the prompt stays."""
        rows, ids = dict(seen.rows), list(seen.token_ids)
        try:
            found = answers.scored_tokens(choice)
            self._continue(seen, found, answers.generated_ids(choice), how)
        except Nonsense as reason:
            seen.rows, seen.token_ids = rows, ids
            seen.left_out[f"what was generated, since {reason}"] += 1


class PromptLogprobs(Route):
    """vLLM's `prompt_logprobs`: every position of the prompt, and the greedy continuation."""

    name = "prompt_logprobs"

    def fits(self, prompt: Prompt) -> bool:
        return prompt.token_ids is not None

    def see(self, prompt: Prompt, how: Dialect, continued: int) -> Seen:
        answer = self._ask(
            COMPLETIONS,
            how,
            prompt=self._sent(prompt),
            max_tokens=continued,
            logprobs=how.asked,
            prompt_logprobs=how.asked,
        )
        (choice,) = answers.choices(answer, 1)
        seen = self._begin(prompt, answer, choice)
        for place, entry in enumerate(answers.prompt_logprobs(choice, answer, seen.token_ids)):
            if entry is not None:
                self._add(seen, place - 1, entry, how)
        self._try_to_continue(seen, choice, how)
        return seen


class Echo(Route):
    """`echo` with `logprobs`: every position of the prompt, and the greedy continuation."""

    name = "echo"

    def fits(self, prompt: Prompt) -> bool:
        return prompt.token_ids is not None

    def see(self, prompt: Prompt, how: Dialect, continued: int) -> Seen:
        answer = self._ask(
            COMPLETIONS,
            how,
            prompt=self._sent(prompt),
            max_tokens=continued,
            logprobs=how.asked,
            echo=True,
        )
        (choice,) = answers.choices(answer, 1)
        seen = self._begin(prompt, answer, choice)
        scored, ids = answers.scored_tokens(choice), answers.generated_ids(choice)
        fresh = len(ids) if ids else answers.counted(answer, "completion_tokens")
        wanted = None if fresh is None else seen.prompt_length + fresh
        if len(scored) < seen.prompt_length or (wanted is not None and len(scored) != wanted):
            raise Nonsense(
                f"`echo` scores {len(scored)} tokens of {seen.prompt_length} and those generated"
            )
        for place in range(1, seen.prompt_length):
            self._add_echoed(seen, place, scored[place], how)
        answered = seen.prompt_length
        rows, known = dict(seen.rows), list(seen.token_ids)
        try:
            self._continue(seen, scored[answered:], ids, how)
        except Nonsense as reason:
            seen.rows, seen.token_ids = rows, known
            seen.left_out[f"what was generated, since {reason}"] += len(scored) - answered
        return seen

    def _add_echoed(self, seen: Seen, place: int, entry: Scored | None, how: Dialect) -> None:
        if entry is None:
            raise Nonsense(f"`echo` has no logprobs at the prompt's token {place}")
        try:
            echoed = self.names.id_of(entry.name)
        except Unknown:
            echoed = seen.token_ids[place]
        if echoed != seen.token_ids[place]:
            raise Nonsense(f"`echo` has token {echoed} at {place}, not {seen.token_ids[place]}")
        # Its id is known from the prompt, whatever its text leaves open.
        self._add(seen, place - 1, replace(entry, name=echoed), how)


class EchoText(Echo):
    """`echo` with `logprobs` where a server takes prompts as text only."""

    name = "echo-text"

    def fits(self, prompt: Prompt) -> bool:
        return prompt.text is not None

    def _sent(self, prompt: Prompt) -> Any:
        return prompt.text


class Replay(Route):
    """Prefixes of token ids, one generated token each, and the greedy continuation."""

    name = "replay"
    unseen = (
        f"Of each prompt's inner positions only those that matter most, {REPLAYED} at most: this "
        "server scores only what it generates, so each costs a request."
    )

    def fits(self, prompt: Prompt) -> bool:
        return prompt.token_ids is not None

    def see(self, prompt: Prompt, how: Dialect, continued: int) -> Seen:
        seen = self.follow(prompt, how, continued)
        ids = self._sent(prompt)
        inner = replayed(prompt.golden, len(ids))
        size = len(inner) if how.together else 1
        for begin in range(0, len(inner), size or 1):
            batch = inner[begin : begin + size]
            prefixes: list[Any] = [ids[: position + 1] for position in batch]
            answer = self._ask(
                COMPLETIONS,
                how,
                prompt=prefixes if len(prefixes) > 1 else prefixes[0],
                max_tokens=1,
                logprobs=how.asked,
            )
            for position, choice in zip(batch, answers.choices(answer, len(batch)), strict=True):
                self._add_replayed(seen, position, choice, how)
        return seen

    def _add_replayed(
        self, seen: Seen, position: int, choice: dict[str, Any], how: Dialect
    ) -> None:
        # Where the one token is part of a character, some servers say and score nothing yet.
        scored = answers.scored_tokens(choice) if choice.get("logprobs") else []
        if not scored or scored[0] is None:
            seen.left_out["no token was generated there, or none that was scored"] += 1
        else:
            self._add(seen, position, scored[0], how)


class Generated(Route):
    """The greedy continuation of token ids: what `Replay` sees in its first request."""

    name = "generated"
    unseen = "Positions inside the prompts."

    def fits(self, prompt: Prompt) -> bool:
        return prompt.token_ids is not None

    def see(self, prompt: Prompt, how: Dialect, continued: int) -> Seen:
        return self.follow(prompt, how, continued)


class Continuation(Route):
    """The greedy continuation of a text."""

    name = "continuation"
    unseen = "Positions inside the prompts: this server scores only what it generates."

    def fits(self, prompt: Prompt) -> bool:
        return prompt.text is not None

    def _sent(self, prompt: Prompt) -> Any:
        return prompt.text

    def see(self, prompt: Prompt, how: Dialect, continued: int) -> Seen:
        return self.follow(prompt, how, continued)


class Chat(Route):
    """The greedy answer of the chat endpoint."""

    name = "chat"
    unseen = Continuation.unseen

    def fits(self, prompt: Prompt) -> bool:
        return prompt.messages is not None

    def see(self, prompt: Prompt, how: Dialect, continued: int) -> Seen:
        return self.follow(prompt, how, continued)

    def follow(self, prompt: Prompt, how: Dialect, count: int) -> Seen:
        """As `Route.follow`; an answer that the prompt ends with is gone on with."""
        messages = prompt.messages or []
        begun = messages[-1]["role"] == "assistant" if messages else False
        if begun and not how.extras:
            raise Refused("an answer that has begun is not gone on with")
        answer = self._ask(
            CHAT,
            how,
            messages=messages,
            max_tokens=count,
            logprobs=True,
            top_logprobs=how.asked,
            **(GO_ON if begun else {}),
        )
        return self._followed(prompt, answer, how)


ROUTES: tuple[type[Route], ...] = (PromptLogprobs, Echo, Replay, EchoText, Continuation, Chat)


def replayed(golden: str, tokens: int) -> list[int]:
    """Positions before the last that are worth a request, as the goldens choose them."""
    inner = [position for position in positions(golden, tokens) if position < tokens - 1]
    if len(inner) <= REPLAYED:
        return inner
    return sorted({inner[number * len(inner) // REPLAYED] for number in range(REPLAYED)})
