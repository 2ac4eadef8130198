"""Many independent answers to one prompt: choices of one request, or one request each."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from conformance.api import answers, expect
from conformance.api.ask import Ask
from conformance.api.sampling.cases import Case, messages, rendered
from conformance.outcomes import Failed, Unsupported
from conformance.targets.client import Response

DRAWS = 640
"""Choices of one request."""

SINGLE = 96
"""Requests, where one choice is all that a target gives."""

AT_ONCE = 4
"""Of these, in flight together."""

FORMS = ("chat", "completions")


@dataclass
class Drawing:
    """Answers of one target.

    Attributes:
        one_choice: forms in which it was seen to give one choice to each request.
    """

    one_choice: set[str] = field(default_factory=set)

    def answers(self, ask: Ask, form: str, case: Case) -> list[str]:
        """Independent answers: `DRAWS` of one request, or `SINGLE` of one request each.

        Raises:
            Unsupported: a request without `n` is refused as well.
            Failed: the answer is none, or has another number of choices.
        """
        if form not in self.one_choice:
            try:
                found = self._texts(form, self._send(ask, form, case, DRAWS))
            except Unsupported:
                found = []
            if len(found) == DRAWS:
                return found
            if len(found) > 1:
                raise Failed("Other choices than asked for", expected=DRAWS, actual=len(found))
        first = self._texts(form, self._send(ask, form, case, 1))
        self.one_choice.add(form)

        def another(_: int) -> list[str]:
            return self._texts(form, self._send(ask, form, case, 1))

        with ThreadPoolExecutor(AT_ONCE) as pool:
            more = list(pool.map(another, range(SINGLE - 1)))
        return [*first, *(text for texts in more for text in texts)]

    def _send(self, ask: Ask, form: str, case: Case, count: int) -> Response:
        body = {**case.body(), "max_tokens": case.tokens}
        if count > 1:
            body["n"] = count
        if form == "chat":
            return ask.chat(messages(case.prompt), **body)
        return ask.complete(rendered(case.prompt), **body)

    def _texts(self, form: str, response: Response) -> list[str]:
        if form == "chat":
            choices = expect.chat(response).choices
            return [choice.message.content or "" for choice in choices]
        return answers.completion(response).texts
