"""`/tokenize`: the tokens that the model would see."""

from __future__ import annotations

import pytest

from conformance.api import expect
from conformance.api.invalid import context_length
from conformance.api.prompts import Prompts, assistant
from conformance.api.tokens.asking import Tokens
from conformance.api.tokens.texts import HOSTILE
from conformance.compare import extensions, vocabulary
from conformance.compare.tokens import Tokenizer
from conformance.requirements import MAY, SHOULD, requirement
from conformance.targets.server import ServerTarget

SOURCE = "vLLM: POST /tokenize"


@requirement(
    "api/tokens/tokenize",
    SHOULD,
    source=SOURCE,
    profiles=("api",),
    honours="/tokenize: prompt, model",
)
@pytest.mark.parametrize("name", HOSTILE)
def test_tokenize(tokens: Tokens, tokenizer: Tokenizer, name: str) -> None:
    """A text SHOULD have the tokens that the model's own tokenizer gives it, and be counted so.

    Who plans for a context counts here first; another count is an answer cut in the middle.
    """
    found = tokens.tokenize(prompt=HOSTILE[name])
    expect.same(found.tokens, tokenizer.encode(HOSTILE[name]), what="The tokenization")
    expect.same(found.count, len(found.tokens), what="The count of tokens")


@requirement(
    "api/tokens/round-trip",
    SHOULD,
    source="vLLM: POST /tokenize, POST /detokenize",
    profiles=("api",),
    honours="/detokenize: tokens, model; /tokenize: prompt, add_special_tokens",
)
@pytest.mark.parametrize("name", HOSTILE)
def test_round_trip(tokens: Tokens, tokenizer: Tokenizer, name: str) -> None:
    """A text that is tokenized and detokenized SHOULD be what it was.

    Texts are cut to a length by their tokens; what does not come back is lost to the person.
    """
    found = tokens.tokenize(prompt=HOSTILE[name], add_special_tokens=False)
    wanted = tokenizer.decode(found.tokens, specials=True)
    expect.same(tokens.detokenize(found.tokens), wanted, what="The text that comes back")


@requirement(
    "api/tokens/detokenize-ids",
    SHOULD,
    source="vLLM: POST /detokenize",
    profiles=("api",),
    honours="/detokenize: tokens; /detokenize:",
)
def test_detokenize_ids(tokens: Tokens, tokenizer: Tokenizer) -> None:
    """Token ids SHOULD be given their text, special tokens as they are spelled.

    Logs hold ids; what the model was told is read here.
    """
    ids = vocabulary.few_of_each_kind(tokenizer)
    wanted = tokenizer.decode(ids, specials=True)
    expect.same(tokens.detokenize(ids), wanted, what="The text of tokens")


@requirement(
    "api/tokens/context-length",
    SHOULD,
    source=f"{SOURCE}: max_model_len",
    profiles=("api",),
    honours="/tokenize:",
)
def test_context_length(tokens: Tokens, target: ServerTarget) -> None:
    """The answer SHOULD tell the context length, the same as the list of models.

    A client that trims its history reads count and limit in one place.
    """
    expect.same(
        tokens.tokenize(prompt="Hi").max_model_len,
        context_length(target),
        what="`max_model_len`",
    )


@requirement(
    "api/tokens/special-tokens",
    SHOULD,
    source=f"{SOURCE}: add_special_tokens, true by default",
    profiles=("api",),
    honours="/tokenize: add_special_tokens",
)
@pytest.mark.parametrize("special", [True, False], ids=["with", "without"])
def test_special_tokens(tokens: Tokens, tokenizer: Tokenizer, special: bool) -> None:
    """`add_special_tokens` SHOULD say whether the tokens that begin a prompt are added.

    A text in the middle of a prompt has none.
    """
    found = tokens.tokenize(prompt="Hi", add_special_tokens=special)
    vocabulary.adds_special(tokenizer)
    expect.same(found.tokens, tokenizer.encode("Hi", special=special), what="The tokenization")


@requirement(
    "api/tokens/strings",
    SHOULD,
    source=f"{SOURCE}: return_token_strs",
    profiles=("api",),
    honours="/tokenize: return_token_strs",
)
def test_strings(tokens: Tokens, tokenizer: Tokenizer) -> None:
    """With `return_token_strs` the tokens SHOULD be spelled out as the vocabulary has them.

    How a name falls apart is seen at a glance.
    """
    found = tokens.tokenize(prompt="Hello wörld", return_token_strs=True)
    wanted = vocabulary.spellings(tokenizer, found.tokens)
    extensions.ids_given("return_token_strs", found.token_strs, wanted, "the vocabulary")


@requirement(
    "api/tokens/strings-unasked",
    SHOULD,
    source=f"{SOURCE}: return_token_strs, false by default",
    profiles=("api",),
    honours="/tokenize: return_token_strs",
)
def test_strings_unasked(tokens: Tokens) -> None:
    """Without `return_token_strs` no spellings SHOULD be given.

    They are several times the size of the ids.
    """
    expect.same(tokens.tokenize(prompt="Hello").token_strs, None, what="`token_strs`")


@requirement(
    "api/tokens/chat",
    SHOULD,
    source=f"{SOURCE}: messages",
    profiles=("api",),
    honours="/tokenize: messages, model",
)
def test_chat(tokens: Tokens, tokenizer: Tokenizer, prompts: Prompts) -> None:
    """A chat SHOULD have the tokens of its rendered prompt.

    The template's own tokens count as well; who counts the messages alone is short by them.
    """
    wanted = vocabulary.chat_prompt(tokenizer, prompts.words)
    expect.same(tokens.tokenize(messages=prompts.words).tokens, wanted, what="The chat's tokens")


@requirement(
    "api/tokens/generation-prompt",
    SHOULD,
    source=f"{SOURCE}: add_generation_prompt",
    profiles=("api",),
    honours="/tokenize: add_generation_prompt",
)
def test_generation_prompt(tokens: Tokens, tokenizer: Tokenizer, prompts: Prompts) -> None:
    """Without `add_generation_prompt` the tokens SHOULD end with the last message's.

    The length of a history is that of what was said.
    """
    wanted = vocabulary.bare_prompt(tokenizer, prompts.words)
    found = tokens.tokenize(messages=prompts.words, add_generation_prompt=False)
    expect.same(found.tokens, wanted, what="The chat's tokens")


@requirement(
    "api/tokens/continue-final-message",
    SHOULD,
    source=f"{SOURCE}: continue_final_message",
    profiles=("api",),
    honours="/tokenize: continue_final_message, add_generation_prompt",
)
def test_continue_final_message(tokens: Tokens, tokenizer: Tokenizer, prompts: Prompts) -> None:
    """With `continue_final_message` the tokens SHOULD end with those of the last message, and not
    close its turn.

    The model goes on there, and the room that is left is counted from there.
    """
    begun = "one two"
    found = tokens.tokenize(
        messages=[*prompts.words, assistant(begun)],
        continue_final_message=True,
        add_generation_prompt=False,
    )
    wanted = tokenizer.encode(vocabulary.rendered(tokenizer, prompts.words) + begun, special=False)
    expect.same(found.tokens, wanted, what="The chat's tokens")


@requirement(
    "api/tokens/tools",
    SHOULD,
    source=f"{SOURCE}: tools",
    profiles=("api",),
    honours="/tokenize: tools",
)
def test_tools(tokens: Tokens, tokenizer: Tokenizer, prompts: Prompts) -> None:
    """Tools SHOULD count as they do in the prompt of a chat.

    Their schemas are often longer than the conversation.
    """
    vocabulary.template_with(tokenizer, "tools")
    plain = tokens.tokenize(messages=prompts.errand).count
    found = tokens.tokenize(messages=prompts.errand, tools=list(prompts.tools)).count
    vocabulary.grown("tools", plain, found)


@requirement(
    "api/tokens/template-kwargs",
    SHOULD,
    source=f"{SOURCE}: chat_template_kwargs",
    profiles=("api",),
    honours="/tokenize: chat_template_kwargs",
)
def test_template_kwargs(tokens: Tokens, tokenizer: Tokenizer, prompts: Prompts) -> None:
    """`chat_template_kwargs` SHOULD reach the chat template.

    They turn thinking on and off, and the prompt is another one then.
    """
    wanted = vocabulary.told(tokenizer, prompts.words, enable_thinking=False)
    found = tokens.tokenize(messages=prompts.words, chat_template_kwargs={"enable_thinking": False})
    expect.same(found.tokens, wanted, what="The chat's tokens")


@requirement(
    "api/tokens/chat-template",
    MAY,
    source=f"{SOURCE}: chat_template; refused but with --trust-request-chat-template",
    profiles=("api",),
    honours="/tokenize: chat_template",
)
def test_chat_template(tokens: Tokens, tokenizer: Tokenizer, prompts: Prompts) -> None:
    """A server MAY take a `chat_template` with the request, and then renders the chat with it.

    A template may run for ever, so production refuses one that it was not told to trust.
    """
    found = tokens.tokenize(messages=prompts.words, chat_template="a b c")
    wanted = tokenizer.encode("a b c", special=False)
    expect.same(found.tokens, wanted, what="The chat's tokens")


@requirement(
    "api/tokens/passive",
    SHOULD,
    source=f"{SOURCE}: media_io_kwargs, mm_processor_kwargs, on a model of text",
    profiles=("api",),
    accepts="/tokenize: {field}",
)
@pytest.mark.parametrize("field", ["media_io_kwargs", "mm_processor_kwargs"])
def test_passive(tokens: Tokens, prompts: Prompts, field: str) -> None:
    """What is said about images SHOULD NOT change the tokens of a chat without any.

    A client sends the same fields with every chat.
    """
    plain = tokens.tokenize(messages=prompts.words).tokens
    found = tokens.tokenize(messages=prompts.words, **{field: {}}).tokens
    expect.same(found, plain, what="The chat's tokens")
