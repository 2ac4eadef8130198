"""What becomes the prompt: vLLM's own parameters for it."""

from __future__ import annotations

import pytest

from conformance.api.extensions.ways import Ways, both_ways, on_both, said
from conformance.api.prompts import GREETING, Prompts, assistant
from conformance.compare import extensions, vocabulary
from conformance.requirements import MAY, SHOULD, requirement

CHAT = "vLLM: extra parameters of chat"
VLLM = "vLLM: extra parameters of chat and completions"


@requirement(
    "api/extensions/truncate-prompt",
    SHOULD,
    source=f"{VLLM}: truncate_prompt_tokens",
    profiles=("api",),
    honours=on_both("truncate_prompt_tokens"),
)
@both_ways
def test_truncate_prompt(ways: Ways, prompts: Prompts, way: str) -> None:
    """`truncate_prompt_tokens` SHOULD cut the prompt to so many tokens, and `usage` say so.

    A service that would rather lose the oldest words than refuse the person asks for it.
    """
    whole = len(ways.prompt(prompts.words))
    found = ways.say(way, prompts.words, max_tokens=1, truncate_prompt_tokens=whole - 2)
    extensions.prompt_of("truncate_prompt_tokens", whole, found.prompt_tokens, whole - 2)


@requirement(
    "api/extensions/truncation-side",
    SHOULD,
    source=f"{VLLM}: truncation_side",
    profiles=("api",),
    honours="completions.create: truncate_prompt_tokens, truncation_side",
)
@pytest.mark.parametrize("side", ["left", "right"])
def test_truncation_side(ways: Ways, prompts: Prompts, side: str) -> None:
    """A prompt SHOULD lose its first tokens where `truncation_side` is `left`, and its last where
    it is `right`.

    The end of a chat is the question; the beginning of a document, what it is about.
    """
    ids, other = ways.tokenizer.encode(prompts.series), ways.tokenizer.encode(prompts.second)
    prompt = [*other, *ids] if side == "left" else [*ids, *other]
    wanted = said(ways.ask.complete(ids, max_tokens=3))
    plain = said(ways.ask.complete(prompt, max_tokens=3))
    found = said(
        ways.ask.complete(
            prompt, max_tokens=3, truncate_prompt_tokens=len(ids), truncation_side=side
        )
    )
    extensions.prompt_of(
        "truncate_prompt_tokens", plain.prompt_tokens, found.prompt_tokens, len(ids)
    )
    extensions.same_answer("truncation_side", wanted.text, found.text, plain.text)


@requirement(
    "api/extensions/truncation-side-chat",
    SHOULD,
    source=f"{CHAT}: truncation_side, return_token_ids",
    profiles=("api",),
    honours="chat.completions.create: truncation_side, truncate_prompt_tokens",
)
@pytest.mark.parametrize("side", ["left", "right"])
def test_truncation_side_chat(ways: Ways, prompts: Prompts, side: str) -> None:
    """The rendered prompt of a chat SHOULD be cut on the side of `truncation_side`.

    Its end begins the answer; cut on the right, the model goes on with the question.
    """
    prompt = ways.prompt(prompts.words)
    kept = prompt[-4:] if side == "left" else prompt[:4]
    found = ways.say(
        "chat",
        prompts.words,
        max_tokens=1,
        truncate_prompt_tokens=4,
        truncation_side=side,
        return_token_ids=True,
    )
    extensions.ids_given("truncation_side", found.given("prompt_token_ids"), kept, "the prompt")


@requirement(
    "api/extensions/continue-final-message",
    SHOULD,
    source=f"{CHAT}: continue_final_message, add_generation_prompt",
    profiles=("api",),
    honours="chat.completions.create: continue_final_message, add_generation_prompt",
)
def test_continue_final_message(ways: Ways, prompts: Prompts) -> None:
    """With `continue_final_message` the answer SHOULD go on where the last message ends.

    An answer that is begun for the model (`{"name":`) keeps it on course; a new turn instead
    begins anew.
    """
    plain = ways.say("chat", prompts.words, max_tokens=16).text
    begun = extensions.beginning(plain)
    found = ways.say(
        "chat",
        [*prompts.words, assistant(begun)],
        max_tokens=16,
        continue_final_message=True,
        add_generation_prompt=False,
    )
    extensions.same_answer("continue_final_message", plain, begun + found.text)


@requirement(
    "api/extensions/echo-chat",
    SHOULD,
    source=f"{CHAT}: echo",
    profiles=("api",),
    honours="chat.completions.create: echo",
)
def test_echo_chat(ways: Ways, prompts: Prompts) -> None:
    """With `echo` a continued message SHOULD be given as a whole, with its beginning.

    What was begun for the model and what it went on with are one answer to the person.
    """
    plain = ways.say("chat", prompts.words, max_tokens=16).text
    begun = extensions.beginning(plain)
    asked = {"continue_final_message": True, "add_generation_prompt": False, "max_tokens": 16}
    history = [*prompts.words, assistant(begun)]
    rest = ways.say("chat", history, **asked).text
    found = ways.say("chat", history, echo=True, **asked).text
    extensions.same_answer("echo", begun + rest, found, rest)


@requirement(
    "api/extensions/generation-prompt",
    SHOULD,
    source=f"{CHAT}: add_generation_prompt",
    profiles=("api",),
    honours="chat.completions.create: add_generation_prompt",
)
def test_generation_prompt(ways: Ways, prompts: Prompts) -> None:
    """Without `add_generation_prompt` the prompt SHOULD end with the last message.

    Who writes the beginning of the turn themselves would find it there twice.
    """
    whole = len(ways.prompt(prompts.words))
    bare = vocabulary.bare_prompt(ways.tokenizer, prompts.words)
    found = ways.say("chat", prompts.words, max_tokens=1, add_generation_prompt=False)
    extensions.prompt_of("add_generation_prompt", whole, found.prompt_tokens, len(bare))


@requirement(
    "api/extensions/template-kwargs",
    SHOULD,
    source=f"{CHAT}: chat_template_kwargs",
    profiles=("api",),
    honours="chat.completions.create: chat_template_kwargs",
)
def test_template_kwargs(ways: Ways, prompts: Prompts) -> None:
    """`chat_template_kwargs` SHOULD reach the chat template.

    They turn thinking on and off: forgotten, a model thinks for a minute where it was told not to.
    """
    plain = len(ways.prompt(prompts.words))
    wanted = vocabulary.told(ways.tokenizer, prompts.words, enable_thinking=False)
    asked = {"chat_template_kwargs": {"enable_thinking": False}}
    found = ways.say("chat", prompts.words, max_tokens=1, **asked)
    extensions.prompt_of("chat_template_kwargs", plain, found.prompt_tokens, len(wanted))


@requirement(
    "api/extensions/special-tokens",
    SHOULD,
    source=f"{VLLM}: add_special_tokens",
    profiles=("api",),
    honours=on_both("add_special_tokens"),
)
@both_ways
def test_special_tokens(ways: Ways, prompts: Prompts, way: str) -> None:
    """`add_special_tokens` SHOULD say whether the tokenizer's own special tokens begin the prompt.

    A prompt that has them already would begin twice, and models notice.
    """
    counts = vocabulary.with_and_without_special(ways.tokenizer, prompts.words)
    for special, wanted in zip((True, False), counts, strict=True):
        response = (
            ways.ask.chat(prompts.words, max_tokens=1, add_special_tokens=special)
            if way == "chat"
            else ways.ask.complete(
                ways.tokenizer.render(prompts.words), max_tokens=1, add_special_tokens=special
            )
        )
        found = said(response).prompt_tokens
        extensions.prompt_of("add_special_tokens", sum(counts) - wanted, found, wanted)


@requirement(
    "api/extensions/chat-template",
    MAY,
    source=f"{CHAT}: chat_template; refused but with --trust-request-chat-template",
    profiles=("api",),
    honours="chat.completions.create: chat_template",
)
def test_chat_template(ways: Ways, prompts: Prompts) -> None:
    """A server MAY take a `chat_template` with the request, and then renders the chat with
    it.

    A template may run for ever, so production refuses one that it was not told to trust.
    """
    wanted = ways.say("chat", prompts.words, max_tokens=16).text
    template = vocabulary.verbatim(vocabulary.rendered(ways.tokenizer, prompts.words))
    found = said(ways.ask.chat(GREETING, max_tokens=16, chat_template=template))
    extensions.same_answer("chat_template", wanted, found.text)


@requirement(
    "api/extensions/documents",
    MAY,
    source=f"{CHAT}: documents, a variable of the chat template",
    profiles=("api",),
    accepts="chat.completions.create: documents",
    honours="chat.completions.create: documents",
)
def test_documents(ways: Ways, prompts: Prompts) -> None:
    """A server MAY take a `chat_template` with the request, and then `documents` are in its
    reach.

    Templates of models that were trained to cite read them.
    """
    wanted = ways.say("chat", prompts.words, max_tokens=16).text
    document = {"title": "prompt", "text": vocabulary.rendered(ways.tokenizer, prompts.words)}
    template = "{{ documents[0]['text'] }}"
    found = said(
        ways.ask.chat(GREETING, max_tokens=16, chat_template=template, documents=[document])
    )
    extensions.same_answer("documents", wanted, found.text)


@requirement(
    "api/extensions/documents-unread",
    SHOULD,
    source=f"{CHAT}: documents; a template that knows none ignores them",
    profiles=("api",),
    accepts="chat.completions.create: documents",
)
def test_documents_unread(ways: Ways, prompts: Prompts) -> None:
    """`documents` SHOULD NOT change the prompt of a model whose template does not read them.

    Pasted in by the server they would be in a form that the model never saw.
    """
    plain = ways.say("chat", prompts.words, max_tokens=16)
    document = {"title": "Rivers", "text": "The Rhine is 1233 km long."}
    found = ways.say("chat", prompts.words, max_tokens=16, documents=[document])
    vocabulary.template_without(ways.tokenizer, "documents")
    extensions.same_answer("documents", plain.text, found.text)
