"""At the limit: the longest prompt, too little memory, a queue, and clients that go away."""

from __future__ import annotations

from conformance.api import answers, expect, invalid
from conformance.api.ask import Ask
from conformance.api.prompts import Prompts
from conformance.api.transport import crowd
from conformance.outcomes import Inconclusive
from conformance.requirements import MUST, SHOULD, requirement
from conformance.serving import capacity
from conformance.serving.counted import metrics
from conformance.serving.lengths import prompt_of
from conformance.targets.metrics import PREEMPTIONS
from conformance.targets.server import ServerTarget

SERVING = ("serving",)
ATTEMPTS = 3
SCHEDULER = "vLLM: scheduler, preemption by recomputation"


@requirement("serving/length/longest", MUST, source="vLLM: max_model_len", profiles=SERVING)
def test_longest(ask: Ask, target: ServerTarget) -> None:
    """A prompt that leaves room for exactly one token MUST be answered with that token.

    The last place of a block table, of a mask and of a rope table is where they are one too short.
    """
    longest = invalid.context_length(target) - 1
    answer = answers.completion(ask.complete(prompt_of(ask, longest), max_tokens=1))
    counted = (answer.usage.prompt_tokens, answer.usage.completion_tokens)
    expect.same(counted, (longest, 1), what="The usage of the longest prompt")


@requirement("serving/length/one-more", MUST, source="vLLM: max_model_len", profiles=SERVING)
def test_one_more(ask: Ask, target: ServerTarget) -> None:
    """A prompt that is as long as the context, without room for a token, MUST be refused with 400
    or 422.

    What is cut off, or computed beyond the last position, is noise that looks like an answer.
    """
    context = invalid.context_length(target)
    response = ask.complete(prompt_of(ask, context), max_tokens=1)
    expect.refused(response, what="A prompt as long as the context")


@requirement("serving/length/answer", MUST, source="vLLM: max_tokens and max_model_len",
             profiles=SERVING)  # fmt: skip
def test_answer(ask: Ask, target: ServerTarget) -> None:
    """An answer that is allowed more tokens than there is room for MUST end where the room ends, or
    be refused with 400 or 422.

    Positions beyond the last one have never been trained, and their memory is somebody else's.
    (vLLM 0.32 ends it.)
    """
    longest = invalid.context_length(target) - 1
    response = ask.complete(prompt_of(ask, longest), max_tokens=5)
    if response.status != 200:
        expect.refused(response, what="An answer beyond the context")
        return
    answer = answers.completion(response)
    found = (answer.usage.completion_tokens, answer.finish_reason)
    expect.same(found, (1, "length"), what="The length of an answer at the end of the context")


@requirement("serving/preemption/unchanged", MUST, source=SCHEDULER, profiles=SERVING, alone=True)
def test_preemption_unchanged(ask: Ask, prompts: Prompts) -> None:
    """Long answers MUST be the same, word by word, when there is not room for all of them at once.

    A server that is short of memory puts answers off and begins them again. What it loses on the
    way, or repeats, is in the middle of somebody's text.
    """
    alone = capacity.long_answer(ask, prompts)
    expect.same(set(capacity.long_answers(ask, prompts)), {alone}, what="One of many long answers")


@requirement("serving/preemption/counted", SHOULD, source=SCHEDULER, profiles=SERVING, alone=True)
def test_preemption_counted(ask: Ask, prompts: Prompts) -> None:
    """Answers that are put off for want of memory SHOULD be counted.

    Alerts on this number are how a team learns that it needs a larger machine.
    """
    before = metrics(ask, PREEMPTIONS)[PREEMPTIONS]
    # A busy machine may send them one after the other, and then there is room for each.
    for _ in range(ATTEMPTS):
        capacity.long_answers(ask, prompts)
        if metrics(ask, PREEMPTIONS)[PREEMPTIONS] != before:
            return
    raise Inconclusive(
        "Nothing was put off: the scripted model on a server with room for fewer than 7,600 "
        "tokens would decide",
        cause="The server has room for all",
    )


@requirement("serving/cancellation/frees", SHOULD, source="vLLM: abort", profiles=SERVING,
             alone=True)  # fmt: skip
def test_cancellation_frees(ask: Ask, prompts: Prompts) -> None:
    """When clients have hung up, the room of their answers SHOULD be free again.

    Otherwise a server is full after a morning of impatient people, and of nobody's answers.
    """
    capacity.hang_up_all(ask, prompts)
    capacity.is_free(ask, prompts)


@requirement("serving/queue/all", MUST, source="vLLM: max_num_seqs", profiles=SERVING, alone=True)
def test_queue_all(ask: Ask, prompts: Prompts) -> None:
    """More requests than are computed at once MUST all be answered, each with its own answer.

    What does not fit has to wait, and must be neither dropped nor mixed up.
    """
    crowd.each_its_own(ask, prompts, 48)


@requirement("serving/queue/fair", SHOULD, source="vLLM: first come, first served",
             profiles=SERVING, alone=True)  # fmt: skip
def test_queue_fair(ask: Ask, prompts: Prompts) -> None:
    """Under overload nobody SHOULD wait for everybody who came later.

    A queue that takes the newest first lets the first person wait until evening.
    """
    capacity.in_order(capacity.first_tokens(ask, prompts))
