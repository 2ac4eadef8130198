"""What each of vLLM's own parameters must make of an answer: every way to miss it is told apart."""

from __future__ import annotations

import pytest
from verdicts import Said, said

from conformance.compare import extensions
from conformance.outcomes import Failed, Inconclusive, Silent

SIX, SEVEN = {"6": {"logprob": -1.0}}, {"7": {"logprob": -2.0}}
LIKELY = {"d": 0.05, "b": 0.2, "c": 0.19, "a": 0.5}


@pytest.mark.parametrize(
    ("check", "verdict"),
    [
        (lambda: extensions.ended_by_itself("stop"), None),
        (
            lambda: extensions.ended_by_itself("length"),
            Said(
                Inconclusive,
                "The answer did not end by itself: another model would decide",
                cause="The model's own answer does not allow the check",
            ),
        ),
        (
            lambda: extensions.longer("min_tokens", 3, "stop", 8),
            Said(Silent, "`min_tokens` is accepted and ignored", "8 tokens", "3 tokens, stop"),
        ),
        (lambda: extensions.longer("min_tokens", 8, "length", 8), None),
        (
            lambda: extensions.longer("min_tokens", 8, "stop", 8),
            Said(
                Failed,
                "`min_tokens` gives an answer of another length",
                "8 tokens, length",
                "8 tokens, stop",
            ),
        ),
        (
            lambda: extensions.longer("min_tokens", 9, "length", 8),
            Said(
                Failed,
                "`min_tokens` gives an answer of another length",
                "8 tokens, length",
                "9 tokens, length",
            ),
        ),
        (lambda: extensions.changed("seed", "a", "b"), None),
        (
            lambda: extensions.changed("seed", "a", "a"),
            Said(Silent, "`seed` is accepted and ignored", "another answer than 'a'", "'a'"),
        ),
        (lambda: extensions.same_answer("priority", "a", "a", "a"), None),
        (
            lambda: extensions.same_answer("priority", "a", "b", "b"),
            Said(Silent, "`priority` is accepted and ignored", "'a'", "'b'"),
        ),
        (
            lambda: extensions.same_answer("priority", "a", "c", "b"),
            Said(Failed, "`priority` gives another answer than it has to", "'a'", "'c'"),
        ),
        (
            lambda: extensions.same_answer("priority", "a", "b"),
            Said(Failed, "`priority` gives another answer than it has to", "'a'", "'b'"),
        ),
        (lambda: extensions.cut_at("stop_token_ids", "a b c", "a", "a"), None),
        (
            lambda: extensions.cut_at("stop_token_ids", "a b c", "a b c", "a"),
            Said(Silent, "`stop_token_ids` is accepted and ignored", "'a'", "'a b c'"),
        ),
        (
            lambda: extensions.cut_at("stop_token_ids", "a b c", "a b", "a"),
            Said(Failed, "`stop_token_ids` gives another answer than it has to", "'a'", "'a b'"),
        ),
        (
            lambda: extensions.without("bad_words", "window garden", "window garden", "window"),
            Said(
                Silent,
                "`bad_words` is accepted and ignored",
                "another answer than 'window garden'",
                "'window garden'",
            ),
        ),
        (
            lambda: extensions.without("bad_words", "window garden", " window, too", "window"),
            Said(Failed, "`bad_words` does not keep the word out", "not 'window'", " window, too"),
        ),
        (lambda: extensions.without("bad_words", "window garden", "windows", "window"), None),
        (lambda: extensions.without("bad_words", "a.b c", "axb", "a.b"), None),
        (lambda: extensions.made_of("allowed_token_ids", " a", 3, " a a a"), None),
        (lambda: extensions.made_of("allowed_token_ids", " a", 3, "a a a "), None),
        (
            lambda: extensions.made_of("allowed_token_ids", " a", 3, "b b b"),
            Said(Silent, "`allowed_token_ids` is accepted and ignored", "' a a a'", "'b b b'"),
        ),
        (
            lambda: extensions.made_of("allowed_token_ids", " a", 3, "a a b"),
            Said(Failed, "`allowed_token_ids` lets other tokens through", "' a a a'", "'a a b'"),
        ),
        (lambda: extensions.side_by_side("<end>", 2, "<end><end>"), None),
        (
            lambda: extensions.side_by_side("<end>", 2, "<end> <end>"),
            Said(
                Silent,
                "`spaces_between_special_tokens` is accepted and ignored",
                "'<end><end>'",
                "'<end> <end>'",
            ),
        ),
        (
            lambda: extensions.side_by_side("<end>", 2, "hi"),
            Said(Silent, "`skip_special_tokens` is accepted and ignored", "'<end><end>'", "'hi'"),
        ),
        (
            lambda: extensions.side_by_side("<end>", 2, "<end>-<end>"),
            Said(
                Failed,
                "`skip_special_tokens` lets other tokens through",
                "'<end><end>'",
                "'<end>-<end>'",
            ),
        ),
        (
            lambda: extensions.special_shown(
                "skip_special_tokens", "hi", "hi<end>", ["<end>", "<s>"]
            ),
            None,
        ),
        (
            lambda: extensions.special_shown(
                "skip_special_tokens", "hi<s>", "hi<s>", ["<end>", "<s>"]
            ),
            Said(
                Failed,
                "Special tokens are left in an answer that is to skip them",
                "none",
                "'hi<s>'",
            ),
        ),
        (
            lambda: extensions.special_shown(
                "skip_special_tokens", "hi", "hi", ["<1>", "<2>", "<3>", "<4>", "<5>", "<6>"]
            ),
            Said(
                Silent,
                "`skip_special_tokens` is accepted and ignored",
                "an answer with one of <1>, <2>, <3>, <4>, <5>",
                "'hi'",
            ),
        ),
        (lambda: extensions.prompt_of("add_special_tokens", 5, 7, 7), None),
        (
            lambda: extensions.prompt_of("add_special_tokens", 5, 5, 7),
            Said(Silent, "`add_special_tokens` is accepted and ignored", "7", "5"),
        ),
        (
            lambda: extensions.prompt_of("add_special_tokens", 5, 6, 7),
            Said(Failed, "`add_special_tokens` gives a prompt of another length", "7", "6"),
        ),
        (
            lambda: extensions.penalised(["1", "2"], ["3", "4"], {" "}),
            Said(
                Inconclusive,
                "No token recurs in the answer: another model would decide",
                cause="The model's own answer does not allow the check",
            ),
        ),
        (
            lambda: extensions.penalised(["1", "1"], ["1", "1"], {" "}),
            Said(
                Silent,
                "`repetition_penalty` is accepted and ignored",
                "another answer than '11'",
                "'11'",
            ),
        ),
        (
            lambda: extensions.penalised(["1", "1"], ["7", " ", "7"], {" "}),
            Said(
                Failed,
                "A strong `repetition_penalty` lets a token recur at once",
                "different tokens",
                "['7', ' ', '7']",
            ),
        ),
        (lambda: extensions.penalised(["1", "1"], ["7", " ", " "], {" "}), None),
        (lambda: extensions.exactly("min_tokens", 5, 5), None),
        (
            lambda: extensions.exactly("min_tokens", 4, 5),
            Said(Silent, "`min_tokens` is accepted and ignored", "5", "4"),
        ),
        (
            lambda: extensions.exactly("min_tokens", 6, 5),
            Said(Failed, "An end that is forced does not come", "5", "6"),
        ),
        (lambda: extensions.stopped("stop_token_ids", "stop"), None),
        (
            lambda: extensions.stopped("stop_token_ids", "length"),
            Said(
                Failed,
                "An answer that `stop_token_ids` ended gives another finish reason",
                "stop",
                "length",
            ),
        ),
        (lambda: extensions.ended_early("stop_token_ids", 3, 3, 8), None),
        (
            lambda: extensions.ended_early("stop_token_ids", 8, 3, 8),
            Said(Silent, "`stop_token_ids` is accepted and ignored", "3", "8"),
        ),
        (
            lambda: extensions.ended_early("stop_token_ids", 4, 3, 8),
            Said(Failed, "`stop_token_ids` ends the answer elsewhere", "3", "4"),
        ),
        (lambda: extensions.in_prompt([1, 2], [2, 1, 3]), None),
        (
            lambda: extensions.in_prompt([], [1]),
            Said(
                Inconclusive,
                "The answer has no token of the prompt: another model would decide",
                cause="The model's own answer does not allow the check",
            ),
        ),
        (
            lambda: extensions.in_prompt([1, 4], [1, 2]),
            Said(
                Inconclusive,
                "The answer has no token of the prompt: another model would decide",
                cause="The model's own answer does not allow the check",
            ),
        ),
        (
            lambda: extensions.scored_prompt(None, [5, 6], 0),
            Said(Silent, "`prompt_logprobs` is accepted and ignored", "2 entries", "none"),
        ),
        (
            lambda: extensions.scored_prompt("none", [5, 6], 0),
            Said(Failed, "`prompt_logprobs` has not one entry a token of the prompt", "2", "none"),
        ),
        (
            lambda: extensions.scored_prompt([None], [5, 6], 0),
            Said(Failed, "`prompt_logprobs` has not one entry a token of the prompt", "2", "1"),
        ),
        (
            lambda: extensions.scored_prompt([{}, {}], [5, 6], 0),
            Said(Failed, "The first token of the prompt is scored", "null", "{}"),
        ),
        (lambda: extensions.scored_prompt([None, SIX], [5, 6], 0), None),
        (
            lambda: extensions.scored_prompt([None, None], [5, 6], 0),
            Said(
                Failed,
                (
                    "An entry of `prompt_logprobs` has not the token of the prompt with its "
                    "logprob and 0 of the likeliest"
                ),
                "token 6, at most 0",
            ),
        ),
        (
            lambda: extensions.scored_prompt([None, {"7": {"logprob": -1.0}}], [5, 6], 0),
            Said(
                Failed,
                (
                    "An entry of `prompt_logprobs` has not the token of the prompt with its "
                    "logprob and 0 of the likeliest"
                ),
                "token 6, at most 0",
                "{'7': {'logprob': -1.0}}",
            ),
        ),
        (
            lambda: extensions.scored_prompt([None, SIX | SEVEN], [5, 6], 0),
            Said(
                Failed,
                (
                    "An entry of `prompt_logprobs` has not the token of the prompt with its "
                    "logprob and 0 of the likeliest"
                ),
                "token 6, at most 0",
                "{'6': {'logprob': -1.0}, '7': {'logprob': -2.0}}",
            ),
        ),
        (lambda: extensions.scored_prompt([None, SIX | SEVEN], [5, 6], 1), None),
        (lambda: extensions.scored_prompt([None, SIX], [5, 6], 1), None),
        (
            lambda: extensions.scored_prompt(
                [None, SIX | SEVEN | {"8": {"logprob": -3.0}}], [5, 6], 1
            ),
            Said(
                Failed,
                (
                    "An entry of `prompt_logprobs` has not the token of the prompt with its "
                    "logprob and 1 of the likeliest"
                ),
                "token 6, at most 0",
                "{'6': {'logprob': -1.0}, '7': {'logprob': -2.0}, '8': {'logprob': -3.0}}",
            ),
        ),
        (
            lambda: extensions.scored_prompt([None, SIX], [5, 6], 2),
            Said(
                Failed,
                (
                    "An entry of `prompt_logprobs` has not the token of the prompt with its "
                    "logprob and 2 of the likeliest"
                ),
                "token 6, at most 0",
                "{'6': {'logprob': -1.0}}",
            ),
        ),
        (lambda: extensions.scored_prompt([None, {"6": {"logprob": 1e-4}}], [5, 6], 0), None),
        (
            lambda: extensions.scored_prompt([None, {"6": {"logprob": 2e-4}}], [5, 6], 0),
            Said(
                Failed,
                (
                    "An entry of `prompt_logprobs` has not the token of the prompt with its "
                    "logprob and 0 of the likeliest"
                ),
                "token 6, at most 0",
                "{'6': {'logprob': 0.0002}}",
            ),
        ),
        (
            lambda: extensions.scored_prompt([None, SIX, SIX], [5, 6, 7], 0),
            Said(
                Failed,
                (
                    "An entry of `prompt_logprobs` has not the token of the prompt with its "
                    "logprob and 0 of the likeliest"
                ),
                "token 7, at most 0",
                "{'6': {'logprob': -1.0}}",
            ),
        ),
        (
            lambda: extensions.scored_prompt([None, {"6": {}}], [5, 6], 0),
            Said(
                Failed,
                (
                    "An entry of `prompt_logprobs` has not the token of the prompt with its "
                    "logprob and 0 of the likeliest"
                ),
                "token 6, at most 0",
                "{'6': {}}",
            ),
        ),
        (lambda: extensions.chosen_alternatives(["a", "b"], ["a", "b"], "c"), None),
        (lambda: extensions.chosen_alternatives(["a", "b", "c"], ["a", "b"], "c"), None),
        (
            lambda: extensions.chosen_alternatives(["x", "c"], ["b", "a", "c"], "c"),
            Said(Silent, "`logprob_token_ids` is accepted and ignored", "['a', 'b']", "['x', 'c']"),
        ),
        (
            lambda: extensions.chosen_alternatives(["b", "a"], ["b"], "c"),
            Said(
                Failed,
                "The alternatives are not those of `logprob_token_ids`",
                "['b', 'c']",
                "['a', 'b']",
            ),
        ),
        (
            lambda: extensions.chosen_alternatives(["a"], ["b", "a"], "c"),
            Said(
                Failed,
                "The alternatives are not those of `logprob_token_ids`",
                "['a', 'b', 'c']",
                "['a']",
            ),
        ),
        (lambda: extensions.as_ids(["token_id:7", "token_id:8"], [7, 8]), None),
        (
            lambda: extensions.as_ids(["a", "b"], [7, 8]),
            Said(
                Silent,
                "`return_tokens_as_token_ids` is accepted and ignored",
                "['token_id:7', 'token_id:8']",
                "['a', 'b']",
            ),
        ),
        (
            lambda: extensions.as_ids(["token_id:7", "b"], [7, 8]),
            Said(
                Failed,
                "The tokens are others",
                "['token_id:7', 'token_id:8']",
                "['token_id:7', 'b']",
            ),
        ),
        (lambda: extensions.ids_given("return_token_ids", [1, 2], (1, 2), "the prompt"), None),
        (
            lambda: extensions.ids_given("return_token_ids", None, [1, 2], "the prompt"),
            Said(
                Silent,
                "`return_token_ids` is accepted and ignored",
                "the ids of the prompt",
                "none",
            ),
        ),
        (
            lambda: extensions.ids_given("return_token_ids", [2], (1, 2), "the prompt"),
            Said(Failed, "The ids of the prompt are wrong", "[1, 2]", "[2]"),
        ),
        (lambda: extensions.text_given("return_prompt_text", "a", "a"), None),
        (
            lambda: extensions.text_given("return_prompt_text", None, "a"),
            Said(Silent, "`return_prompt_text` is accepted and ignored", "'a'", "none"),
        ),
        (
            lambda: extensions.text_given("return_prompt_text", "b", "a"),
            Said(Failed, "`return_prompt_text` gives another text", "'a'", "'b'"),
        ),
        (lambda: extensions.carries_id("chatcmpl-mine", "mine"), None),
        (
            lambda: extensions.carries_id("chatcmpl-1", "mine"),
            Said(Silent, "`request_id` is accepted and ignored", "…mine", "chatcmpl-1"),
        ),
        (
            lambda: extensions.carries_id(7, "mine"),
            Said(Silent, "`request_id` is accepted and ignored", "…mine", "7"),
        ),
        (lambda: extensions.beginning("one two three four"), None),
        (
            lambda: extensions.beginning("one two three"),
            Said(
                Inconclusive,
                "The answer has too few words to be begun: another model would decide",
                cause="The model's own answer does not allow the check",
            ),
        ),
        (
            lambda: extensions.beginning("one  two three"),
            Said(
                Inconclusive,
                "The answer has too few words to be begun: another model would decide",
                cause="The model's own answer does not allow the check",
            ),
        ),
        (lambda: extensions.beams(["a", "b"], LIKELY, 2), None),
        (
            lambda: extensions.beams(["b", "c"], LIKELY, 2),
            Said(
                Failed,
                "The choices of a beam search are not the likeliest answers, best first",
                "[\"'a' 0.500\", \"'b' 0.200\", \"'c' 0.190\"]",
                "['b', 'c']",
            ),
        ),
        (
            lambda: extensions.beams(["a"], LIKELY, 2),
            Said(Silent, "`use_beam_search` is accepted and ignored", "['a', 'b', 'c']", "['a']"),
        ),
        (lambda: extensions.beams(["a"], LIKELY, 1), None),
        (
            lambda: extensions.beams(["b", "a"], LIKELY, 2),
            Said(
                Failed,
                "The choices of a beam search are not the likeliest answers, best first",
                "[\"'a' 0.500\", \"'b' 0.200\", \"'c' 0.190\"]",
                "['b', 'a']",
            ),
        ),
        (
            lambda: extensions.beams(["a", "a"], LIKELY, 2),
            Said(
                Failed,
                "The choices of a beam search are not the likeliest answers, best first",
                "[\"'a' 0.500\", \"'b' 0.200\", \"'c' 0.190\"]",
                "['a', 'a']",
            ),
        ),
        (
            lambda: extensions.beams(["a", "b", "c"], LIKELY, 2),
            Said(
                Failed,
                "The choices of a beam search are not the likeliest answers, best first",
                "[\"'a' 0.500\", \"'b' 0.200\", \"'c' 0.190\"]",
                "['a', 'b', 'c']",
            ),
        ),
        (
            lambda: extensions.beams(["a", "z"], LIKELY, 2),
            Said(
                Failed,
                "The choices of a beam search are not the likeliest answers, best first",
                "[\"'a' 0.500\", \"'b' 0.200\", \"'c' 0.190\"]",
                "['a', 'z']",
            ),
        ),
        (lambda: extensions.beams(["a", "c"], LIKELY, 2), None),
        (lambda: extensions.beams(["a", "b", "c", "d"], LIKELY, 4), None),
    ],
)
def test_each_way_to_miss_it(check, verdict):
    assert said(check) == verdict


def test_answers_that_are_nearly_as_likely_may_change_places():
    near = {"a": 0.5, "b": 0.45, "c": 0.05}
    extensions.beams(["b", "a"], {"a": 0.5, "b": 0.46}, 2)
    with pytest.raises(Failed):
        extensions.beams(["b", "a"], near, 2)
    with pytest.raises(Failed):
        extensions.beams(["z"], {"a": 1.0}, 1)


def test_an_answer_is_begun_by_its_first_two_words():
    assert extensions.beginning("one two three four") == "one two"
