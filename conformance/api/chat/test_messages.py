"""Messages: all of them reach the model, in the form of its chat template."""

from __future__ import annotations

import pytest

from conformance.api import answers, expect, seeing
from conformance.api.ask import Ask
from conformance.api.prompts import GREETING, Messages, Prompts, assistant, system, user
from conformance.compare import texts, vocabulary
from conformance.compare.tokens import Tokenizer
from conformance.requirements import MUST, SHOULD, requirement


@requirement(
    "api/chat/messages",
    MUST,
    source="OpenAI chat.completions.create: messages; the chat template",
    honours="messages",
)
@pytest.mark.parametrize(
    "messages",
    [
        [user("Name a colour.")],
        [system("Answer with one word."), user("Name a colour.")],
        [user("Name a colour."), assistant("Blue."), user("Another.")],
    ],
    ids=["user", "system", "history"],
)
def test_messages(ask: Ask, tokenizer: Tokenizer, messages: Messages) -> None:
    """Every message MUST reach the model in its chat template: `prompt_tokens` is that prompt's
    length.

    A system message that is dropped takes the product's rules with it; a template that is
    rendered otherwise makes the same weights answer worse, and nobody sees why.
    """
    answer = answers.chat(ask.chat(messages, max_tokens=1))
    vocabulary.whole_prompt(tokenizer, messages, answer.usage.prompt_tokens)


@requirement(
    "api/chat/content-parts",
    MUST,
    source="OpenAI chat.completions.create: messages[].content as array of text parts",
    alone=True,
    honours="messages",
)
def test_content_parts(ask: Ask, prompts: Prompts) -> None:
    """A message's content as one text part MUST be answered as the same text in a string is.

    Agent frameworks send parts for everything; a server that prints the list into the prompt
    still answers, only worse.
    """
    whole = answers.chat(ask.chat(prompts.words))
    *before, last = prompts.words
    parts = [*before, user([{"type": "text", "text": last["content"]}])]
    in_parts = answers.chat(ask.chat(parts))
    texts.prompt_count(in_parts.usage.prompt_tokens, whole.usage.prompt_tokens)
    texts.equal(whole.text, in_parts.text, "Content in parts is answered otherwise than a string")


@requirement(
    "api/chat/content-parts-all",
    MUST,
    source="OpenAI chat.completions.create: messages[].content as array of text parts",
    honours="messages",
)
def test_content_parts_all(ask: Ask) -> None:
    """Every text part of a message MUST reach the model.

    Tools that attach a file send it as a second part; where only the first one counts, the model
    answers about a file that it never saw. (vLLM joins parts with a line break, others without.)
    """
    first, second = "Here is a list.", "Apples, pears, plums and some eleven oranges."
    one = answers.chat(ask.chat(first, max_tokens=1))
    parts = [{"type": "text", "text": first}, {"type": "text", "text": second}]
    both = answers.chat(ask.chat([user(parts)], max_tokens=1))
    texts.longer_prompt(
        one.usage.prompt_tokens, both.usage.prompt_tokens, "the second text part", least=8
    )


@requirement(
    "api/chat/null-is-default",
    SHOULD,
    source="OpenAI chat.completions.create: nullable fields; vLLM takes null for all of these",
    accepts="{field}",
)
@pytest.mark.parametrize(
    "field",
    ["temperature", "top_p", "stop", "seed", "logit_bias", "top_logprobs"],
    ids=["temperature", "top-p", "stop", "seed", "logit-bias", "top-logprobs"],
)
def test_null_is_default(ask: Ask, field: str) -> None:
    """An optional field that is null SHOULD be taken as if it were left out.

    Clients in typed languages send every field of a request, null where nothing was set.
    """
    expect.chat(ask.chat(GREETING, max_tokens=1, **{field: None}))


@requirement(
    "api/chat/image",
    MUST,
    source="OpenAI chat.completions.create: image_url; vLLM refuses it for a model without eyes",
    profiles=("api",),
    refuses="messages",
)
def test_image(ask: Ask) -> None:
    """An image MUST be seen, or the request refused: then with 400, 404, 405, 422 or 501 and an
    OpenAI error.

    A model that is told nothing of the picture describes one all the same.
    """
    shown = [seeing.text("What is shown?"), seeing.picture("stripes")]
    response = ask.chat([user(shown)], max_tokens=1)
    if response.status != 200:
        expect.refused(response, what="An image", statuses=expect.REFUSALS)
        return
    without = answers.chat(ask.chat([user(shown[:1])], max_tokens=1))
    tokens = answers.chat(response).usage.prompt_tokens
    seeing.counted([without.usage.prompt_tokens, tokens])
