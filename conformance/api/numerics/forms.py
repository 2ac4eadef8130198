"""Production's prompts in the forms in which a server may take them: ids, text, messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from conformance.api.prompts import Messages, assistant
from conformance.compare.production import Production
from conformance.compare.tokens import Tokenizer
from conformance.outcomes import SuiteError
from conformance.recording.prompts import Prompt
from fixtures.models import scripted
from fixtures.models.scripted import SCRIPTED
from fixtures.snapshots.prompts import CHATS


def prompts(production: Production, tokenizer: Tokenizer | None) -> list[Prompt]:
    """Every recorded prompt; the longest sequence first, so that none is waited for alone.

    A text, or messages, are given only where the tokenizer makes of them the very ids that
    production read.
    """
    chats = conversations(production.model)
    found = []
    for name, recorded in production.snapshot.prompts.items():
        ids = tuple(int(token) for token in recorded.token_ids[: recorded.prompt_length])
        prompt = Prompt(name, token_ids=ids, golden=name)
        if tokenizer is not None:
            prompt = replace(
                prompt,
                text=text_of(ids, tokenizer),
                messages=_messages_of(ids, chats.get(name), tokenizer),
            )
        found.append(prompt)
    sizes = {name: len(each.token_ids) for name, each in production.snapshot.prompts.items()}
    return sorted(found, key=lambda prompt: -sizes[prompt.name])


def extended(prompt: Prompt, ids: Sequence[int], tokenizer: Tokenizer | None) -> Prompt:
    """The prompt with some tokens of the answer after it, in the forms that still say them."""
    whole = (*(prompt.token_ids or ()), *ids)
    text: str | None = None
    messages: Messages | None = None
    if tokenizer is not None and prompt.text is not None:
        text = text_of(whole, tokenizer)
    if tokenizer is not None and prompt.messages is not None:
        begun = tokenizer.decode(list(ids), specials=True)
        if tuple(tokenizer.encode(tokenizer.render(prompt.messages) + begun)) == whole:
            messages = [*prompt.messages, assistant(begun)]
    return replace(prompt, token_ids=whole, text=text, messages=messages, golden="")


def text_of(ids: Sequence[int], tokenizer: Tokenizer) -> str | None:
    """The text that the tokenizer makes these very ids of, if there is one."""
    text = tokenizer.decode(list(ids), specials=True)
    return text if text and tuple(tokenizer.encode(text)) == tuple(ids) else None


def conversations(model: str) -> Mapping[str, Messages]:
    """Messages of a model's recorded prompts, by the prompts' names."""
    if model == SCRIPTED.name:
        known = scripted.description()
        named = {f"script-{script['name']}": script for script in known["scripts"]}
        named |= {f"calibrated-{prompt['name']}": prompt for prompt in known["calibrated"]}
        # What a template option or a list of tools makes of a prompt, the ids tell.
        return {name: each["messages"] for name, each in named.items() if "messages" in each}
    return {
        f"chat-{name}": [{"role": role, "content": content} for role, content in turns]
        for name, turns in CHATS.items()
    }


def _messages_of(
    ids: Sequence[int], messages: Messages | None, tokenizer: Tokenizer
) -> Messages | None:
    if messages is None:
        return None
    try:
        return messages if tuple(tokenizer.encode_chat(messages)) == tuple(ids) else None
    except SuiteError:
        return None
