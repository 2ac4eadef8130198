"""Token counts of a chat answer."""

from __future__ import annotations

from conformance.api import answers
from conformance.api.ask import Ask
from conformance.api.prompts import Prompts
from conformance.compare import texts, vocabulary
from conformance.compare.tokens import Tokenizer
from conformance.requirements import MUST, SHOULD, requirement


@requirement("api/chat/usage-total", MUST, source="OpenAI chat.completion: usage.total_tokens")
def test_usage_total(ask: Ask) -> None:
    """`usage.total_tokens` MUST be the sum of prompt and completion tokens.

    Budgets are kept in totals.
    """
    texts.total(answers.chat(ask.chat("Hi", max_tokens=2)).usage)


@requirement("api/chat/usage-end", SHOULD, source="vLLM: the token that ends an answer is counted")
def test_usage_end(ask: Ask, prompts: Prompts, tokenizer: Tokenizer) -> None:
    """`usage.completion_tokens` of an answer that ends by itself SHOULD count the token that ends
    it, as vLLM does.

    Bills and throughput numbers of two backends differ by one a request otherwise.
    """
    answer = answers.chat(ask.chat(prompts.words, max_tokens=16))
    texts.ended(answer.finish_reason)
    in_text = len(vocabulary.plain_ids(tokenizer, answer.text))
    texts.end_counted(answer.usage.completion_tokens, in_text)
