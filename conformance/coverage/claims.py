"""What a requirement says that it covers: parameters of operations, in one of three ways.

A parameter is *accepted* where a request with it is answered, *honoured* where the answer shows
that it had its effect, and *refused* where a wrong value of it is. A requirement names parameters
of its area's operation, or the operation too::

    @requirement("api/chat/stop", MUST, source=…, honours="stop")
    @requirement("api/errors/prompt-too-long", …, refuses="chat.completions.create: messages")

Several operations are separated by `;`. Without a parameter (`"models.list:"`) the operation itself
is covered. `{name}` stands for the value that a parametrised test has for that argument; a mapping
gives the words for each case.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

Words = str | Mapping[str, str]

ASPECTS = ("accepted", "honoured", "refused")

WHOLE = "-"
"""In place of a parameter: the operation as such."""

AREAS = {
    "api/chat/": "chat.completions.create",
    "api/completions/": "completions.create",
    "api/messages/": "/v1/messages",
    "api/responses/": "responses.create",
    "api/embeddings/": "embeddings.create",
    "api/embed/": "/v2/embed",
    "api/pooling/": "/pooling",
    "api/score/": "/score",
    "api/rerank/": "/rerank",
    "api/classify/": "/classify",
    "api/images/": "chat.completions.create",
}
"""Areas of requirements that are all on one operation. One that names nothing covers its whole."""

_PART = re.compile(r"(?:(?P<operation>[\w./-]+):)?\s*(?P<names>[\w, ]*)")


@dataclass(frozen=True)
class Claim:
    """One parameter of one operation, covered in one way."""

    aspect: str
    operation: str
    parameter: str

    def __str__(self) -> str:
        return f"{self.aspect} {self.operation} {self.parameter}"

    @classmethod
    def read(cls, text: str) -> Claim:
        """What `str` wrote."""
        return cls(*text.split(" "))


@dataclass(frozen=True)
class Claims:
    """What stands at a requirement, before its case is known."""

    id: str
    accepts: Words = ""
    honours: Words = ""
    refuses: Words = ""

    def of(self, case: str = "", arguments: Mapping[str, object] | None = None) -> tuple[str, ...]:
        """The claims of one case, as text; without any, an area's whole operation is honoured.

        Raises:
            ValueError: the words are not as above.
        """
        found = []
        said = (self.accepts, self.honours, self.refuses)
        for aspect, words in zip(ASPECTS, said, strict=True):
            text = words if isinstance(words, str) else words.get(case, "")
            for part in filter(None, text.format_map(arguments or {}).split(";")):
                found += [str(Claim(aspect, *each)) for each in self._read(part.strip())]
        operation = self._operation()
        return tuple(found) if found or not operation else (f"honoured {operation} {WHOLE}",)

    def _read(self, part: str) -> list[tuple[str, str]]:
        match = _PART.fullmatch(part)
        operation = (match and match["operation"]) or self._operation()
        if not match or not operation:
            raise ValueError(f"{self.id}: {part!r} is not of the form 'operation: a, b'")
        names = [name.strip() for name in match["names"].split(",") if name.strip()]
        return [(operation, name) for name in names or [WHOLE]]

    def _operation(self) -> str:
        return next((name for area, name in AREAS.items() if self.id.startswith(area)), "")
