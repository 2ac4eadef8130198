"""Forms of a legacy prompt: text, texts, token ids, lists of token ids; echoed or not."""

from __future__ import annotations

from conformance.api import answers
from conformance.api.ask import Ask
from conformance.api.prompts import Prompts
from conformance.compare import logprobs, texts, vocabulary
from conformance.compare.tokens import Tokenizer
from conformance.requirements import MAY, MUST, SHOULD, requirement


@requirement(
    "api/completions/prompt-list",
    MUST,
    source="OpenAI completions.create: prompt as array of strings",
    alone=True,
    honours="prompt",
)
def test_prompt_list(ask: Ask, prompts: Prompts) -> None:
    """A list of prompts MUST be answered with one choice each, in their order.

    Harnesses score a batch in one request and attribute by position; swapped answers give wrong
    scores without any error.
    """
    first = answers.completion(ask.complete(prompts.series, max_tokens=4)).text
    second = answers.completion(ask.complete(prompts.second, max_tokens=4)).text
    both = answers.completion(ask.complete([prompts.series, prompts.second], max_tokens=4))
    texts.choices(both.indices, 2, "a list of prompts")
    texts.in_order([first, second], both.by_index)


@requirement(
    "api/completions/prompt-tokens",
    SHOULD,
    source="OpenAI completions.create: prompt as array of tokens",
    alone=True,
    honours="prompt",
)
def test_prompt_tokens(ask: Ask, prompts: Prompts, tokenizer: Tokenizer) -> None:
    """A prompt of token ids SHOULD be answered as the text that they encode is.

    Evaluation harnesses send ids so that no second tokenizer comes between; ids that are encoded
    once more give a different prompt.
    """
    text = answers.completion(ask.complete(prompts.series, max_tokens=4))
    ids = answers.completion(ask.complete(tokenizer.encode(prompts.series), max_tokens=4))
    texts.prompt_count(ids.usage.prompt_tokens, text.usage.prompt_tokens)
    texts.equal(text.text, ids.text, "Token ids are answered otherwise than their text")


@requirement(
    "api/completions/prompt-token-lists",
    SHOULD,
    source="OpenAI completions.create: prompt as array of token arrays",
    alone=True,
    honours="prompt",
)
def test_prompt_token_lists(ask: Ask, prompts: Prompts, tokenizer: Tokenizer) -> None:
    """A list of lists of token ids SHOULD be answered with one choice each, in their order.

    It is how evaluation harnesses send a batch.
    """
    ids = [tokenizer.encode(prompts.series), tokenizer.encode(prompts.second)]
    first = answers.completion(ask.complete(ids[0], max_tokens=4)).text
    second = answers.completion(ask.complete(ids[1], max_tokens=4)).text
    both = answers.completion(ask.complete(ids, max_tokens=4))
    texts.choices(both.indices, 2, "a list of prompts")
    texts.in_order([first, second], both.by_index)


@requirement(
    "api/completions/chat-prompt",
    SHOULD,
    source="vLLM: chat is its template's tokens, completed",
    alone=True,
    honours="prompt",
)
def test_chat_prompt(ask: Ask, prompts: Prompts, tokenizer: Tokenizer) -> None:
    """The tokens of a rendered chat prompt SHOULD be completed as the chat endpoint answers, to
    the same end.

    People who move from chat to their own templates expect one model behind both endpoints, that
    stops where its turn ends.
    """
    ids = vocabulary.chat_prompt(tokenizer, prompts.words)
    chat = answers.chat(ask.chat(prompts.words, max_tokens=16))
    completed = answers.completion(ask.complete(ids, max_tokens=16))
    texts.equal(chat.text, completed.text, "Chat and completion of the same tokens differ")
    texts.equal(chat.finish_reason, completed.finish_reason, "They end for different reasons")


@requirement(
    "api/completions/echo",
    SHOULD,
    source="OpenAI completions.create: echo",
    alone=True,
    honours="echo",
)
def test_echo(ask: Ask, prompts: Prompts) -> None:
    """With `echo` the text SHOULD be the prompt and its continuation.

    Programs that cut the prompt off again cut the answer instead where `echo` is ignored.
    """
    plain = answers.completion(ask.complete(prompts.series, max_tokens=4)).text
    echoed = answers.completion(ask.complete(prompts.series, max_tokens=4, echo=True)).text
    texts.echoed(prompts.series, plain, echoed)


@requirement(
    "api/completions/echo-logprobs",
    SHOULD,
    source="OpenAI completions.create: echo with logprobs; vLLM: prompt logprobs",
    honours="echo, logprobs",
)
def test_echo_logprobs(ask: Ask, prompts: Prompts) -> None:
    """With `echo` and `logprobs` every prompt token but the first SHOULD be scored.

    Multiple-choice benchmarks compute nothing but these scores; without them they cannot run on
    the server at all.
    """
    response = ask.complete(prompts.series, max_tokens=2, echo=True, logprobs=1)
    text, scored = answers.echoed_logprobs(response)
    usage = answers.echoed_usage(response)
    logprobs.prompt_scored(usage.prompt_tokens, usage.completion_tokens, scored)
    logprobs.legacy_probabilities(scored)
    logprobs.ends_with(text, scored)


@requirement(
    "api/completions/suffix",
    MAY,
    source="OpenAI completions.create: suffix; vLLM 0.32 refuses it but for infilling models",
    honours="suffix",
)
def test_suffix(ask: Ask) -> None:
    """A server MAY take `suffix`, and the text after the gap is then part of the prompt.

    Editors fill in the middle with it; without the suffix the text before is merely continued,
    and the rest of the file is written twice.
    """
    plain = answers.completion(ask.complete("1 2 3", max_tokens=1))
    filled = answers.completion(ask.complete("1 2 3", max_tokens=1, suffix=" 7 8 9 10 11 12 13"))
    texts.longer_prompt(plain.usage.prompt_tokens, filled.usage.prompt_tokens, "`suffix`", least=6)


@requirement(
    "api/completions/usage",
    MUST,
    source="OpenAI text_completion: usage; the model's tokenizer",
    honours="prompt",
)
def test_usage(ask: Ask, prompts: Prompts, tokenizer: Tokenizer) -> None:
    """`usage` MUST count the prompt as the model's tokenizer does, and its total be the sum.

    It is what a bill and a context window are computed from.
    """
    usage = answers.completion(ask.complete(prompts.series, max_tokens=2)).usage
    texts.prompt_count(usage.prompt_tokens, len(tokenizer.encode(prompts.series)))
    texts.total(usage)


@requirement(
    "api/completions/usage-list",
    SHOULD,
    source="vLLM: usage of a list of prompts is the sum over them",
    honours="prompt",
)
def test_usage_list(ask: Ask, prompts: Prompts, tokenizer: Tokenizer) -> None:
    """`usage` of a list of prompts SHOULD count all prompts and all their completions.

    A batch that is counted as its first prompt is a batch nearly for free.
    """
    answer = answers.completion(ask.complete([prompts.series, prompts.second], max_tokens=2))
    texts.prompt_count(
        answer.usage.prompt_tokens,
        len(tokenizer.encode(prompts.series)) + len(tokenizer.encode(prompts.second)),
    )
    texts.counted_for_all(answer.usage.completion_tokens, answer.finish_reasons, 2)
