"""Responses, judged: against chat completions of the same, against other responses."""

from __future__ import annotations

from collections.abc import Sequence

from openai.types import CompletionUsage
from openai.types.chat import ChatCompletionTokenLogprob

from conformance.api import expect
from conformance.api.answers import Answer
from conformance.api.responses.events import Events
from conformance.api.responses.reading import Said, texts
from conformance.api.tools.judging import TheModelsChoice
from conformance.compare.texts import total
from conformance.outcomes import Failed, Inconclusive, Silent

NEAR = 0.05
"""Nats by which the logprob of one token, asked for twice, may differ: bfloat16 has three digits,
and requests that run beside it change the order of additions."""


def like_chat(said: Said, chat: Answer) -> None:
    """Text, end and counts are those of the chat completion. Raises Failed."""
    found = (said.text, said.reason)
    expect.same(found, (chat.text, chat.finish_reason), what="The answer, compared with chat's,")
    if said.turn.usage is None:
        raise Failed("The response carries no usage", expected="usage", actual="null")
    expect.same_counts(said.turn.usage, chat.usage, what="a response, compared with chat's,")


def counted(said: Said) -> None:
    """There are tokens on both sides, and they add up. Raises Failed."""
    usage = said.usage
    if said.turn.usage is not None:
        total(said.turn.usage)
    inner = (usage.input_tokens_details.cached_tokens, usage.output_tokens_details.reasoning_tokens)
    if usage.input_tokens <= 0 or usage.output_tokens <= 0:
        raise Failed("A response counts no tokens", expected="tokens on both sides", actual=usage)
    if not (0 <= inner[0] <= usage.input_tokens and 0 <= inner[1] <= usage.output_tokens):
        raise Failed("Details of the usage are more than the whole", actual=usage)


def instructed(said: Said, *, as_system: Said, without: Said) -> None:
    """An answer under instructions is the one with the same system message.

    Raises:
        Silent: the prompt is as long as without them.
        Failed: it is not the one with the system message.
    """
    found, told = said.usage.input_tokens, as_system.usage.input_tokens
    if found == without.usage.input_tokens:
        raise Silent(
            "`instructions` is accepted and does not reach the model",
            expected=f"{told} tokens of input",
            actual=found,
        )
    same_conversation(said, as_system, what="A prompt with instructions")


def same_conversation(said: Said, other: Said, *, what: str) -> None:
    """Two ways to write one conversation give prompts of one length, and one answer.

    Args:
        what: names the first, to begin the sentence "… is wrong".

    Raises:
        Failed: the prompts have other lengths.
        TheModelsChoice: the answers are others, as two greedy answers of a model that is unsure.
    """
    expect.same(said.usage.input_tokens, other.usage.input_tokens, what=f"{what}: its length")
    same_answer(said, other)


def same_answer(said: Said, other: Said) -> None:
    """Two requests have one answer. Raises TheModelsChoice where a model may be unsure."""
    if said.text != other.text:
        raise TheModelsChoice(
            "Two greedy answers to one conversation differ: a model that is sure would decide",
            expected=other.text,
            actual=said.text,
            cause="Greedy answers do not repeat",
        )


def repeats(said: Said, field: str, value: object) -> None:
    """The response's own field has this value. Raises Failed."""
    found = said.body.model_dump(exclude_unset=True).get(field)
    if not _holds(found, value):
        raise Failed(
            f"The response does not repeat `{field}`",
            expected=value,
            actual=found,
            cause="Responses do not repeat their settings",
        )


def _holds(found: object, value: object) -> bool:
    """Whether `found` is `value`, or an object with more fields than its."""
    if isinstance(value, dict) and isinstance(found, dict):
        return all(_holds(found.get(name), inner) for name, inner in value.items())
    return found == value


def scored_like_chat(
    entries: Sequence[ChatCompletionTokenLogprob], chat: Sequence[ChatCompletionTokenLogprob]
) -> None:
    """The same tokens, as likely.

    Raises:
        Failed: a token is of another probability, and not by rounding.
        Inconclusive: the tokens are others.
    """
    if [entry.token for entry in entries] != [entry.token for entry in chat]:
        raise Inconclusive(
            "Two greedy answers differ: a repeatable target would decide",
            expected=[entry.token for entry in chat],
            actual=[entry.token for entry in entries],
            cause="Greedy answers do not repeat",
        )
    for found, wanted in zip(entries, chat, strict=True):
        if abs(found.logprob - wanted.logprob) > NEAR:
            raise Failed(
                "A token of a response has another probability than in chat",
                expected=f"{wanted.logprob:.4f} for {wanted.token!r}",
                actual=f"{found.logprob:.4f}",
            )


def unscored(said: Said) -> None:
    """No text has logprobs. Raises Failed."""
    for part in texts(said.body.output):
        if part.logprobs:
            raise Failed("Logprobs are given that nobody asked for", actual=part.logprobs[0])


def same_counts(streamed: CompletionUsage | None, whole: CompletionUsage | None) -> None:
    """Both count tokens, and the same number.

    Raises:
        Silent: the stream counts none.
        Failed: it counts others.
    """
    if streamed is None:
        raise Silent("A streamed response carries no usage", expected="usage", actual="null")
    if whole is None:
        raise Failed("The response carries no usage", expected="usage", actual="null")
    expect.same_counts(streamed, whole, what="a streamed response")


def streamed_scores(events: Events) -> None:
    """The deltas' logprobs spell the text, each with one alternative.

    Raises:
        Silent: there are none.
        Failed: they are of other tokens.
    """
    deltas = [e for e in events.events if e["type"] == "response.output_text.delta"]
    found = [entry for event in deltas for entry in event.get("logprobs") or []]
    if not found:
        raise Silent(
            "`include` is accepted and left out of streams", expected="logprobs", actual=[]
        )
    if any(
        not isinstance(each, dict) or len(each.get("top_logprobs") or []) != 1 for each in found
    ):
        raise Failed("A streamed token has another number of alternatives", actual=found)
    said = "".join(each["token"] for each in found)
    if events.text() not in said:  # the end's own token may stand after the text
        raise Failed("The scored tokens are not the text", expected=events.text(), actual=said)


def gone_on_from(said: Said, told: Said, *, alone: Said) -> None:
    """A response after another is the one to the whole conversation.

    Raises:
        Silent: its prompt is the last message alone.
        Failed: it is another.
    """
    if said.usage.input_tokens == alone.usage.input_tokens:
        raise Silent(
            "`previous_response_id` is accepted and ignored",
            expected=f"{told.usage.input_tokens} tokens of input",
            actual=said.usage.input_tokens,
        )
    same_conversation(said, told, what="A response after another")
