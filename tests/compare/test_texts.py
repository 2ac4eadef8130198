"""Each comparison of answers passes on good data and gives the right judgement on bad data."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from openai.types import CompletionUsage
from verdicts import Said, said

from conformance.compare import texts
from conformance.outcomes import Failed, Inconclusive, Silent, Unsupported


def usage(prompt: int, completion: int, total: int) -> CompletionUsage:
    return CompletionUsage(prompt_tokens=prompt, completion_tokens=completion, total_tokens=total)


def unasked() -> int:
    raise AssertionError("nothing is left to ask")


def raising(error: Exception) -> Callable[[], int]:
    def longer() -> int:
        raise error

    return longer


UNKNOWN_CONTEXT = Said(
    Inconclusive,
    "The context length is not known: --max-model-len N, or `max_model_len` in the list of models, "
    "would decide",
    cause="The server does not say its context length",
)


@pytest.mark.parametrize(
    ("check", "verdict"),
    [
        (lambda: texts.cut(3, "length", 3, "max_tokens"), None),
        (
            lambda: texts.cut(4, "stop", 3, "max_tokens"),
            Said(Silent, "`max_tokens` is accepted and ignored", "3 tokens", "4 tokens"),
        ),
        (
            lambda: texts.cut(9, "length", 3, "max_tokens"),
            Said(Silent, "`max_tokens` is accepted and ignored", "3 tokens", "9 tokens"),
        ),
        (
            lambda: texts.cut(2, "length", 3, "max_tokens"),
            Said(
                Failed,
                "`max_tokens` 3 gives fewer tokens, as usage counts them",
                "3 tokens",
                "2 tokens",
                cause="`max_tokens` does not cut where it says",
            ),
        ),
        (
            lambda: texts.cut(3, "stop", 3, "max_tokens"),
            Said(
                Failed, "An answer cut at its length gives another finish reason", "length", "stop"
            ),
        ),
        (
            lambda: texts.cut(2, "stop", 3, "max_tokens"),
            Said(
                Inconclusive,
                "The answer ended by itself after 2 tokens: another prompt would decide",
                cause="The model's own answer does not allow the check",
            ),
        ),
        (lambda: texts.uncut("stop", 20, 64, unasked), None),
        (lambda: texts.uncut("stop", 20, None, unasked), None),
        (
            lambda: texts.uncut("length", 20, None, lambda: 21),
            Said(
                Failed,
                "An answer without a limit of its own is cut all the same",
                "its own end",
                "cut at 20 tokens with the prompt, and at 21 when asked for more",
            ),
        ),
        (lambda: texts.uncut("length", 20, None, lambda: 20), UNKNOWN_CONTEXT),
        (
            lambda: texts.uncut("length", 20, None, raising(Unsupported("Refused"))),
            UNKNOWN_CONTEXT,
        ),
        (lambda: texts.uncut("length", 20, None, raising(Failed("500"))), UNKNOWN_CONTEXT),
        (
            lambda: texts.uncut("length", 63, 64, unasked),
            Said(
                Failed,
                "An answer without a limit of its own is cut all the same",
                "its own end, or 64 tokens with the prompt",
                "cut at 63 tokens with the prompt",
            ),
        ),
        (
            lambda: texts.uncut("length", 64, 64, unasked),
            Said(
                Inconclusive,
                "The answer did not end within its tokens: a model that ends it would decide",
                cause="The model's own answer does not allow the check",
            ),
        ),
        (
            lambda: texts.uncut("tool_calls", 20, 64, unasked),
            Said(
                Failed,
                "An answer that ended by itself gives another finish reason",
                "stop",
                "tool_calls",
            ),
        ),
        (lambda: texts.cut_by_default(16, "length", 16), None),
        (
            lambda: texts.cut_by_default(78, "stop", 16),
            Said(
                Failed,
                "Without `max_tokens` a completion is not cut at 16 tokens",
                "16 tokens, length",
                "78 tokens, stop",
            ),
        ),
        (
            lambda: texts.cut_by_default(78, "length", 16),
            Said(
                Failed,
                "Without `max_tokens` a completion is not cut at 16 tokens",
                "16 tokens, length",
                "78 tokens, length",
            ),
        ),
        (
            lambda: texts.cut_by_default(4, "length", 16),
            Said(
                Failed,
                "Without `max_tokens` a completion is not cut at 16 tokens",
                "16 tokens, length",
                "4 tokens, length",
            ),
        ),
        (
            lambda: texts.cut_by_default(16, "stop", 16),
            Said(
                Failed,
                "Without `max_tokens` a completion is not cut at 16 tokens",
                "16 tokens, length",
                "16 tokens, stop",
            ),
        ),
        (
            lambda: texts.cut_by_default(4, "stop", 16),
            Said(
                Inconclusive,
                "The answer ended by itself after 4 tokens: another prompt would decide",
                cause="The model's own answer does not allow the check",
            ),
        ),
        (lambda: texts.ended("stop"), None),
        (
            lambda: texts.ended("length"),
            Said(
                Inconclusive,
                "The answer did not end within its tokens: a model that ends it would decide",
                cause="The model's own answer does not allow the check",
            ),
        ),
        (
            lambda: texts.ended("eos"),
            Said(
                Failed, "An answer that ended by itself gives another finish reason", "stop", "eos"
            ),
        ),
        (lambda: texts.equal("a", "a", "They differ"), None),
        (lambda: texts.equal("a", "b", "They differ"), Said(Failed, "They differ", "a", "b")),
        (lambda: texts.distinct(["a", "b"], "Two are the same"), None),
        (
            lambda: texts.distinct(["a", "a"], "Two are the same"),
            Said(Failed, "Two are the same", "different ones", "['a', 'a']"),
        ),
        (
            lambda: texts.distinct([""], "One is empty"),
            Said(Failed, "One is empty", "different ones", "['']"),
        ),
        (lambda: texts.detokenised("a b\nc"), None),
        (
            lambda: texts.detokenised("aĠb"),
            Said(
                Failed,
                "The answer is written in the vocabulary's spelling",
                "text, spaces as spaces",
                "(['Ġ'], 'aĠb')",
            ),
        ),
        (
            lambda: texts.detokenised("aĊ▁b"),
            Said(
                Failed,
                "The answer is written in the vocabulary's spelling",
                "text, spaces as spaces",
                "(['Ċ', '▁'], 'aĊ▁b')",
            ),
        ),
        (
            lambda: texts.detokenised("a<0x0A>"),
            Said(
                Failed,
                "The answer is written in the vocabulary's spelling",
                "text, spaces as spaces",
                "(['<0x'], 'a<0x0A>')",
            ),
        ),
        (lambda: texts.seeded(["a", "a", "a"]), None),
        (
            lambda: texts.seeded(["a", "b", "c"]),
            Said(Silent, "`seed` is accepted and ignored", "one answer", "['a', 'b', 'c']"),
        ),
        (
            lambda: texts.seeded(["a", "a", "c"]),
            Said(
                Inconclusive,
                (
                    "Answers with one seed are the same only some of the time: near ties in the "
                    "arithmetic would explain it, and repeated runs would decide"
                ),
                "one answer",
                "['a', 'a', 'c']",
            ),
        ),
        (lambda: texts.varied(["a", "a", "b"], "Temperature is ignored"), None),
        (
            lambda: texts.varied(["a", "a"], "Temperature is ignored"),
            Said(Silent, "Temperature is ignored", "different answers", "['a', 'a']"),
        ),
        (lambda: texts.narrowed("a b", "a b", "top_p"), None),
        (
            lambda: texts.narrowed("a b", "x b", "top_p"),
            Said(Silent, "`top_p` is accepted and ignored", "a b", "x b"),
        ),
        (
            lambda: texts.narrowed("a b", "", "top_p"),
            Said(Silent, "`top_p` is accepted and ignored", "a b", ""),
        ),
        (
            lambda: texts.narrowed("a b", "a c", "top_p"),
            Said(
                Inconclusive,
                (
                    "The narrowed answer follows the greedy one and then differs: a repeatable "
                    "target would decide"
                ),
                "a b",
                "a c",
                cause="Greedy answers do not repeat",
            ),
        ),
        (lambda: texts.choices([1, 0], 2, "`n`"), None),
        (lambda: texts.choices([0], 1, "`n`"), None),
        (
            lambda: texts.choices([0], 2, "`n`"),
            Said(Silent, "`n` is accepted and gives one choice", "2 choices", "1 choice"),
        ),
        (
            lambda: texts.choices([0, 0], 2, "`n`"),
            Said(Failed, "The choices' indices are not 0 to n-1", "[0, 1]", "[0, 0]"),
        ),
        (
            lambda: texts.choices([1], 1, "`n`"),
            Said(Failed, "The choices' indices are not 0 to n-1", "[0]", "[1]"),
        ),
        (lambda: texts.in_order(["a", "b"], ("a", "b")), None),
        (
            lambda: texts.in_order(["a", "b"], ["b", "a"]),
            Said(Failed, "Choices are not in the order of the prompts", "['a', 'b']", "['b', 'a']"),
        ),
        (
            lambda: texts.in_order(["a", "b"], ["x", "y"]),
            Said(
                Failed, "No prompt of a list is answered as it is alone", "['a', 'b']", "['x', 'y']"
            ),
        ),
        (
            lambda: texts.in_order(["a", "b"], ["a", "y"]),
            Said(
                Inconclusive,
                (
                    "A prompt of a list is answered otherwise than alone: a repeatable target "
                    "would decide"
                ),
                "['a', 'b']",
                "['a', 'y']",
                cause="Greedy answers do not repeat",
            ),
        ),
        (lambda: texts.echoed("p", "c", "pc"), None),
        (
            lambda: texts.echoed("p", "c", "c"),
            Said(Silent, "`echo` is accepted and ignored", "pc", "c"),
        ),
        (
            lambda: texts.echoed("p", "c", "p"),
            Said(Failed, "`echo` does not give the prompt and its continuation", "pc", "p"),
        ),
        (
            lambda: texts.echoed("p", "c", "cp"),
            Said(Failed, "`echo` does not give the prompt and its continuation", "pc", "cp"),
        ),
        (
            lambda: texts.echoed("p", "c", "pd"),
            Said(
                Inconclusive,
                (
                    "The prompt is echoed and continued otherwise than without `echo`: a "
                    "repeatable target would decide"
                ),
                "pc",
                "pd",
                cause="Greedy answers do not repeat",
            ),
        ),
        (lambda: texts.counted_for_all(8, ["length", "length"], 4), None),
        (lambda: texts.counted_for_all(4, ["length", "stop"], 4), None),
        (lambda: texts.counted_for_all(8, ["length", "stop"], 4), None),
        (
            lambda: texts.counted_for_all(7, ["length", "length"], 4),
            Said(
                Failed,
                "`completion_tokens` does not count the tokens of all choices",
                "8 to 8",
                "7",
            ),
        ),
        (
            lambda: texts.counted_for_all(9, ["stop", "stop"], 4),
            Said(
                Failed,
                "`completion_tokens` does not count the tokens of all choices",
                "0 to 8",
                "9",
            ),
        ),
        (lambda: texts.total(usage(2, 3, 5)), None),
        (lambda: texts.total(usage(0, 0, 0)), None),
        (
            lambda: texts.total(usage(2, 3, 6)),
            Said(Failed, "`total_tokens` is not the sum of prompt and completion tokens", "5", "6"),
        ),
        (
            lambda: texts.total(usage(-2, 3, 1)),
            Said(Failed, "`total_tokens` is not the sum of prompt and completion tokens", "1", "1"),
        ),
        (
            lambda: texts.total(usage(3, -2, 1)),
            Said(Failed, "`total_tokens` is not the sum of prompt and completion tokens", "1", "1"),
        ),
        (lambda: texts.prompt_count(5, 5), None),
        (
            lambda: texts.prompt_count(4, 5),
            Said(Failed, "`prompt_tokens` is not the tokenizer's count of the prompt", "5", "4"),
        ),
        (lambda: texts.longer_prompt(5, 12, "it", least=7), None),
        (
            lambda: texts.longer_prompt(5, 11, "a tool", least=7),
            Said(Silent, "A tool is accepted and ignored", "`prompt_tokens` of at least 12", "11"),
        ),
        (lambda: texts.end_counted(5, 4), None),
        (
            lambda: texts.end_counted(4, 4),
            Said(Failed, "`completion_tokens` does not count the end token", "5", "4"),
        ),
        (
            lambda: texts.end_counted(3, 4),
            Said(Failed, "`completion_tokens` is less than the text's tokens", "5", "3"),
        ),
        (
            lambda: texts.end_counted(6, 4),
            Said(
                Inconclusive,
                (
                    "More tokens are counted than the text has: an answer without reasoning would "
                    "decide"
                ),
                "5",
                "6",
            ),
        ),
    ],
)
def test_each_comparison(check, verdict):
    assert said(check) == verdict
