"""Messages in Anthropic's form, judged."""

from __future__ import annotations

from conformance.api import expect
from conformance.api.answers import Answer
from conformance.api.messages.reading import Said
from conformance.api.tools.errands import Errand
from conformance.api.tools.judging import TheModelsChoice
from conformance.outcomes import Failed, Inconclusive, Silent

CHOICE = "The model's own answer does not allow the check"


def like_chat(said: Said, chat: Answer) -> None:
    """Text, end and counts are those of the chat completion. Raises Failed."""
    found = (said.text, said.reason)
    expect.same(found, (chat.text, chat.finish_reason), what="The message, compared with chat's,")
    counts = (said.body.usage.prompt, said.body.usage.output_tokens)
    wanted = (chat.usage.prompt_tokens, chat.usage.completion_tokens)
    expect.same(counts, wanted, what="The usage of a message, compared with chat's,")


def counted(said: Said, cut: int) -> None:
    """The usage counts the prompt, and `cut` tokens of the answer. Raises Failed."""
    usage = said.body.usage
    if usage.prompt <= 0 or usage.output_tokens != cut:
        raise Failed(
            "A message is counted otherwise than it is long",
            expected=f"tokens of the prompt, and {cut} of the answer",
            actual=usage,
        )


def has_block(said: Said) -> None:
    """There is a block. Raises Failed."""
    if not said.body.content:
        raise Failed("A message has no block", expected="one of empty text", actual="[]")


def led(said: Said, chat: Answer, *, without: Said) -> None:
    """The prompt with a system prompt is as long as chat's with the same.

    Raises:
        Silent: it is as long as without.
        Failed: it is of another length.
    """
    if said.body.usage.prompt == without.body.usage.prompt:
        raise Silent(
            "`system` is accepted and does not reach the model",
            expected=f"{chat.usage.prompt_tokens} tokens of input",
            actual=said.body.usage.prompt,
        )
    expect.same(said.body.usage.prompt, chat.usage.prompt_tokens, what="A prompt with `system`")


def same_answer(said: Said, other: Said, *, what: str) -> None:
    """Two requests are one conversation, and have one answer.

    Raises:
        Failed: the prompts have other lengths.
        TheModelsChoice: the answers are others, as two greedy answers of a model that is unsure.
    """
    expect.same(said.body.usage.prompt, other.body.usage.prompt, what=f"{what}: its length")
    if said.text != other.text:
        raise TheModelsChoice(
            "Two greedy answers to one conversation differ: a model that is sure would decide",
            expected=other.text,
            actual=said.text,
            cause="Greedy answers do not repeat",
        )


def answered(said: Said) -> None:
    """There is a text. Raises Failed."""
    if not said.text:
        raise Failed("A message has no text", expected="an answer", actual=said.body.content)


def complete(said: Said) -> Said:
    """A message that the model ended. Raises Inconclusive where it was cut."""
    if said.reason == "length":
        raise Inconclusive(
            "The answer was cut at its length: a model that writes shorter JSON would decide",
            cause=CHOICE,
        )
    return said


def same_count(found: int, said: Said) -> None:
    """`count_tokens` counts what the usage of the message counts. Raises Failed."""
    expect.same(found, said.body.usage.prompt, what="The count of `count_tokens`")


def differs(found: int, without: int, *, what: str) -> None:
    """A count is another than without something. (Templates may have a system prompt of their own.)

    Raises:
        Silent: it is not.
    """
    if found == without:
        raise Silent(f"{what} is accepted and not counted", expected=f"not {found}", actual=found)


def thought(said: Said, errand: Errand) -> Said:
    """A message that thinks, in a block of its own.

    Raises:
        Silent: a model that is known to think has its thoughts in its text.
        TheModelsChoice: another does not think.
    """
    if said.turn.reasoning:
        return said
    if errand.known is None:
        raise TheModelsChoice("The model does not think: one that does would decide", cause=CHOICE)
    raise Silent(
        "A model's thoughts are not told apart from its answer",
        expected=errand.known.reasoning,
        actual=said.text,
    )


def quick(said: Said, left: Said) -> None:
    """A message does not think, and one that is left to itself does.

    Raises:
        Silent: it thinks.
        TheModelsChoice: neither does.
    """
    told = "<think>" in said.text or said.turn.reasoning
    if told:
        raise Silent("Thinking is turned off and the model thinks", expected="none", actual=told)
    if said.body.usage.prompt == left.body.usage.prompt:
        raise TheModelsChoice("The model does not think: one that does would decide", cause=CHOICE)
