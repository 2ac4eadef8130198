"""Tokens of the served model by their text: which ids to force or ban, what a prompt comes to."""

from __future__ import annotations

from typing import Any

from conformance.compare.tokens import Tokenizer
from conformance.outcomes import Failed, Inconclusive, Silent, SuiteError

Messages = list[dict[str, Any]]


def whole_prompt(tokenizer: Tokenizer, messages: Messages, found: int) -> None:
    """`found`, the reported `prompt_tokens`, is the length of the rendered chat prompt.

    Raises:
        Silent: it is that of the last message alone.
        Failed: it is another.
        Inconclusive: as `chat_prompt`.
    """
    wanted = len(chat_prompt(tokenizer, messages))
    if found == wanted:
        return
    if found == len(chat_prompt(tokenizer, messages[-1:])):
        raise Silent("Messages before the last are dropped", expected=wanted, actual=found)
    raise Failed(
        "`prompt_tokens` is not the length of the prompt that the chat template makes",
        expected=wanted,
        actual=found,
    )


def chat_prompt(tokenizer: Tokenizer, messages: Messages) -> list[int]:
    """Token ids of the rendered chat prompt.

    Raises:
        Inconclusive: the model's template has no place for such messages.
    """
    try:
        return tokenizer.encode_chat(messages)
    except SuiteError as error:
        raise Inconclusive(
            f"{error}: another model would decide",
            cause="The model's chat template refuses the messages",
        ) from None


def plain_ids(tokenizer: Tokenizer, text: str) -> list[int]:
    """Token ids of `text`, without the special tokens that begin or end a prompt."""
    return [id for id in tokenizer.encode(text) if id not in tokenizer.special_ids]


def word_outside(tokenizer: Tokenizer, text: str) -> int:
    """The id of a token that spells a word or part of one and does not occur in `text`.

    Raises:
        Inconclusive: the vocabulary has none among a few plain words.
    """
    for id in plain_ids(tokenizer, "the banana and the yellow elephant"):
        word = tokenizer.decode([id]).strip()
        if len(word) > 1 and word.isalpha() and word not in text:
            return id
    raise Inconclusive("The vocabulary has no plain word to force: another model would decide")


def spelling(tokenizer: Tokenizer, word: str) -> list[int]:
    """The ids of all tokens that spell `word`, with or without white space around it.

    Raises:
        Inconclusive: there are none, or more than the 300 that `logit_bias` may name.
    """
    wanted = word.strip()
    found = [id for id in tokenizer.vocabulary.values() if tokenizer.decode([id]).strip() == wanted]
    if not wanted or not 0 < len(found) <= 300:
        raise Inconclusive(
            f"{len(found)} tokens spell {word!r}: an answer that begins with a word would decide",
            cause="The model's own answer does not allow the check",
        )
    return found


def forced(tokenizer: Tokenizer, id: int, times: int, text: str) -> None:
    """`text` is `times` times the token.

    Raises:
        Silent: the token is not in it.
        Failed: it is, among others.
    """
    wanted = tokenizer.decode([id] * times).strip()
    if tokenizer.decode([id]).strip() not in text:
        raise Silent("`logit_bias` is accepted and ignored", expected=wanted, actual=text)
    if text.strip() != wanted:
        raise Failed("`logit_bias` 100 does not force a token", expected=wanted, actual=text)


def banned(word: str, text: str) -> None:
    """`text` is another word. Raises Silent otherwise."""
    if text.strip() == word.strip():
        raise Silent("`logit_bias` is accepted and ignored", expected=f"not {word!r}", actual=text)


def without_special_tokens(tokenizer: Tokenizer, text: str) -> None:
    """No special token is spelled in `text`. Raises Failed otherwise."""
    names = (name for name, id in tokenizer.vocabulary.items() if id in tokenizer.special_ids)
    if found := sorted(name for name in names if name and name in text):
        raise Failed(
            "A special token is left in the answer", expected="text alone", actual=(found, text)
        )


def end_token(tokenizer: Tokenizer) -> int:
    """The token that ends an answer.

    Raises:
        Inconclusive: the tokenizer's configuration names none.
    """
    if tokenizer.end_id is None:
        raise Inconclusive(
            "The tokenizer's configuration names no `eos_token`: one that does would decide",
            cause="The token that ends an answer is not known",
        )
    return tokenizer.end_id


def first_of_its_kind(ids: list[int]) -> int:
    """The place, from the third on, of a token that was not there before.

    Raises:
        Inconclusive: there is none.
    """
    for place in range(2, len(ids)):
        if ids[place] not in ids[:place]:
            return place
    raise Inconclusive(
        "The answer is too short, or repeats itself: another prompt would decide",
        cause="The model's own answer does not allow the check",
    )


def rendered(tokenizer: Tokenizer, messages: Messages) -> str:
    """The text of the rendered chat prompt. Raises as `chat_prompt`."""
    chat_prompt(tokenizer, messages)
    return tokenizer.render(messages)


def two_words(tokenizer: Tokenizer) -> list[int]:
    """Ids of two tokens that spell letters.

    Raises:
        Inconclusive: a few plain words have no two.
    """
    found = [id for id in plain_ids(tokenizer, "A B C D") if tokenizer.decode([id]).strip()]
    if len(set(found)) < 2:
        raise Inconclusive("The vocabulary has no two plain words: another model would decide")
    return list(dict.fromkeys(found))[:2]


def bare_prompt(tokenizer: Tokenizer, messages: Messages) -> list[int]:
    """Token ids of the rendered chat without the beginning of an answer.

    Raises:
        Inconclusive: the template begins no answer, or refuses the messages.
    """
    whole = chat_prompt(tokenizer, messages)
    bare = tokenizer.encode(tokenizer.render(messages, answer=False), special=False)
    if len(bare) >= len(whole):
        raise Inconclusive(
            "The model's chat template begins no answer: another model would decide",
            cause="The model's chat template does not allow the check",
        )
    return bare


def with_and_without_special(tokenizer: Tokenizer, messages: Messages) -> tuple[int, int]:
    """Tokens of the rendered chat with and without the tokenizer's own special tokens.

    Raises:
        Inconclusive: it adds none.
    """
    adds_special(tokenizer)
    text = rendered(tokenizer, messages)
    return len(tokenizer.encode(text)), len(tokenizer.encode(text, special=False))


def adds_special(tokenizer: Tokenizer) -> None:
    """The tokenizer adds special tokens of its own to a text. Raises Inconclusive."""
    if tokenizer.encode("Hi") == tokenizer.encode("Hi", special=False):
        raise Inconclusive(
            "The tokenizer adds no special tokens: one that does would decide",
            cause="The model's tokenizer does not allow the check",
        )


def verbatim(text: str) -> str:
    """A chat template that gives this text."""
    return "{% raw %}" + text + "{% endraw %}"


def template_without(tokenizer: Tokenizer, variable: str) -> None:
    """The chat template does not name the variable. Raises Inconclusive."""
    if variable in tokenizer.template_source:
        raise Inconclusive(
            f"The model's chat template reads `{variable}`: one that does not would decide",
            cause="The model's chat template does not allow the check",
        )


def template_with(tokenizer: Tokenizer, variable: str) -> None:
    """The chat template names the variable. Raises Inconclusive."""
    if variable not in tokenizer.template_source:
        raise Inconclusive(
            f"The model's chat template does not read `{variable}`: one that does would decide",
            cause="The model's chat template does not allow the check",
        )


def few_of_each_kind(tokenizer: Tokenizer) -> list[int]:
    """Ids of a few words, and of a special token if there is one."""
    return [*plain_ids(tokenizer, "Hello wörld!"), *sorted(tokenizer.special_ids)[:1]]


def known_length(length: int | None) -> int:
    """The context length. Raises Inconclusive where nobody says it."""
    if length is None:
        raise Inconclusive(
            "The context length is not known: --max-model-len N, or `max_model_len` in the list of "
            "models, would decide",
            cause="The server does not say its context length",
        )
    return length


def spellings(tokenizer: Tokenizer, ids: list[int]) -> list[str]:
    """Tokens as the vocabulary spells them."""
    by_id = {id: token for token, id in tokenizer.vocabulary.items()}
    return [by_id[id] for id in ids]


def grown(parameter: str, before: int, after: int) -> None:
    """The prompt is longer with a parameter than without. Raises Silent."""
    if after <= before:
        raise Silent(
            f"`{parameter}` is accepted and does not reach the prompt",
            expected=f"more than {before} tokens",
            actual=f"{after} tokens",
        )


def told(tokenizer: Tokenizer, messages: Messages, **variables: Any) -> list[int]:
    """Token ids of the chat, rendered with variables of the template.

    Raises:
        Inconclusive: they change nothing.
    """
    plain = chat_prompt(tokenizer, messages)
    found = tokenizer.encode(tokenizer.render(messages, **variables), special=False)
    if found == plain:
        raise Inconclusive(
            f"The model's chat template does not read {', '.join(variables)}: one that does would "
            "decide",
            cause="The model's chat template does not allow the check",
        )
    return found
