"""Two answers that have to be one: batches, forms, scores and streams beside plain requests."""

from __future__ import annotations

import json
from typing import Any

import pytest
from verdicts import Said, said

from conformance.compare import batches, metamorphic, scores, streamed
from conformance.outcomes import Failed, Inconclusive, Silent

SIX, SEVEN = {"6": {"logprob": -1.5}}, {"7": {"logprob": -2.0}}


def choice(
    content: str,
    finish_reason: str = "stop",
    logprob: float | None = None,
    others: int = 1,
    **more: Any,
) -> dict[str, Any]:
    """A choice of a chat completion, its text one token; with so many alternatives to it."""
    scored = {"token": content, "logprob": logprob, "top_logprobs": [{}] * others}
    logprobs = None if logprob is None else {"content": [scored]}
    message = {"content": content}
    return {"message": message, "finish_reason": finish_reason, "logprobs": logprobs, **more}


def thought(text: str, name: str = "reasoning") -> dict[str, Any]:
    """A choice with reasoning, under either of the names that it goes by."""
    return {"message": {"content": "a", name: text}, "finish_reason": "stop"}


@pytest.mark.parametrize(
    ("check", "verdict"),
    [
        (lambda: batches.alike([choice("a")], [choice("a")], "seed"), None),
        (
            lambda: batches.alike([choice("a"), choice("b")], [choice("a"), choice("c")], "seed"),
            Said(
                Failed,
                "With `seed` conversation 1 of a batch is answered otherwise than by itself",
                (
                    "{'content': 'b', 'reasoning': None, 'finish_reason': 'stop', 'token_ids': "
                    "None, 'tokens': [], 'alternatives': []}"
                ),
                (
                    "{'content': 'c', 'reasoning': None, 'finish_reason': 'stop', 'token_ids': "
                    "None, 'tokens': [], 'alternatives': []}"
                ),
            ),
        ),
        (
            lambda: batches.alike([choice("a", "stop")], [choice("a", "length")], "seed"),
            Said(
                Failed,
                "With `seed` conversation 0 of a batch is answered otherwise than by itself",
                (
                    "{'content': 'a', 'reasoning': None, 'finish_reason': 'stop', 'token_ids': "
                    "None, 'tokens': [], 'alternatives': []}"
                ),
                (
                    "{'content': 'a', 'reasoning': None, 'finish_reason': 'length', 'token_ids': "
                    "None, 'tokens': [], 'alternatives': []}"
                ),
            ),
        ),
        (
            lambda: batches.alike(
                [choice("a", logprob=-1.0)], [choice("a", logprob=-1.25)], "seed"
            ),
            None,
        ),
        (
            lambda: batches.alike(
                [choice("a", logprob=-1.0)], [choice("a", logprob=-1.26)], "seed"
            ),
            Said(
                Failed,
                "Logprobs of a batch and of one request differ at token 0",
                "-1.0000 ± 0.25",
                "-1.2600",
            ),
        ),
        (
            lambda: batches.alike(
                [choice("a", token_ids=[1])], [choice("a", token_ids=[2])], "seed"
            ),
            Said(
                Failed,
                "With `seed` conversation 0 of a batch is answered otherwise than by itself",
                (
                    "{'content': 'a', 'reasoning': None, 'finish_reason': 'stop', 'token_ids': "
                    "[1], 'tokens': [], 'alternatives': []}"
                ),
                (
                    "{'content': 'a', 'reasoning': None, 'finish_reason': 'stop', 'token_ids': "
                    "[2], 'tokens': [], 'alternatives': []}"
                ),
            ),
        ),
        (lambda: batches.alike([thought("so")], [thought("so")], "seed"), None),
        (
            lambda: batches.alike([thought("so")], [thought("not so")], "seed"),
            Said(
                Failed,
                "With `seed` conversation 0 of a batch is answered otherwise than by itself",
                (
                    "{'content': 'a', 'reasoning': 'so', 'finish_reason': 'stop', 'token_ids': "
                    "None, 'tokens': [], 'alternatives': []}"
                ),
                (
                    "{'content': 'a', 'reasoning': 'not so', 'finish_reason': 'stop', 'token_ids': "
                    "None, 'tokens': [], 'alternatives': []}"
                ),
            ),
        ),
        (
            lambda: batches.alike(
                [thought("so")], [thought("so", name="reasoning_content")], "seed"
            ),
            None,
        ),
        (
            lambda: batches.alike(
                [choice("a", logprob=-1.0)], [choice("a", logprob=-1.0, others=2)], "seed"
            ),
            Said(
                Failed,
                "With `seed` conversation 0 of a batch is answered otherwise than by itself",
                (
                    "{'content': 'a', 'reasoning': None, 'finish_reason': 'stop', 'token_ids': "
                    "None, 'tokens': ['a'], 'alternatives': [1]}"
                ),
                (
                    "{'content': 'a', 'reasoning': None, 'finish_reason': 'stop', 'token_ids': "
                    "None, 'tokens': ['a'], 'alternatives': [2]}"
                ),
            ),
        ),
        (lambda: batches.alike([{}], [{}], "seed"), None),
        (
            lambda: batches.alike(
                [{"finish_reason": "stop"}], [{"message": None, "logprobs": None}], "seed"
            ),
            Said(
                Failed,
                "With `seed` conversation 0 of a batch is answered otherwise than by itself",
                (
                    "{'content': None, 'reasoning': None, 'finish_reason': 'stop', 'token_ids': "
                    "None, 'tokens': [], 'alternatives': []}"
                ),
                (
                    "{'content': None, 'reasoning': None, 'finish_reason': None, 'token_ids': "
                    "None, 'tokens': [], 'alternatives': []}"
                ),
            ),
        ),
        (
            lambda: batches.effective(
                [choice("a"), choice("b")], [choice("a"), choice("c")], "seed"
            ),
            None,
        ),
        (
            lambda: batches.effective([choice("a")], [choice("a")], "seed"),
            Said(
                Inconclusive,
                "`seed` changes none of the answers: a model that is less sure would decide",
                cause="The model's own answer does not allow the check",
            ),
        ),
        (lambda: batches.heeded([choice("a")], [choice("b")], "seed"), None),
        (
            lambda: batches.heeded([choice("a")], [choice("a")], "seed"),
            Said(
                Silent,
                "`seed` is accepted and ignored in a batch",
                "other answers",
                (
                    "[{'content': 'a', 'reasoning': None, 'finish_reason': 'stop', 'token_ids': "
                    "None, 'tokens': [], 'alternatives': []}]"
                ),
            ),
        ),
        (lambda: metamorphic.alike("a", "a", "Both answers"), None),
        (
            lambda: metamorphic.alike("a", "b", "Both answers"),
            Said(Failed, "Both answers differ", "a", "b"),
        ),
        (lambda: metamorphic.all_alike("a", ["a", "a"], "All answers"), None),
        (
            lambda: metamorphic.all_alike("a", ["a", "b"], "All answers"),
            Said(Failed, "All answers differ", "a", "b"),
        ),
        (lambda: metamorphic.seeded_alike("a", "a", "b", "Answers of one seed"), None),
        (
            lambda: metamorphic.seeded_alike("a", "b", "b", "Answers of one seed"),
            Said(Failed, "Answers of one seed differ", "a", "b"),
        ),
        (
            lambda: metamorphic.seeded_alike("a", "b", "a", "Answers of one seed"),
            Said(Failed, "Answers of one seed differ", "a", "b"),
        ),
        (
            lambda: metamorphic.seeded_alike("a", "a", "a", "Answers of one seed"),
            Said(
                Inconclusive,
                ("Answers of different seeds are the same: a model that is less sure would decide"),
                cause="The model's own answer does not allow the check",
            ),
        ),
        (lambda: metamorphic.choices_of(("a", "b"), ["a", "b"], "Choices"), None),
        (lambda: metamorphic.choices_of(["a"], ["a"], "Choices"), None),
        (
            lambda: metamorphic.choices_of(["b"], ["a"], "Choices"),
            Said(Failed, "Choices differ", "['a']", "['b']"),
        ),
        (
            lambda: metamorphic.choices_of(["a"], ["a", "b"], "Choices"),
            Said(Silent, "`n` is accepted and ignored", "2", "1"),
        ),
        (
            lambda: metamorphic.choices_of(["a", "c"], ["a", "b"], "Choices"),
            Said(Failed, "Choices differ", "['a', 'b']", "['a', 'c']"),
        ),
        (lambda: metamorphic.near([-1.0, -2.0], [-1.25, -1.75], "Logprobs"), None),
        (
            lambda: metamorphic.near([-1.0], [-1.0, -2.0], "Logprobs"),
            Said(Failed, "Logprobs: one has more tokens", "1", "2"),
        ),
        (
            lambda: metamorphic.near([-1.0, -2.0], [-1.0, -2.251], "Logprobs"),
            Said(Failed, "Logprobs differ at token 1", "-2.0000 ± 0.25", "-2.2510"),
        ),
        (
            lambda: metamorphic.near([-1.0, -2.0], [-1.0, -1.5], "Logprobs"),
            Said(Failed, "Logprobs differ at token 1", "-2.0000 ± 0.25", "-1.5000"),
        ),
        (lambda: metamorphic.beginning("a b c", "a b", "A prefix is answered otherwise"), None),
        (
            lambda: metamorphic.beginning("a b c", "", "A prefix is answered otherwise"),
            Said(Failed, "A prefix is answered otherwise", "the beginning of 'a b c'", "''"),
        ),
        (
            lambda: metamorphic.beginning("a b c", "b", "A prefix is answered otherwise"),
            Said(Failed, "A prefix is answered otherwise", "the beginning of 'a b c'", "'b'"),
        ),
        (lambda: scores.grown(-7.0, -3.0, -4.0, 4), None),
        (lambda: scores.grown(-7.5, -3.0, -4.0, 4), None),
        (lambda: scores.grown(-6.5, -3.0, -4.0, 4), None),
        (
            lambda: scores.grown(-7.51, -3.0, -4.0, 4),
            Said(
                Failed,
                "The logprob of a continued text is not the sum of both parts'",
                "-7.000 ± 0.50",
                "-7.510",
            ),
        ),
        (
            lambda: scores.grown(-6.4, -3.0, -4.0, 4),
            Said(
                Failed,
                "The logprob of a continued text is not the sum of both parts'",
                "-7.000 ± 0.50",
                "-6.400",
            ),
        ),
        (
            lambda: scores.of_prompt(None, [5, 6]),
            Said(Silent, "`prompt_logprobs` is accepted and ignored", "2 entries", "none"),
        ),
        (
            lambda: scores.of_prompt([None, SIX | SEVEN], [5, 6]),
            Said(
                Failed,
                (
                    "An entry of `prompt_logprobs` has not the token of the prompt with its "
                    "logprob and 0 of the likeliest"
                ),
                "token 6, at most 0",
                "{'6': {'logprob': -1.5}, '7': {'logprob': -2.0}}",
            ),
        ),
        (
            lambda: scores.of_prompt([None, SEVEN], [5, 6]),
            Said(
                Failed,
                (
                    "An entry of `prompt_logprobs` has not the token of the prompt with its "
                    "logprob and 0 of the likeliest"
                ),
                "token 6, at most 0",
                "{'7': {'logprob': -2.0}}",
            ),
        ),
        (lambda: streamed.gathered("abcdef", ["a", "bcde", "f"], 4, 6), None),
        (lambda: streamed.gathered("abcdef", ["a", "bc", "def"], 4, 6), None),
        (
            lambda: streamed.gathered("abcdef", ["a", "bc", "d", "ef"], 4, 6),
            Said(Failed, "`stream_interval` gathers fewer tokens", "at most 3", "4"),
        ),
        (
            lambda: streamed.gathered("abcdef", "abcdef", 4, 6),
            Said(
                Silent, "`stream_interval` is accepted and ignored", "at most 3 pieces", "6 pieces"
            ),
        ),
        (
            lambda: streamed.gathered("abcdef", "abcdeg", 4, 6),
            Said(Failed, "A stream in larger pieces has another text", "abcdef", "abcdeg"),
        ),
        (lambda: streamed.gathered("abc", "abc", 1, 1), None),
    ],
)
def test_each_way_to_differ(check, verdict):
    assert said(check) == verdict


def test_a_batch_has_as_many_answers_as_conversations():
    with pytest.raises(ValueError):
        batches.alike([choice("a"), choice("b")], [choice("a")], "seed")


def test_scores_of_a_prompt_begin_with_zero():
    assert scores.of_prompt([None, SIX, SEVEN], [5, 6, 7]) == [0.0, -1.5, -2.0]


def event(*choices: dict[str, Any]) -> str:
    return json.dumps({"choices": choices})


def test_a_stream_is_read_as_its_json_has_it():
    first = {"index": 0, "delta": {"content": "a"}, "token_ids": [1]}
    other = {"index": 1, "delta": {"content": "x"}, "token_ids": [9]}
    empty = {"index": 0, "delta": {"content": ""}}
    legacy = {"index": 0, "text": "b", "token_ids": [2, 3]}
    payloads = [event(first, other), event(empty), event(legacy), "{}"]
    assert streamed.choices(payloads) == [first, empty, legacy]
    assert streamed.choices(payloads, 1) == [other]
    assert streamed.texts(payloads) == ["a", "b"]
    assert streamed.ids(payloads) == [1, 2, 3]
    assert streamed.ids([event(empty)]) is None
