"""POST /classify: the class of a text."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from conformance.api import expect, of_texts
from conformance.api.invalid import context_length
from conformance.api.scores import BOUNDS, CLASSIFIER, LABELS, Asker, moved, near
from conformance.outcomes import Silent
from conformance.requirements import MAY, MUST, SHOULD, requirement
from fixtures.goldens.tasks.texts import TEXTS

BOUND = BOUNDS[CLASSIFIER]
SEVERAL = [TEXTS[number] for number in (9, 0, 5, 6)]
CHAT = [{"role": "user", "content": "A cat sleeps."}]
RENDERED = "user: A cat sleeps.\n"
"""What the fixture's template makes of the chat."""


@requirement(
    "api/classify/create",
    MUST,
    source="vLLM /classify",
    accepts="input, model",
    honours="/classify:",
)
def test_create(asker: Asker) -> None:
    """The server MUST answer a text with one entry: its class and the probability of each.

    Filters and routers decide by it.
    """
    found = asker.classify(TEXTS[4])
    expect.same(found.object, "list", what="`object`")
    expect.same(found.probabilities.shape[0], 1, what="The number of entries")
    expect.same(found.data[0].num_classes, len(found.data[0].probs), what="`num_classes`")


@requirement(
    "api/classify/golden",
    MUST,
    source="transformers in float32 on a CPU: fixtures/goldens/tasks",
    honours="input",
)
def test_golden(asker: Asker) -> None:
    """Each probability MUST be the checkpoint's own, within twice what bfloat16 was measured to be
    off.

    Thresholds that were set on production hold on the Mac.
    """
    golden = asker.golden(CLASSIFIER)
    found = asker.classify([case[0] for case in golden.cases]).probabilities
    near(found, golden.values, what="This server", bound=golden.bound)


@requirement(
    "api/classify/labels", MUST, source="vLLM /classify: label, of id2label", honours="input"
)
def test_labels(asker: Asker) -> None:
    """`label` MUST be the checkpoint's name of the likeliest class.

    Programs compare it with a word.
    """
    golden = asker.golden(CLASSIFIER)
    found = asker.classify([case[0] for case in golden.cases])
    for each, right in zip(found.data, golden.values, strict=True):
        # Two classes that are nearly as likely are both right.
        likely = [LABELS[n] for n in np.flatnonzero(right > right.max() - 2 * golden.bound)]
        if each.label not in likely:
            expect.same(each.label, likely[0], what=f"The label of text {each.index}")


@requirement("api/classify/sum", MUST, source="probabilities", honours="input")
def test_sum(asker: Asker) -> None:
    """The probabilities of a text's classes MUST sum to 1.

    Else they are none.
    """
    asker.golden(CLASSIFIER)
    sums = asker.classify(SEVERAL).probabilities.sum(axis=1)
    near(sums, np.ones(len(SEVERAL)), what="Adding up", bound=0.01)


@requirement("api/classify/alone", MUST, source="padding and batching are the server's affair")
def test_alone(asker: Asker) -> None:
    """A text MUST get the same probabilities in a batch as alone, in the order of the texts.

    A decision must not hang on who else is asking.
    """
    together = asker.classify(SEVERAL).probabilities
    for number, text in enumerate(SEVERAL):
        alone = asker.classify(text).probabilities
        near(alone, together[number : number + 1], what="A batch", bound=BOUND)


@requirement("api/classify/tokens", SHOULD, source="vLLM /classify: input", honours="input")
def test_tokens(asker: Asker) -> None:
    """Token ids, and lists of them, SHOULD get what the text that has them gets.

    A text that was split by tokens is sent so.
    """
    golden = asker.golden(CLASSIFIER)
    ids = [golden.token_ids[number] for number in (0, 5)]
    found = asker.classify(ids).probabilities
    near(found, golden.values[[0, 5]], what="Token ids", bound=golden.bound)
    near(asker.classify(ids[1]).probabilities, found[1:], what="One list", bound=BOUND)


@requirement("api/classify/usage", SHOULD, source="vLLM /classify: usage", honours="/classify:")
def test_usage(asker: Asker) -> None:
    """`usage` SHOULD count the tokens of all texts, special tokens included.

    Costs are computed from it.
    """
    golden = asker.golden(CLASSIFIER)
    found = asker.classify([case[0] for case in golden.cases]).usage
    wanted = sum(len(ids) for ids in golden.token_ids)
    expect.same((found.prompt_tokens, found.total_tokens), (wanted, wanted), what="`usage`")


@requirement(
    "api/classify/raw",
    SHOULD,
    source="vLLM /classify: use_activation",
    accepts="use_activation",
    honours="use_activation",
)
def test_raw(asker: Asker) -> None:
    """`use_activation: false` SHOULD give the scores before the softmax.

    Several models' scores are added up there.
    """
    asker.golden(CLASSIFIER)
    plain = asker.classify(SEVERAL).probabilities
    raw = asker.classify(SEVERAL, use_activation=False).probabilities
    moved(raw, plain, what="`use_activation: false`", bound=BOUND)
    powers = np.exp(raw - raw.max(axis=1, keepdims=True))
    near(powers / powers.sum(axis=1, keepdims=True), plain, what="The softmax", bound=BOUND)


@requirement(
    "api/classify/without-special-tokens",
    SHOULD,
    source="vLLM /classify: add_special_tokens",
    accepts="add_special_tokens",
    honours="add_special_tokens",
)
def test_without_special_tokens(asker: Asker) -> None:
    """`add_special_tokens: false` SHOULD classify the text's own tokens alone.

    For texts that bring their special tokens along.
    """
    golden = asker.golden(CLASSIFIER)
    found = asker.classify(TEXTS[5], add_special_tokens=False).probabilities
    wanted = asker.classify(golden.token_ids[5][1:-1]).probabilities
    moved(found, golden.values[5:6], what="`add_special_tokens: false`", bound=golden.bound)
    near(found, wanted, what="`add_special_tokens: false`", bound=BOUND)


@requirement(
    "api/classify/cut",
    SHOULD,
    source="vLLM /classify: truncate_prompt_tokens, truncation_side",
    accepts="truncate_prompt_tokens, truncation_side",
    honours="truncate_prompt_tokens, truncation_side",
)
@pytest.mark.parametrize("side", ["right", "left"])
def test_cut(asker: Asker, side: str) -> None:
    """`truncate_prompt_tokens` SHOULD cut a text to so many tokens, on the `truncation_side`.

    Texts are cut rather than refused; what matters may be at the end.
    """
    asker.golden(CLASSIFIER)
    found = asker.classify(TEXTS[9], truncate_prompt_tokens=12, truncation_side=side)
    if found.usage.prompt_tokens != 12:
        raise Silent(
            "`truncate_prompt_tokens` is accepted and ignored",
            expected=12,
            actual=found.usage.prompt_tokens,
        )
    other = {"right": "left", "left": "right"}[side]
    opposite = asker.classify(TEXTS[9], truncate_prompt_tokens=12, truncation_side=other)
    moved(found.probabilities, opposite.probabilities, what="`truncation_side`", bound=BOUND)


@requirement(
    "api/classify/chat",
    SHOULD,
    source="vLLM /classify: messages",
    accepts="messages",
    honours="messages",
)
def test_chat(asker: Asker) -> None:
    """`messages` SHOULD be classified as the prompt that the chat template makes of them.

    Guards classify conversations.
    """
    asker.golden(CLASSIFIER)
    found = asker.classify(None, messages=CHAT).probabilities
    wanted = asker.classify(RENDERED, add_special_tokens=False).probabilities
    near(found, wanted, what="Sending a chat", bound=BOUND)


OF_CHATS: dict[str, tuple[dict[str, Any], str]] = {
    "add_generation_prompt": ({"add_generation_prompt": True}, f"{RENDERED}assistant: "),
    "continue_final_message": ({"continue_final_message": True}, RENDERED.rstrip("\n")),
    "chat_template_kwargs": (
        {"chat_template_kwargs": {"instruction": "Judge it."}},
        f"Judge it.\n{RENDERED}",
    ),
}


@requirement(
    "api/classify/chat-options",
    SHOULD,
    source="vLLM /classify: add_generation_prompt, continue_final_message, chat_template_kwargs",
    accepts="{name}",
    honours="{name}",
)
@pytest.mark.parametrize("name", OF_CHATS)
def test_chat_options(asker: Asker, name: str) -> None:
    """What says how a chat becomes a prompt SHOULD have its effect.

    A guard is asked with the template that it was trained with.
    """
    asker.golden(CLASSIFIER)
    options, prompt = OF_CHATS[name]
    found = asker.classify(None, messages=CHAT, **options).probabilities
    plain = asker.classify(None, messages=CHAT).probabilities
    moved(found, plain, what=f"`{name}`", bound=0)
    wanted = asker.classify(prompt, add_special_tokens=False).probabilities
    near(found, wanted, what=f"`{name}`", bound=BOUND)


@requirement(
    "api/classify/request-id",
    MAY,
    source="vLLM /classify: request_id",
    accepts="request_id",
    honours="request_id",
)
def test_request_id(asker: Asker) -> None:
    """A server MAY take `request_id`, and the answer's `id` then holds it.

    It is how a call is found again in the server's log.
    """
    found = expect.ok(asker.post("/classify", input="a", request_id=of_texts.REQUEST_ID))
    of_texts.of_request(found.get("id"))


@requirement(
    "api/classify/without-effect",
    SHOULD,
    source="vLLM /classify: fields that do not concern a text's class",
    accepts="{name}",
)
@pytest.mark.parametrize("name", of_texts.HARMLESS_OF_CHATS)
def test_without_effect(asker: Asker, name: str) -> None:
    """A field that has nothing to do with the class SHOULD be accepted, and leave it.

    Gateways add `user` and `cache_salt` to whatever passes through them.
    """
    own: dict[str, Any] = {"messages": CHAT} if name == "media_io_kwargs" else {}
    text = None if own else TEXTS[4]
    plain = asker.classify(text, **own).probabilities
    found = asker.classify(text, **own, **{name: of_texts.HARMLESS_OF_CHATS[name]}).probabilities
    near(found, plain, what=f"`{name}`", bound=BOUND)


WRONG: dict[str, tuple[str, dict[str, Any]]] = {
    "without-input": ("input", {}),
    "no-text": ("input", {"input": []}),
    "number": ("input", {"input": 5}),
    "unknown-token": ("input", {"input": [10_000_000]}),
}

ON_CHAT = {"messages": [{"role": "user", "content": "a"}]}
WRONG_OF_VLLM: dict[str, tuple[str, dict[str, Any]]] = {
    "use-activation": ("use_activation", {"input": "a", "use_activation": "perhaps"}),
    "add-special-tokens": ("add_special_tokens", {"input": "a", "add_special_tokens": "perhaps"}),
    "truncate-below": ("truncate_prompt_tokens", {"input": "a", "truncate_prompt_tokens": -2}),
    "truncation-side": ("truncation_side", {"input": "a", "truncation_side": "middle"}),
    "cache-salt": ("cache_salt", {"input": "a", "cache_salt": ""}),
    "priority": ("priority", {"input": "a", "priority": "high"}),
    "no-message": ("messages", {"messages": []}),
    "prompt-and-continued": (
        "add_generation_prompt, continue_final_message",
        {**ON_CHAT, "add_generation_prompt": True, "continue_final_message": True},
    ),
    "chat-template": ("chat_template", {**ON_CHAT, "chat_template": "{{ messages[0] }}"}),
    "chat-template-kwargs": ("chat_template_kwargs", {**ON_CHAT, "chat_template_kwargs": "none"}),
}


@requirement(
    "api/classify/refused",
    MUST,
    source="vLLM /classify answers 400",
    refuses={case: field for case, (field, _) in WRONG.items()},
)
@pytest.mark.parametrize("case", WRONG)
def test_refused(asker: Asker, case: str) -> None:
    """A request that is wrong MUST be refused with 400 or 422 and an OpenAI error, and the next
    valid one answered.

    A class for a text that was lost lets something pass.
    """
    field, body = WRONG[case]
    expect.refused(asker.post("/classify", **body), what=f"A wrong `{field}`")
    asker.classify("a")


@requirement(
    "api/classify/refused-of-vllm",
    SHOULD,
    source="vLLM 0.32 /classify answers 400",
    refuses={case: field for case, (field, _) in WRONG_OF_VLLM.items()},
    profiles=("api",),
)
@pytest.mark.parametrize("case", WRONG_OF_VLLM)
def test_refused_of_vllm(asker: Asker, case: str) -> None:
    """A wrong value of a rarer field SHOULD be refused as production refuses it.

    A server that drops what it does not know answers as if nothing had been asked for.
    """
    field, body = WRONG_OF_VLLM[case]
    expect.refused(asker.post("/classify", **body), what=f"A wrong `{field}`")


@requirement("api/classify/too-long", MUST, source="vLLM /classify answers 400", refuses="input")
def test_too_long(asker: Asker) -> None:
    """A text of more tokens than the model takes MUST be refused, and not silently cut.

    A guard that reads the beginning only is passed by writing at length.
    """
    length = context_length(asker.target)
    response = asker.post("/classify", input=["a", " a" * (length + 1)])
    expect.refused(response, what="A text that is too long")
    asker.classify("a")


@requirement(
    "api/classify/unknown-model", MUST, source="vLLM /classify answers 404", refuses="model"
)
def test_unknown_model(asker: Asker) -> None:
    """A model that is not served MUST be refused with 404, 400 or 422.

    Its classes are others.
    """
    response = asker.post("/classify", model="no-such-model", input="a")
    expect.refused(response, what="An unknown model", statuses=(404, 400, 422))
