"""The model's own tokenizer and chat template, as the yardstick for token counts.

Uses the `tokenizers` library and the checkpoint's own files, so that no framework is imported.
"""

from __future__ import annotations

import json
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from jinja2.exceptions import TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from tokenizers import Tokenizer as FastTokenizer

from conformance.outcomes import SuiteError


class Tokenizer:
    """A checkpoint folder's `tokenizer.json` and chat template.

    Raises:
        SuiteError: the folder has no readable `tokenizer.json`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        file = folder / "tokenizer.json"
        try:
            self._fast = FastTokenizer.from_file(str(file))
        except Exception as error:  # the library raises bare Exception
            raise SuiteError(f"No tokenizer can be read from {file}: {error}") from None

    def encode(self, text: str, *, special: bool = True) -> list[int]:
        """Token ids of a prompt, with the special tokens that the checkpoint adds to one if
        `special`."""
        ids: list[int] = self._fast.encode(text, add_special_tokens=special).ids
        return ids

    def decode(self, token_ids: list[int], *, specials: bool = False) -> str:
        """Text of token ids; special tokens are left out unless `specials`."""
        text: str = self._fast.decode(token_ids, skip_special_tokens=not specials)
        return text

    def render(
        self,
        messages: list[dict[str, Any]],
        *,
        tools: list[dict[str, Any]] | None = None,
        answer: bool = True,
        **template_options: Any,
    ) -> str:
        """The prompt that the chat template makes of `messages`, ready for the answer.

        Args:
            tools: as in an OpenAI request.
            answer: whether the prompt begins the answer's turn.
            template_options: variables of the template, for example `enable_thinking`.

        Raises:
            SuiteError: the checkpoint has no chat template, or it refuses the messages.
        """
        try:
            prompt: str = self._template.render(
                messages=messages,
                tools=tools,
                add_generation_prompt=answer,
                **self._special_tokens,
                **template_options,
            )
        except TemplateError as error:
            raise SuiteError(f"The chat template refuses the messages: {error}") from None
        return prompt

    def encode_chat(self, messages: list[dict[str, Any]]) -> list[int]:
        """Token ids of the rendered chat prompt; the template writes its special tokens itself."""
        ids: list[int] = self._fast.encode(self.render(messages), add_special_tokens=False).ids
        return ids

    @cached_property
    def special_ids(self) -> frozenset[int]:
        added = self._fast.get_added_tokens_decoder()
        return frozenset(id for id, token in added.items() if token.special)

    @cached_property
    def end_id(self) -> int | None:
        """The token that ends an answer, if the configuration names it."""
        return self.vocabulary.get(self._special_tokens.get("eos_token", ""))

    @cached_property
    def vocabulary(self) -> dict[str, int]:
        """Token (as spelled in the vocabulary) to id."""
        vocabulary: dict[str, int] = self._fast.get_vocab()
        return vocabulary

    @cached_property
    def _config(self) -> dict[str, Any]:
        file = self.folder / "tokenizer_config.json"
        return json.loads(file.read_text()) if file.is_file() else {}

    @cached_property
    def _special_tokens(self) -> dict[str, str]:
        names = ("bos_token", "eos_token", "pad_token", "unk_token")
        tokens = {name: self._config.get(name) for name in names}
        return {
            name: token["content"] if isinstance(token, dict) else token
            for name, token in tokens.items()
            if token
        }

    @cached_property
    def template_source(self) -> str:
        """The chat template as it is written. Raises SuiteError where there is none."""
        file = self.folder / "chat_template.jinja"
        source = file.read_text() if file.is_file() else self._config.get("chat_template")
        if not isinstance(source, str):
            raise SuiteError(f"{self.folder.name} has no chat template")
        return source

    @cached_property
    def _template(self) -> Any:
        # The options and helpers that Hugging Face's chat templates are written against.
        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
        )
        environment.filters["tojson"] = lambda value, **options: json.dumps(
            value, ensure_ascii=False, **options
        )
        environment.globals["raise_exception"] = _raise
        environment.globals["strftime_now"] = lambda form: datetime.now().strftime(form)
        return environment.from_string(self.template_source)


def _raise(message: str) -> None:
    raise TemplateError(message)
