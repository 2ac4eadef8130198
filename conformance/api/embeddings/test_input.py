"""POST /embeddings: texts, tokens, and several of either."""

from __future__ import annotations

from conformance.api import expect
from conformance.api.invalid import context_length
from conformance.api.vectors import Embedder, answer, same
from conformance.outcomes import Inconclusive
from conformance.requirements import MUST, SHOULD, requirement
from fixtures.goldens.tasks.texts import TEXTS

SEVERAL = [TEXTS[number] for number in (9, 0, 5, 2)]
"""Long and short ones mixed, so that a padded batch differs in every row."""

MANY = 64


@requirement(
    "api/embeddings/batch",
    MUST,
    source="OpenAI embeddings.create: input (array of strings)",
    honours="input",
)
def test_batch(embedder: Embedder) -> None:
    """A list of texts MUST get a vector each, in the order of the texts, numbered from 0.

    Documents are sent in batches and matched with the answer by position or by `index`.
    """
    found = embedder.ask(SEVERAL)
    expect.same(len(found), len(SEVERAL), what="The number of embeddings")
    backwards = embedder.ask(SEVERAL[::-1])
    same(backwards[::-1], found, what="The order of a batch")


@requirement(
    "api/embeddings/batch-as-alone",
    MUST,
    source="OpenAI embeddings.create: input; padding and batching are the server's affair",
    honours="input",
)
def test_batch_as_alone(embedder: Embedder) -> None:
    """A text MUST get the same vector in a batch with longer and shorter ones as it gets alone.

    A server that averages over the padding of a batch gives a document another place in the index
    each time its neighbours change.
    """
    found = embedder.ask(SEVERAL)
    for number, text in enumerate(SEVERAL):
        same(found[number : number + 1], embedder.ask(text), what="A batch")


@requirement(
    "api/embeddings/batch-of-many",
    MUST,
    source="OpenAI embeddings.create: input, up to 2048 texts",
    honours="input",
)
def test_batch_of_many(embedder: Embedder) -> None:
    """A batch of 64 texts MUST get 64 vectors, each at its text's place.

    Loaders send as many as the API takes, more than a server computes at once.
    """
    texts = [f"Document number {number} of the store." for number in range(MANY)]
    found = embedder.ask(texts)
    expect.same(len(found), MANY, what="The number of embeddings")
    picked = [0, 17, 40, MANY - 1]
    same(found[picked], embedder.ask([texts[number] for number in picked]), what="A large batch")


@requirement(
    "api/embeddings/one-of-a-list",
    MUST,
    source="OpenAI embeddings.create: input (array of strings)",
    honours="input",
)
def test_one_of_a_list(embedder: Embedder) -> None:
    """A list of one text MUST get what the text alone gets.

    Clients wrap every input in a list.
    """
    same(embedder.ask([SEVERAL[0]]), embedder.ask(SEVERAL[0]), what="A list of one")


@requirement(
    "api/embeddings/tokens",
    MUST,
    source="OpenAI embeddings.create: input (array of integers)",
    honours="input",
)
def test_tokens(embedder: Embedder) -> None:
    """A list of token ids MUST get the vector of the text that has them, special tokens and all.

    LangChain sends token ids by default: it splits long texts by tokens.
    """
    golden = embedder.golden()
    found = embedder.ask(golden.token_ids[5])
    same(found, embedder.ask(golden.cases[5][0]), what="Token ids in place of their text")


@requirement(
    "api/embeddings/batch-of-tokens",
    MUST,
    source="OpenAI embeddings.create: input (array of arrays of integers)",
    honours="input",
)
def test_batch_of_tokens(embedder: Embedder) -> None:
    """A list of lists of token ids MUST get a vector for each list, in their order.

    It is how a text that was split by tokens is sent.
    """
    golden = embedder.golden()
    picked = [9, 0, 6]
    found = embedder.ask([golden.token_ids[number] for number in picked])
    wanted = embedder.ask([golden.cases[number][0] for number in picked])
    same(found, wanted, what="Token ids in place of their texts")


@requirement(
    "api/embeddings/longest",
    MUST,
    source="the model's context length, as the list of models has it",
    honours="input",
)
def test_longest(embedder: Embedder) -> None:
    """An input of just as many tokens as the model takes MUST be answered.

    Loaders cut documents at the limit.
    """
    golden = embedder.golden()
    length = context_length(embedder.target)
    ids = (golden.token_ids[9][1:-1] * length)[: length - 2]
    found = answer(embedder.post([golden.token_ids[9][0], *ids, golden.token_ids[9][-1]]))
    expect.same(found.usage.prompt_tokens, length, what="`prompt_tokens`")


@requirement(
    "api/embeddings/empty-text",
    SHOULD,
    source="vLLM answers it with the vector of the special tokens alone; OpenAI refuses it",
    honours="input",
)
def test_empty_text(embedder: Embedder) -> None:
    """An empty text among others SHOULD get a vector as production gives it: that of the special
    tokens alone.

    One empty document in a batch of a hundred must not cost the other ninety-nine.
    """
    golden = embedder.golden()
    empty = next(n for n, case in enumerate(golden.cases) if case == ("",))
    found = embedder.ask(["a cat", "", "a dog"])
    same(found[1:2], golden.values[empty : empty + 1], what="An empty text")


@requirement(
    "api/embeddings/chat",
    SHOULD,
    source="vLLM embeddings: messages",
    accepts="messages",
    honours="messages",
)
def test_chat(embedder: Embedder) -> None:
    """`messages` in place of `input` SHOULD get the vector of the prompt that the chat template
    makes of them.

    Models that embed with an instruction take it as a message.
    """
    embedder.golden()
    found = embedder.ask(None, messages=CHAT)
    same(found, embedder.ask(RENDERED, add_special_tokens=False), what="Sending a chat")


@requirement(
    "api/embeddings/chat-generation-prompt",
    SHOULD,
    source="vLLM embeddings: add_generation_prompt",
    accepts="add_generation_prompt",
    honours="add_generation_prompt",
)
def test_chat_generation_prompt(embedder: Embedder) -> None:
    """`add_generation_prompt` SHOULD end the prompt with the beginning of an answer.

    Some embedding models read the vector off that place.
    """
    embedder.golden()
    found = embedder.ask(None, messages=CHAT, add_generation_prompt=True)
    wanted = embedder.ask(f"{RENDERED}assistant: ", add_special_tokens=False)
    same(found, wanted, what="The prompt of an answer")


@requirement(
    "api/embeddings/chat-continued",
    SHOULD,
    source="vLLM embeddings: continue_final_message",
    accepts="continue_final_message",
    honours="continue_final_message",
)
def test_chat_continued(embedder: Embedder) -> None:
    """`continue_final_message` SHOULD leave the last message open at its end.

    What the template puts behind a message would else be part of what is embedded.
    """
    embedder.golden()
    found = embedder.ask(None, messages=CHAT, continue_final_message=True)
    wanted = embedder.ask(RENDERED.rstrip("\n"), add_special_tokens=False)
    same(found, wanted, what="Continuing the last message")


@requirement(
    "api/embeddings/chat-special-tokens",
    SHOULD,
    source="vLLM embeddings: add_special_tokens (of a chat: false by default)",
    honours="add_special_tokens",
)
def test_chat_special_tokens(embedder: Embedder) -> None:
    """`add_special_tokens` SHOULD put the tokenizer's special tokens around the prompt of a chat.

    The template of an encoder has none of its own.
    """
    embedder.golden()
    found = embedder.ask(None, messages=CHAT, add_special_tokens=True)
    same(found, embedder.ask(RENDERED), what="Special tokens around a chat")


@requirement(
    "api/embeddings/chat-template-kwargs",
    SHOULD,
    source="vLLM embeddings: chat_template_kwargs",
    accepts="chat_template_kwargs",
    honours="chat_template_kwargs",
)
def test_chat_template_kwargs(embedder: Embedder) -> None:
    """`chat_template_kwargs` SHOULD reach the chat template.

    Instructions to an embedding model are given so.
    """
    embedder.golden()
    found = embedder.ask(None, messages=CHAT, chat_template_kwargs={"instruction": "Find it."})
    wanted = embedder.ask(f"Find it.\n{RENDERED}", add_special_tokens=False)
    same(found, wanted, what="An argument of the template")


@requirement(
    "api/embeddings/chats",
    SHOULD,
    source="vLLM 0.32 embeddings: a list of chats as messages; 0.26 and 0.27 refuse it",
    honours="messages",
)
def test_chats(embedder: Embedder) -> None:
    """A list of chats as `messages` SHOULD get a vector each.

    It is to chats what a list of texts is to texts.
    """
    embedder.golden()
    other = [{"role": "user", "content": "Where is the cat?"}]
    found = embedder.ask(None, messages=[CHAT, other])
    if len(found) == 1:
        raise Inconclusive("One vector came for two chats, which a server may take for one chat")
    same(found[:1], embedder.ask(None, messages=CHAT), what="A list of chats")
    same(found[1:], embedder.ask(None, messages=other), what="A list of chats")


CHAT = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "A cat sleeps."}]
RENDERED = "system: Be brief.\nuser: A cat sleeps.\n"
"""What the fixture's template makes of the chat."""
