"""What is sent: the prompt set of the goldens, a few texts and conversations, or one's own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conformance.api.prompts import COUNT, GENERAL, Messages, assistant, system, user
from conformance.compare.tokens import Tokenizer
from conformance.recording.endpoint import RecordingError, is_ids
from fixtures.goldens.prompts import prompts

TEXTS = {
    "count": COUNT,
    "prose": "The harbour was quiet that morning. A single boat, its paint worn to the wood, lay "
    "against the wall, and an old man sat in it mending a net that had been mended too often. He "
    "looked up when the bell of the church struck seven, counted the strokes, and shook his head.",
    "code": "def fibonacci(n: int) -> int:\n    if n < 2:\n        return n\n    return ",
    "languages": "Grüße aus Köln, 東京からこんにちは, привет из Москвы, 🙂 and",
}

CHATS: dict[str, Messages] = {
    "story": GENERAL.long,
    "copy": GENERAL.words,
    "turns": [
        system("You are a helpful assistant who answers in one sentence."),
        user("What is the capital of France?"),
        assistant("The capital of France is Paris."),
        user("And of Italy?"),
        assistant("The capital of Italy is Rome."),
        user("Which of the two is further north?"),
    ],
}


@dataclass(frozen=True)
class Prompt:
    """One prompt in the forms in which it is known.

    `token_ids`, or a `text` or `messages` whose ids a tokenizer or the server has to tell. A prompt
    with `golden` stands in the prompt set of the goldens under that name.
    """

    name: str
    token_ids: tuple[int, ...] | None = None
    text: str | None = None
    messages: Messages | None = None
    golden: str = ""


def built_in() -> list[Prompt]:
    """Texts and conversations for a server of which nothing is known."""
    texts = [Prompt(f"text-{name}", text=text) for name, text in TEXTS.items()]
    return texts + [Prompt(f"chat-{name}", messages=chat) for name, chat in CHATS.items()]


def of_checkpoint(folder: Path) -> list[Prompt]:
    """The goldens' prompt set for this checkpoint's vocabulary, special tokens and window."""
    config = _config(folder)
    found = prompts(
        vocabulary(folder), sorted(Tokenizer(folder).special_ids), config.get("sliding_window")
    )
    return [Prompt(name, token_ids=tuple(ids), golden=name) for name, ids in found.items() if ids]


def vocabulary(folder: Path) -> int:
    """Number of token ids: the model's where its config is there, else the tokenizer's."""
    size = _config(folder).get("vocab_size")
    if isinstance(size, int):
        return size
    return 1 + max(Tokenizer(folder).vocabulary.values())


def from_file(file: Path) -> list[Prompt]:
    """Prompts of one's own: a line of JSON each.

    A line has "messages", "prompt" or "token_ids", and may have a "name".

    Raises:
        RecordingError: with file, line and remedy.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise RecordingError(f"{file} cannot be read: {error}.") from None
    found: dict[str, Prompt] = {}
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                prompt = _prompt(json.loads(line), f"line-{number}")
                if prompt.name in found:
                    raise ValueError(f"the name {prompt.name!r} is taken")
            except ValueError as error:
                raise RecordingError(
                    f'{file}, line {number}: {error}; a line looks like {{"prompt": "Once upon"}}.'
                ) from None
            found[prompt.name] = prompt
    if not found:
        raise RecordingError(f"{file} has no prompts.")
    return list(found.values())


def _prompt(entry: Any, default: str) -> Prompt:
    if not isinstance(entry, dict):
        raise ValueError("it is no JSON object")
    forms = entry.keys() & {"messages", "prompt", "token_ids"}
    if len(forms) != 1:
        raise ValueError('it needs one of "messages", "prompt" and "token_ids"')
    name = entry.get("name", default)
    if not isinstance(name, str) or not name or "/" in name:
        raise ValueError('"name" is a text without a slash')
    (form,) = forms
    value = entry[form]
    if form == "token_ids" and is_ids(value) and value:
        return Prompt(name, token_ids=tuple(value))
    if form == "prompt" and isinstance(value, str) and value:
        return Prompt(name, text=value)
    if form == "messages" and isinstance(value, list) and value:
        return Prompt(name, messages=value)
    raise ValueError(f'"{form}" holds nothing that could be sent')


def _config(folder: Path) -> Mapping[str, Any]:
    """The part of config.json that describes the language model."""
    try:
        found = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return dict(found.get("text_config") or found)
