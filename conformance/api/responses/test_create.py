"""A response answered at once: its shape, its end, its counts, and what it says of its request."""

from __future__ import annotations

from typing import Any

import pytest

from conformance.api import answers, expect
from conformance.api.ask import OMIT, Ask
from conformance.api.prompts import GREETING, Prompts
from conformance.api.responses import judging, reading
from conformance.api.responses.asking import Responses
from conformance.api.responses.reading import LOGPROBS, Said
from conformance.compare import logprobs, texts
from conformance.requirements import MUST, SHOULD, requirement
from conformance.targets.server import ServerTarget

SOURCE = "OpenAI responses.create"
API = ("api",)


@requirement("api/responses/shape", MUST, source=f"{SOURCE}: Response", profiles=API)
def test_shape(responses: Responses, prompts: Prompts) -> None:
    """A response MUST be, field for field, what the client defines, its `status` `completed` and
    its `id` its own.

    The official client builds its objects without a look at their types: a field that is missing or
    of another type fails later, far from its cause.
    """
    first, second = responses.say(prompts.words), responses.say(GREETING)
    texts.ended(first.reason)
    texts.distinct([first.body.id, second.body.id], "Two responses have one id, or one has none")


@requirement("api/responses/model", MUST, source=f"{SOURCE}: model", profiles=API, honours="model")
def test_model(responses: Responses) -> None:
    """The `model` of a response MUST be the one that was asked for.

    Logs and bills are sorted by it.
    """
    expect.same(responses.say(GREETING).body.model, responses.model, what="`model`")


@requirement(
    "api/responses/like-chat",
    MUST,
    source=f"{SOURCE}: input; vLLM renders both with one chat template",
    profiles=API,
    honours="input",
)
def test_like_chat(ask: Ask, responses: Responses, prompts: Prompts) -> None:
    """The same conversation MUST be answered and counted as a chat completion of it is.

    Programs move from one operation to the other and expect the same model behind both.
    """
    response, chat = (
        responses.say(prompts.words),
        answers.chat(ask.chat(prompts.words, max_tokens=16)),
    )
    judging.like_chat(response, chat)


@requirement("api/responses/usage", MUST, source=f"{SOURCE}: usage", profiles=API, honours="input")
def test_usage(responses: Responses, prompts: Prompts) -> None:
    """`usage` MUST count the tokens of prompt and answer, and add up.

    Budgets and context windows are kept by it.
    """
    judging.counted(responses.say(prompts.words))


@requirement(
    "api/responses/max-output-tokens",
    MUST,
    source=f"{SOURCE}: max_output_tokens; status incomplete, incomplete_details.reason",
    profiles=API,
    honours="max_output_tokens",
)
@pytest.mark.parametrize("limit", [1, 3])
def test_max_output_tokens(responses: Responses, prompts: Prompts, limit: int) -> None:
    """An answer MUST be cut after `max_output_tokens` tokens, its `status` be `incomplete` and the
    reason `max_output_tokens`.

    Half an answer that says it is complete is stored as a whole one.
    """
    said = responses.say(prompts.words, max_output_tokens=limit)
    texts.cut(said.usage.output_tokens, said.reason, limit, "max_output_tokens")


@requirement(
    "api/responses/max-output-tokens-left-out",
    MUST,
    source=f"{SOURCE}: max_output_tokens; vLLM: up to the context length",
    profiles=API,
    honours="input",
)
def test_max_output_tokens_left_out(
    responses: Responses, target: ServerTarget, prompts: Prompts
) -> None:
    """Without `max_output_tokens` an answer MUST run to the model's own end.

    Most programs leave it out; a server that then cuts at some default loses the end of each
    longer answer.
    """

    def said(limit: Any) -> Said:
        return responses.say(prompts.whole, max_output_tokens=limit)

    answer = said(OMIT)
    texts.uncut(
        answer.reason,
        answer.usage.total_tokens,
        target.max_model_len,
        lambda: said(answer.usage.output_tokens + 1).usage.total_tokens,
    )


@requirement(
    "api/responses/instructions",
    MUST,
    source=f"{SOURCE}: instructions, a system message before the input",
    profiles=API,
    honours="instructions",
)
def test_instructions(responses: Responses) -> None:
    """`instructions` MUST come before the input as a system message does.

    They hold who the assistant is and what it must not say; left out, it says it.
    """
    told = "Answer in French."
    asked = [{"role": "system", "content": told}, {"role": "user", "content": "Greet me."}]
    judging.instructed(
        responses.say("Greet me.", instructions=told),
        as_system=responses.say(asked),
        without=responses.say("Greet me."),
    )


ECHOED: dict[str, dict[str, Any]] = {
    "instructions": {"instructions": "Be brief."},
    "max_output_tokens": {"max_output_tokens": 3},
    "max_tool_calls": {"max_tool_calls": 3},
    "metadata": {"metadata": {"ticket": "4711", "größe": "🙂"}},
    "parallel_tool_calls": {"parallel_tool_calls": False},
    "reasoning": {"reasoning": {"effort": "low"}},
    "service_tier": {"service_tier": "default"},
    "temperature": {"temperature": 0.5, "seed": 1},
    "text": {"text": {"format": {"type": "text"}}},
    "top_logprobs": {"top_logprobs": 2, "include": [LOGPROBS]},
    "top_p": {"top_p": 0.5, "temperature": 1, "seed": 1},
    "truncation": {"truncation": "auto"},
    "user": {"user": "person-1"},
}


@requirement(
    "api/responses/echo",
    SHOULD,
    source=f"{SOURCE}: the fields of Response that repeat the request's",
    profiles=API,
    accepts="{field}",
    honours={field: field for field in ("metadata", "max_tool_calls", "service_tier")},
)
@pytest.mark.parametrize("field", ECHOED)
def test_echo(responses: Responses, field: str) -> None:
    """A response SHOULD repeat the settings under which it came about.

    Whoever keeps responses can then tell them apart; `metadata` is there for nothing else.
    """
    judging.repeats(responses.say(GREETING, **ECHOED[field]), field, ECHOED[field][field])


@requirement(
    "api/responses/logprobs",
    MUST,
    source=f"{SOURCE}: include message.output_text.logprobs, top_logprobs (0 to 20)",
    profiles=API,
    honours="include, top_logprobs",
)
@pytest.mark.parametrize("count", [0, 1, 5], ids=["none", "one", "five"])
def test_logprobs(responses: Responses, prompts: Prompts, count: int) -> None:
    """A response that is to `include` logprobs MUST carry them, with `top_logprobs` alternatives a
    token.

    Classifiers read how sure the model was; a 200 without them is found when the scores are empty.
    """
    said = responses.say(prompts.words, max_output_tokens=3, include=[LOGPROBS], top_logprobs=count)
    entries = reading.scored(said)
    logprobs.alternatives(entries, count)
    logprobs.count(entries, said.usage.output_tokens)
    logprobs.spell(entries, said.text)


@requirement(
    "api/responses/logprobs-like-chat",
    MUST,
    source=f"{SOURCE}: include message.output_text.logprobs",
    profiles=API,
    honours="include, top_logprobs",
)
def test_logprobs_like_chat(ask: Ask, responses: Responses, prompts: Prompts) -> None:
    """The tokens of a response MUST have the probabilities that they have in a chat completion.

    Thresholds are tuned on one operation and used on the other.
    """
    chat = ask.chat(prompts.words, max_tokens=3, logprobs=True, top_logprobs=1)
    asked = {"max_output_tokens": 3, "include": [LOGPROBS], "top_logprobs": 1}
    judging.scored_like_chat(
        reading.scored(responses.say(prompts.words, **asked)), answers.chat_logprobs(chat)
    )


@requirement(
    "api/responses/logprobs-unasked",
    MUST,
    source=f"{SOURCE}: include",
    profiles=API,
    honours="input",
)
def test_logprobs_unasked(responses: Responses, prompts: Prompts) -> None:
    """Without `include` a response MUST NOT carry logprobs.

    They are several times the size of the text.
    """
    judging.unscored(responses.say(prompts.words))
