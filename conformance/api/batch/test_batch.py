"""`/v1/chat/completions/batch`: each conversation answered as by itself."""

from __future__ import annotations

import pytest

from conformance.api.batch import cases
from conformance.api.batch.asking import Batches
from conformance.api.extensions.thinking import Thought, kept_out
from conformance.api.extensions.ways import said
from conformance.api.prompts import GREETING, Prompts, user
from conformance.compare import batches as compared
from conformance.compare import extensions, metamorphic, vocabulary
from conformance.compare.tokens import Tokenizer
from conformance.requirements import MAY, SHOULD, requirement

OPERATION = "/v1/chat/completions/batch"
SOURCE = f"vLLM: POST {OPERATION}"


@requirement(
    "api/batch/conversations",
    SHOULD,
    source=SOURCE,
    profiles=("api",),
    honours=f"{OPERATION}: messages, model; {OPERATION}:",
)
def test_conversations(batches: Batches, prompts: Prompts) -> None:
    """Each conversation of a batch SHOULD be answered as by itself, in their order, with the usage
    of all.

    Evaluations send a thousand questions so; an answer at another's place is two wrong ones.
    """
    asked = [prompts.words, prompts.draw, [user(GREETING)], prompts.words]
    together = batches.together(asked, max_tokens=4)
    apart = batches.apart(asked, max_tokens=4)
    compared.alike(apart.choices, together.choices, "messages")
    metamorphic.alike(apart.usage, together.usage, "Usage of single requests and of a batch")
    extensions.text_given("model", together.body.get("model"), batches.ask.model)


@requirement(
    "api/batch/effective",
    SHOULD,
    source=SOURCE,
    profiles=("api",),
    honours={name: f"{OPERATION}: {name}" for name in [*cases.EFFECTIVE, *cases.WITH_TOKENS]},
)
@pytest.mark.parametrize("name", [*cases.EFFECTIVE, *cases.WITH_TOKENS])
def test_effective(batches: Batches, prompts: Prompts, tokenizer: Tokenizer, name: str) -> None:
    """A parameter of a batch SHOULD do to each of its conversations what it does to one.

    It is the same model behind the same fields; ignored, a thousand answers are others.
    """
    plain = said(batches.ask.chat(prompts.words, max_tokens=16)).text
    asked = cases.conversations(name, prompts, plain)
    case = cases.effective(name, prompts, tokenizer, plain)
    together = batches.together(asked, **case.parameters)
    apart = batches.apart(asked, **case.parameters)
    without = batches.apart(asked, **(case.without or {}))
    compared.effective(apart.choices, without.choices, name)
    compared.heeded(without.choices, together.choices, name)
    compared.alike(apart.choices, together.choices, name)


@requirement(
    "api/batch/passive",
    SHOULD,
    source=SOURCE,
    profiles=("api",),
    accepts={name: f"{OPERATION}: {name}" for name in cases.PASSIVE},
)
@pytest.mark.parametrize("name", cases.PASSIVE)
def test_passive(batches: Batches, prompts: Prompts, name: str) -> None:
    """A parameter of a batch that changes nothing SHOULD change nothing.

    Clients send every field of their forms.
    """
    asked = [prompts.words, prompts.draw]
    together = batches.together(asked, max_tokens=4, **{name: cases.PASSIVE[name]})
    apart = batches.apart(asked, max_tokens=4)
    compared.alike(apart.choices, together.choices, name)


@requirement(
    "api/batch/request-id",
    SHOULD,
    source=f"{SOURCE}: request_id",
    profiles=("api",),
    honours=f"{OPERATION}: request_id",
)
def test_request_id(batches: Batches, prompts: Prompts) -> None:
    """The id of a batch SHOULD end with its `request_id`.

    It is found again in the logs of both sides by it.
    """
    found = batches.together([prompts.words], max_tokens=1, request_id="maccord-4712")
    extensions.carries_id(found.body.get("id"), "maccord-4712")


@requirement(
    "api/batch/prompt",
    SHOULD,
    source=f"{SOURCE}: add_generation_prompt, chat_template_kwargs",
    profiles=("api",),
    honours=f"{OPERATION}: {{name}}",
)
@pytest.mark.parametrize("name", ["add_generation_prompt", "chat_template_kwargs"])
def test_prompt(batches: Batches, prompts: Prompts, tokenizer: Tokenizer, name: str) -> None:
    """What a batch says about its prompts SHOULD reach the chat template of each.

    The prompts are another model's otherwise.
    """
    asked, wanted = [prompts.words, prompts.words], 2
    if name == "add_generation_prompt":
        wanted *= len(vocabulary.bare_prompt(tokenizer, prompts.words))
        found = batches.together(asked, max_tokens=1, add_generation_prompt=False)
    else:
        thinking = {"enable_thinking": False}
        wanted *= len(vocabulary.told(tokenizer, prompts.words, **thinking))
        found = batches.together(asked, max_tokens=1, chat_template_kwargs=thinking)
    plain = 2 * len(vocabulary.chat_prompt(tokenizer, prompts.words))
    extensions.prompt_of(name, plain, found.usage[0], wanted)


@requirement(
    "api/batch/chat-template",
    MAY,
    source=f"{SOURCE}: chat_template; refused but with --trust-request-chat-template",
    profiles=("api",),
    honours=f"{OPERATION}: chat_template",
)
def test_chat_template(batches: Batches, prompts: Prompts, tokenizer: Tokenizer) -> None:
    """A server MAY take a `chat_template` with a batch, and then renders its chats with it.

    A template may run for ever, so production refuses one that it was not told to trust.
    """
    template = vocabulary.verbatim(vocabulary.rendered(tokenizer, prompts.words))
    found = batches.together([[user(GREETING)]], max_tokens=16, chat_template=template).choices
    wanted = batches.apart([prompts.words], max_tokens=16).choices
    compared.alike(wanted, found, "chat_template")


@requirement(
    "api/batch/include-reasoning",
    SHOULD,
    source=f"{SOURCE}: include_reasoning",
    profiles=("api",),
    honours=f"{OPERATION}: include_reasoning",
)
def test_include_reasoning(batches: Batches, thought: Thought) -> None:
    """With `include_reasoning` false a batch SHOULD come without its reasoning.

    What the model thought is not for every person to read, and is most of the bytes.
    """
    asked = {"max_tokens": 96, "chat_template_kwargs": {"enable_thinking": True}}
    found = batches.together([thought.messages], include_reasoning=False, **asked)
    thought.parsed()
    kept_out(found.first(), thought)
