"""Which token a server means: by id where it says one, else by a text that only one token has."""

from __future__ import annotations

import re
from collections import defaultdict
from functools import cached_property
from pathlib import Path

from conformance.compare.tokens import Tokenizer
from conformance.recording.endpoint import Nonsense

_CUT = "\N{REPLACEMENT CHARACTER}"
"""What stands for bytes that are no whole character."""

_AS_ID = re.compile(r"token_id:(\d+)")


class Unknown(Exception):
    """A token cannot be told from its name: a reason, as the end of a sentence."""


class TokenNames:
    """Names of tokens to their ids.

    Args:
        folder: with a tokenizer.json; without one, only names that are ids are understood.
        vocabulary: number of token ids, where known.
    """

    def __init__(self, folder: Path | None, vocabulary: int | None) -> None:
        self.tokenizer = Tokenizer(folder) if folder else None
        self.vocabulary = vocabulary

    def id_of(self, name: object) -> int:
        """The token's id.

        Raises:
            Unknown: the name is that of several tokens, or of none that is known.
            Nonsense: it is no name, or an id outside the vocabulary.
        """
        if isinstance(name, int) and not isinstance(name, bool):
            return self._inside(name)
        if not isinstance(name, str):
            raise Nonsense(f"a token is called {name!r}")
        if match := _AS_ID.fullmatch(name):
            return self._inside(int(match[1]))
        if self.tokenizer is None:
            raise Unknown("tokens are named by their text, and without --tokenizer no id is known")
        found = self._by_text.get(name, [])
        if len(found) == 1:
            return found[0]
        if found:
            raise Unknown("several tokens have the text that the server names")
        raise Unknown("no token of the tokenizer has the text that the server names")

    def said(self, id: int, text: object) -> bool:
        """Whether a text can be that of one token: as it is decoded, spelled, or left away."""
        if self.tokenizer is None or not isinstance(text, str) or not text:
            return True
        own = self.tokenizer.decode([id], specials=True)
        return text.strip(_CUT) == own.strip(_CUT) or self.tokenizer.vocabulary.get(text) == id

    def _inside(self, id: int) -> int:
        if id < 0 or (self.vocabulary is not None and id >= self.vocabulary):
            raise Nonsense(f"token {id} is outside the vocabulary of {self.vocabulary}")
        return id

    @cached_property
    def _by_text(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = defaultdict(list)
        if self.tokenizer:
            for id in set(self.tokenizer.vocabulary.values()):
                found[self.tokenizer.decode([id], specials=True)].append(id)
        return dict(found)
