"""Where logprobs stand in an answer: three shapes, read into positions.

- vLLM's `prompt_logprobs`: null, then for each token an object of id to logprob and rank;
- the legacy completion's `tokens`, `token_logprobs` and `top_logprobs`;
- the chat endpoint's `content`, which some servers use for completions too.
"""

from __future__ import annotations

from typing import Any

from conformance.recording.endpoint import Nonsense, is_ids
from conformance.recording.rows import Scored

Answer = dict[str, Any]


def choices(answer: Answer, count: int) -> list[Answer]:
    """The choices in the order of the prompts.

    Raises:
        Nonsense: they are not `count`, one for each prompt.
    """
    found = answer.get("choices")
    if not isinstance(found, list) or not all(isinstance(choice, dict) for choice in found):
        raise Nonsense("the answer has no choices")
    if count == 1 and len(found) == 1:
        return found
    by_index = {choice.get("index"): choice for choice in found}
    if len(found) != count or by_index.keys() != set(range(count)):
        raise Nonsense(f"{len(found)} choices came for {count} prompts")
    return [by_index[index] for index in range(count)]


def prompt_logprobs(choice: Answer, answer: Answer, token_ids: list[int]) -> list[Scored | None]:
    """vLLM's `prompt_logprobs`, an entry for each token of the prompt; nothing is before the first.

    Raises:
        Nonsense: they are left out, or are not those of this prompt.
    """
    found = choice.get("prompt_logprobs") or answer.get("prompt_logprobs")
    if not found:
        raise Nonsense("the server says 200 and leaves `prompt_logprobs` out")
    if not isinstance(found, list) or len(found) != len(token_ids):
        raise Nonsense(f"`prompt_logprobs` are not {len(token_ids)} entries, one for each token")
    scored: list[Scored | None] = [None]
    for place, entry in enumerate(found[1:], start=1):
        try:
            listed = {int(id): value["logprob"] for id, value in entry.items()}
        except (AttributeError, KeyError, TypeError, ValueError):
            raise Nonsense(f"`prompt_logprobs` has no logprobs at position {place}") from None
        own = token_ids[place]
        if own not in listed:
            raise Nonsense(f"`prompt_logprobs` does not score the prompt's token {place}")
        scored.append(Scored(own, listed[own], tuple(listed.items())))
    return scored


def scored_tokens(choice: Answer) -> list[Scored | None]:
    """The tokens of a choice's `logprobs`; None where one has no logprob, as a first one has none.

    Raises:
        Nonsense: there are no logprobs, or lists differ in length.
    """
    logprobs = choice.get("logprobs")
    if not isinstance(logprobs, dict):
        raise Nonsense("the server says 200 and leaves logprobs out")
    if logprobs.get("content"):
        return [_chat_entry(entry) for entry in logprobs["content"]]
    tokens, own, top = (_list(logprobs, n) for n in ("tokens", "token_logprobs", "top_logprobs"))
    if not len(tokens) == len(own) == len(top):
        raise Nonsense("`tokens`, `token_logprobs` and `top_logprobs` differ in length")
    return [
        Scored(tokens[place], own[place], _alternatives(top[place]))
        if top[place] is not None
        else None
        for place in range(len(tokens))
    ]


def generated_ids(choice: Answer) -> list[int] | None:
    """Ids of the generated tokens, where vLLM's `return_token_ids` was understood."""
    found = choice.get("token_ids")
    return found if is_ids(found) and found else None


def prompt_ids(choice: Answer, answer: Answer) -> list[int] | None:
    """Ids of the prompt, where vLLM's `return_token_ids` was understood."""
    found = choice.get("prompt_token_ids") or answer.get("prompt_token_ids")
    return found if is_ids(found) and found else None


def counted(answer: Answer, what: str) -> int | None:
    """A count of `usage`, where the server gives it."""
    usage = answer.get("usage")
    found = usage.get(what) if isinstance(usage, dict) else None
    return found if isinstance(found, int) else None


def _list(logprobs: Answer, name: str) -> list[Any]:
    found = logprobs.get(name)
    if not isinstance(found, list):
        raise Nonsense(f"the server says 200 and leaves `{name}` out")
    return found


def _alternatives(found: object) -> tuple[tuple[object, object], ...]:
    if not isinstance(found, dict):
        raise Nonsense("`top_logprobs` holds something else than objects")
    return tuple(found.items())


def _chat_entry(entry: object) -> Scored:
    if not isinstance(entry, dict) or not isinstance(entry.get("top_logprobs"), list):
        raise Nonsense("the server says 200 and leaves `top_logprobs` out")
    found = entry["top_logprobs"]
    if not all(isinstance(top, dict) for top in found):
        raise Nonsense("`top_logprobs` holds something else than objects")
    return Scored(
        _name(entry),
        entry.get("logprob"),
        tuple((_name(top), top.get("logprob")) for top in found),
        text=entry.get("token"),
    )


def _name(entry: Answer) -> object:
    """The id where a server gives it, as llama.cpp and mlx-lm do, else the text."""
    return entry["id"] if isinstance(entry.get("id"), int) else entry.get("token")
