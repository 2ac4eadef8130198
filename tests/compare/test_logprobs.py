"""The checks of log probabilities pass on good data and fail on each kind of bad data."""

from __future__ import annotations

import math

import pytest
from openai.types.chat import ChatCompletionTokenLogprob
from verdicts import Said, said

from conformance.compare import logprobs
from conformance.compare.logprobs import LegacyLogprobs
from conformance.outcomes import Failed, Inconclusive, Silent


def entry(
    token: str, logprob: float, *top: tuple[str, float], bytes: list[int] | None = None
) -> ChatCompletionTokenLogprob:
    return ChatCompletionTokenLogprob.model_validate(
        {
            "token": token,
            "logprob": logprob,
            "bytes": list(token.encode()) if bytes is None else bytes,
            "top_logprobs": [{"token": text, "logprob": score} for text, score in top],
        }
    )


def bytesless(token: str) -> ChatCompletionTokenLogprob:
    return ChatCompletionTokenLogprob(token=token, logprob=-1.0, bytes=None, top_logprobs=[])


GOOD = [
    entry("a", -0.5, ("a", -0.5), ("b", -1.5)),
    entry(" b", -0.2, (" b", -0.2), ("c", -2.5)),
]


def test_good_entries_pass_every_check():
    logprobs.alternatives(GOOD, 2)
    logprobs.spell(GOOD, "a b")
    logprobs.count(GOOD, 2)
    logprobs.probabilities(GOOD)
    logprobs.chosen(GOOD)
    logprobs.ranked(GOOD)
    logprobs.greedy(GOOD)


def test_no_alternatives_at_all_is_silent():
    with pytest.raises(Silent, match="top_logprobs"):
        logprobs.alternatives([entry("a", -0.5)], 5)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_another_number_of_alternatives_fails(count):
    with pytest.raises(Failed):
        logprobs.alternatives(GOOD, count)


def test_no_alternatives_are_right_when_none_are_asked_for():
    logprobs.alternatives([entry("a", -0.5)], 0)


def test_bytes_of_a_split_character_spell_it():
    first, last = entry("", -0.5, bytes=[0xF0, 0x9F, 0x99]), entry("🙃", -0.1, bytes=[0x83])
    logprobs.spell([first, last], "🙃")


def test_a_character_given_to_its_last_token_is_right_as_well():
    logprobs.spell([entry("", -0.5, bytes=[]), entry("🙃", -0.1)], "🙃")


def test_null_bytes_stand_for_the_token():
    logprobs.spell([bytesless("a")], "a")


@pytest.mark.parametrize("text", ["a", "ab", "a b "])
def test_bytes_that_are_not_the_text_fail(text):
    with pytest.raises(Failed, match="not the text"):
        logprobs.spell(GOOD, text)


def test_vocabulary_spelling_in_tokens_fails():
    with pytest.raises(Failed):
        logprobs.spell([entry("a", -0.5), entry("Ġb", -0.5)], "a b")


@pytest.mark.parametrize("value", [-1, 256, 10**400])
def test_bytes_out_of_range_fail(value):
    with pytest.raises(Failed, match="no bytes"):
        logprobs.spell([entry("a", -0.5, bytes=[value])], "a")


@pytest.mark.parametrize("tokens", [1, 3])
def test_a_missing_or_added_entry_fails(tokens):
    with pytest.raises(Failed, match="scored"):
        logprobs.count(GOOD, tokens)


@pytest.mark.parametrize(
    "bad",
    [
        entry("a", 0.01, ("a", 0.01)),
        entry("a", -0.5, ("a", -0.5), ("b", 0.2)),
        entry("a", 1e308),
        entry("a", math.inf),
    ],
    ids=["chosen", "alternative", "huge", "infinite"],
)
def test_a_logprob_above_zero_fails(bad):
    with pytest.raises(Failed, match="above 0"):
        logprobs.probabilities([*GOOD, bad])


def test_probabilities_of_more_than_one_fail():
    with pytest.raises(Failed, match="sum to more than 1"):
        logprobs.probabilities([entry("a", -0.5, ("a", -0.5), ("b", -0.7))])


def test_rounding_is_allowed_for():
    certain = entry("a", 5e-5, ("a", 5e-5), ("b", -40.0))
    logprobs.probabilities([certain])


def test_minus_infinity_is_a_probability_of_zero():
    logprobs.probabilities([entry("a", -math.inf, ("a", -math.inf))])


def test_a_token_below_its_alternatives_is_right():
    logprobs.chosen([entry("z", -9.0, ("a", -0.5), ("b", -1.5))])
    logprobs.chosen([entry("z", -9.0, ("z", -9.0), ("a", -0.5))])


@pytest.mark.parametrize(
    "bad",
    [
        entry("z", -1.0, ("a", -0.5), ("b", -1.5)),
        entry("a", -0.9, ("a", -0.5), ("b", -1.5)),
    ],
    ids=["left-out", "another-value"],
)
def test_a_token_that_contradicts_its_alternatives_fails(bad):
    with pytest.raises(Failed, match="not that of its alternatives"):
        logprobs.chosen([bad])


def test_unsorted_alternatives_fail():
    with pytest.raises(Failed, match="sorted"):
        logprobs.ranked([entry("a", -0.5, ("b", -1.5), ("a", -0.5))])


def test_a_likelier_alternative_fails_at_temperature_zero():
    with pytest.raises(Failed, match="likelier"):
        logprobs.greedy([entry("b", -1.5, ("a", -0.5), ("b", -1.5))])


def test_an_exact_tie_is_right_either_way():
    logprobs.greedy([entry("b", -0.7, ("a", -0.7), ("b", -0.7))])


COLD = [entry("a", -0.5, ("a", -0.5), ("b", -1.5), ("c", -3.5))]


def test_the_models_own_distribution_passes_whatever_was_sampled():
    logprobs.unscaled(COLD, [entry("z", -9.0, ("z", -9.0), ("a", -0.5), ("b", -1.5))])


def test_distances_halved_by_temperature_fail():
    with pytest.raises(Failed, match="after temperature"):
        logprobs.unscaled(COLD, [entry("a", -0.8, ("a", -0.8), ("b", -1.3), ("c", -2.3))])


@pytest.mark.parametrize(
    "hot", [[entry("z", -1.0, ("z", -1.0))], [], [entry("a", -0.5, ("a", -0.5))]]
)
def test_nothing_in_common_is_inconclusive(hot):
    with pytest.raises(Inconclusive):
        logprobs.unscaled(COLD, hot)


def test_steps_end_where_alternatives_share_a_text():
    same = entry("", -0.5, ("", -0.5), ("", -1.5))
    assert [step.token for step in logprobs.steps([*GOOD, same, *GOOD])] == ["a", " b"]


# Legacy


def legacy(**changes: object) -> LegacyLogprobs:
    good: dict[str, object] = {
        "tokens": ["a", " b"],
        "token_logprobs": [-0.5, -0.2],
        "top_logprobs": [{"a": -0.5, "x": -1.0}, {" b": -0.2, "y": -2.0}],
        "text_offset": [0, 1],
    }
    return LegacyLogprobs.model_validate({**good, **changes})


def test_good_legacy_logprobs_pass_every_check():
    logprobs.legacy_spell("a b", legacy().checked())
    logprobs.legacy_alternatives(legacy(), 2)
    logprobs.legacy_alternatives(legacy(), 1)
    logprobs.legacy_probabilities(legacy())
    logprobs.ends_with("a b", legacy())


@pytest.mark.parametrize("name", ["tokens", "token_logprobs", "top_logprobs", "text_offset"])
def test_lists_of_different_length_fail(name):
    with pytest.raises(Failed, match="differ in length"):
        legacy(**{name: []}).checked()


def test_chat_style_logprobs_fail_with_their_own_message():
    with pytest.raises(Failed, match="chat-style"):
        logprobs.chat_style({"content": [{"token": "a"}], "tokens": None})
    logprobs.chat_style(legacy().model_dump())


def test_legacy_tokens_that_are_not_the_text_fail():
    with pytest.raises(Failed, match="spell"):
        logprobs.legacy_spell("a c", legacy())
    with pytest.raises(Failed, match="spell"):
        logprobs.ends_with("a c", legacy())


def test_offsets_may_begin_after_the_prompt():
    logprobs.legacy_spell("a b", legacy(text_offset=[7, 8]))


@pytest.mark.parametrize("offsets", [[0, 0], [0, 2], [1, 0]])
def test_wrong_offsets_fail(offsets):
    with pytest.raises(Failed, match="text_offset"):
        logprobs.legacy_spell("a b", legacy(text_offset=offsets))


def test_an_empty_list_spells_the_empty_text():
    empty = legacy(tokens=[], token_logprobs=[], top_logprobs=[], text_offset=[])
    logprobs.legacy_spell("", empty)


@pytest.mark.parametrize("top", [None, [{}, {}], [{"a": -0.5}, {" b": -0.2}]])
def test_fewer_legacy_alternatives_are_silent(top):
    with pytest.raises(Silent):
        logprobs.legacy_alternatives(legacy(top_logprobs=top), 5)


def test_too_many_legacy_alternatives_fail():
    many = [{str(number): -5.0 for number in range(9)}] * 2
    with pytest.raises(Failed):
        logprobs.legacy_alternatives(legacy(top_logprobs=many), 5)


def test_a_legacy_logprob_above_zero_fails():
    with pytest.raises(Failed, match="above 0"):
        logprobs.legacy_probabilities(legacy(token_logprobs=[None, 0.5]))


def test_an_echoed_prompt_is_scored_from_its_second_token():
    logprobs.prompt_scored(1, 1, legacy(token_logprobs=[None, -0.2]))


@pytest.mark.parametrize(
    ("prompt_tokens", "completion_tokens", "scores", "outcome"),
    [
        (4, 2, [-0.5, -0.2], Silent),
        (4, 1, [None, -0.2], Failed),
        (1, 1, [-0.5, -0.2], Failed),
        (1, 1, [None, None], Failed),
    ],
    ids=["prompt-left-out", "positions-missing", "first-scored", "none-scored"],
)
def test_prompts_not_scored_as_they_must_be(prompt_tokens, completion_tokens, scores, outcome):
    with pytest.raises(outcome):
        logprobs.prompt_scored(prompt_tokens, completion_tokens, legacy(token_logprobs=scores))


@pytest.mark.parametrize(
    ("check", "verdict"),
    [
        (
            lambda: logprobs.alternatives([entry("a", -0.5), entry("b", -0.5)], 5),
            Said(
                Silent, "`top_logprobs` is accepted and ignored", "5 alternatives a token", "[0, 0]"
            ),
        ),
        (
            lambda: logprobs.alternatives(GOOD, 3),
            Said(
                Failed,
                "`top_logprobs` 3 does not give 3 alternatives a token",
                "[3, 3]",
                "[2, 2]",
                cause="`top_logprobs` gives another number of alternatives",
            ),
        ),
        (
            lambda: logprobs.alternatives([entry("a", -0.5), GOOD[0]], 2),
            Said(
                Failed,
                "`top_logprobs` 2 does not give 2 alternatives a token",
                "[2, 2]",
                "[0, 2]",
                cause="`top_logprobs` gives another number of alternatives",
            ),
        ),
        (
            lambda: logprobs.spell(GOOD, "ab"),
            Said(Failed, "The bytes of the scored tokens are not the text", "b'ab'", "b'a b'"),
        ),
        (
            lambda: logprobs.spell([entry("a", -0.5, bytes=[256])], "a"),
            Said(Failed, "A token's bytes are no bytes", "0 to 255", "[256]"),
        ),
        (
            lambda: logprobs.spell(
                [entry("a", -0.5, bytes=[0]), entry("b", -0.5, bytes=[255])], "a"
            ),
            Said(
                Failed, "The bytes of the scored tokens are not the text", "b'a'", "b'\\x00\\xff'"
            ),
        ),
        (lambda: logprobs.spell([bytesless("\ud800")], "?"), None),
        (
            lambda: logprobs.count(GOOD, 3),
            Said(
                Failed,
                "Not every generated token is scored",
                "3 entries, as usage counts",
                "2 entries",
            ),
        ),
        (
            lambda: logprobs.probabilities([entry("a", 1e-4, ("a", 1e-4), ("b", -40.0))]),
            Said(
                Failed,
                "The probabilities of a token's alternatives sum to more than 1",
                "at most 1 (+0.0001)",
                "1.0001000050001667 at token 'a'",
            ),
        ),
        (
            lambda: logprobs.probabilities([entry("a", 2e-4)]),
            Said(Failed, "A logprob is above 0", "at most 0 (+0.0001)", "0.0002 at token 'a'"),
        ),
        (
            lambda: logprobs.probabilities([entry("a", -0.5, ("a", -0.5), ("b", 0.25))]),
            Said(Failed, "A logprob is above 0", "at most 0 (+0.0001)", "0.25 at token 'a'"),
        ),
        (
            lambda: logprobs.probabilities([*GOOD, entry("a", -0.5, ("a", 0.0), ("b", 0.0))]),
            Said(
                Failed,
                "The probabilities of a token's alternatives sum to more than 1",
                "at most 1 (+0.0001)",
                "2.0 at token 'a'",
            ),
        ),
        (
            lambda: logprobs.chosen([*GOOD, entry("z", -1.0, ("a", -0.5), ("b", -1.5))]),
            Said(
                Failed,
                "A token's logprob is not that of its alternatives",
                "'z' listed with -1.0, or less likely than all",
                "[('a', -0.5), ('b', -1.5)]",
            ),
        ),
        (
            lambda: logprobs.chosen([entry("a", -0.9, ("a", -0.5), ("b", -1.5))]),
            Said(
                Failed,
                "A token's logprob is not that of its alternatives",
                "'a' listed with -0.9, or less likely than all",
                "[('a', -0.5), ('b', -1.5)]",
            ),
        ),
        (
            lambda: logprobs.chosen([entry("a", -9.0, ("a", -0.5), ("b", -1.5))]),
            Said(
                Failed,
                "A token's logprob is not that of its alternatives",
                "'a' listed with -9.0, or less likely than all",
                "[('a', -0.5), ('b', -1.5)]",
            ),
        ),
        (lambda: logprobs.chosen([entry("z", -1.5, ("a", -0.5), ("b", -1.5))]), None),
        (
            lambda: logprobs.chosen([entry("z", -1.4998, ("a", -0.5), ("b", -1.5))]),
            Said(
                Failed,
                "A token's logprob is not that of its alternatives",
                "'z' listed with -1.4998, or less likely than all",
                "[('a', -0.5), ('b', -1.5)]",
            ),
        ),
        (lambda: logprobs.chosen([entry("z", -1.0)]), None),
        (
            lambda: logprobs.chosen([entry("z", 1.0)]),
            Said(
                Failed,
                "A token's logprob is not that of its alternatives",
                "'z' listed with 1.0, or less likely than all",
                "[]",
            ),
        ),
        (
            lambda: logprobs.chosen(
                [entry("a", -0.5, ("a", -0.5001)), entry("a", -0.5, ("a", -0.7), ("a", -0.5))]
            ),
            None,
        ),
        (
            lambda: logprobs.ranked([*GOOD, entry("a", -0.5, ("b", -1.5), ("a", -0.5))]),
            Said(
                Failed,
                "Alternatives are not sorted by logprob",
                "best first",
                "[('b', -1.5), ('a', -0.5)]",
            ),
        ),
        (
            lambda: logprobs.greedy([*GOOD, entry("b", -1.5, ("a", -0.5), ("b", -1.5))]),
            Said(
                Failed,
                "At temperature 0 an alternative is likelier than the token",
                "'b' (-1.5) is the likeliest",
                "[('a', -0.5), ('b', -1.5)]",
            ),
        ),
        (lambda: logprobs.greedy([entry("b", -0.5)]), None),
        (lambda: logprobs.greedy([entry("b", -0.5, ("a", -0.4999))]), None),
        (
            lambda: logprobs.greedy([entry("b", -0.5, ("a", -0.4998))]),
            Said(
                Failed,
                "At temperature 0 an alternative is likelier than the token",
                "'b' (-0.5) is the likeliest",
                "[('a', -0.4998)]",
            ),
        ),
        (
            lambda: logprobs.unscaled(
                COLD, [entry("a", -0.8, ("a", -0.8), ("b", -1.3), ("c", -2.3))]
            ),
            Said(
                Failed,
                "Logprobs are those after temperature, not the model's",
                "3.00 nats between 'a' and 'c'",
                "1.50 nats at temperature 2",
            ),
        ),
        (lambda: logprobs.unscaled(COLD, [entry("a", -0.8, ("a", -0.8), ("c", -3.05))]), None),
        (
            lambda: logprobs.unscaled(COLD, [entry("a", -0.8, ("a", -0.8), ("c", -3.04))]),
            Said(
                Failed,
                "Logprobs are those after temperature, not the model's",
                "3.00 nats between 'a' and 'c'",
                "2.24 nats at temperature 2",
            ),
        ),
        (
            lambda: logprobs.unscaled(
                [entry("a", -0.5, ("a", -0.5), ("b", -1.0))],
                [entry("a", -0.5, ("a", -0.5), ("b", -0.75))],
            ),
            Said(
                Failed,
                "Logprobs are those after temperature, not the model's",
                "0.50 nats between 'a' and 'b'",
                "0.25 nats at temperature 2",
            ),
        ),
        (
            lambda: logprobs.unscaled([entry("a", -0.5, ("a", -0.5), ("b", -0.9))], COLD),
            Said(
                Inconclusive,
                (
                    "The first token's alternatives are too close to tell: another prompt would "
                    "decide"
                ),
                cause="The model's own answer does not allow the check",
            ),
        ),
        (
            lambda: logprobs.unscaled(COLD, []),
            Said(
                Inconclusive,
                (
                    "The first token's alternatives are too close to tell: another prompt would "
                    "decide"
                ),
                cause="The model's own answer does not allow the check",
            ),
        ),
        (
            lambda: logprobs.unscaled(
                [COLD[0], entry("d", -9.0, ("d", -9.0))], [COLD[0], entry("d", 0.0, ("d", 0.0))]
            ),
            None,
        ),
        (
            lambda: legacy(tokens=["a"]).checked(),
            Said(
                Failed,
                "The lists of legacy logprobs differ in length",
                "one entry a token in each",
                "{'tokens': 1, 'token_logprobs': 2, 'text_offset': 2, 'top_logprobs': 2}",
            ),
        ),
        (
            lambda: legacy(top_logprobs=[]).checked(),
            Said(
                Failed,
                "The lists of legacy logprobs differ in length",
                "one entry a token in each",
                "{'tokens': 2, 'token_logprobs': 2, 'text_offset': 2, 'top_logprobs': 0}",
            ),
        ),
        (lambda: legacy(top_logprobs=None).checked(), None),
        (
            lambda: logprobs.chat_style(
                {"content": [{"token": "a"}], "tokens": None, "refusal": None}
            ),
            Said(
                Failed,
                "A legacy completion answers with chat-style logprobs",
                "tokens, token_logprobs, top_logprobs, text_offset",
                "['content']",
            ),
        ),
        (lambda: logprobs.chat_style({"content": [{"token": "a"}], "tokens": ["a"]}), None),
        (lambda: logprobs.chat_style({"content": [], "tokens": []}), None),
        (lambda: logprobs.chat_style(None), None),
        (
            lambda: logprobs.legacy_spell("a c", legacy()),
            Said(Failed, "The scored tokens do not spell the text", "a c", "a b"),
        ),
        (
            lambda: logprobs.legacy_spell("a b", legacy(text_offset=[0, 2])),
            Said(Failed, "`text_offset` does not say where the tokens begin", "[0, 1]", "[0, 2]"),
        ),
        (
            lambda: logprobs.legacy_spell(
                "a bc", legacy(tokens=["a", " b", "c"], text_offset=[7, 8, 10])
            ),
            None,
        ),
        (lambda: logprobs.ends_with("b", legacy()), None),
        (
            lambda: logprobs.ends_with("a", legacy()),
            Said(Failed, "The scored tokens do not spell the text", "a", "a b"),
        ),
        (
            lambda: logprobs.legacy_alternatives(legacy(top_logprobs=None), 5),
            Said(
                Silent,
                "`logprobs` 5 does not give 5 alternatives",
                "5 alternatives a token",
                "[]",
                cause="`logprobs` gives fewer alternatives than asked for",
            ),
        ),
        (
            lambda: logprobs.legacy_alternatives(legacy(top_logprobs=[None, {"a": -1.0}]), 2),
            Said(
                Silent,
                "`logprobs` 2 does not give 2 alternatives",
                "2 alternatives a token",
                "[0, 1]",
                cause="`logprobs` gives fewer alternatives than asked for",
            ),
        ),
        (
            lambda: logprobs.legacy_alternatives(
                legacy(top_logprobs=[{"a": -1.0, "b": -2.0, "c": -3.0}, {}]), 1
            ),
            Said(
                Failed,
                "`logprobs` 1 gives more than 1 alternatives and the token",
                "at most 2",
                "[3, 0]",
            ),
        ),
        (lambda: logprobs.legacy_alternatives(legacy(top_logprobs=[None, None]), 0), None),
        (
            lambda: logprobs.legacy_probabilities(legacy(token_logprobs=[None, 0.5])),
            Said(Failed, "A logprob is above 0", "at most 0 (+0.0001)", "0.5"),
        ),
        (lambda: logprobs.legacy_probabilities(legacy(token_logprobs=[None, 1e-4])), None),
        (lambda: logprobs.legacy_probabilities(legacy(token_logprobs=[None, None])), None),
        (
            lambda: logprobs.prompt_scored(4, 2, legacy()),
            Said(Silent, "`echo` with `logprobs` scores no prompt token", "4 + 2 positions", "2"),
        ),
        (
            lambda: logprobs.prompt_scored(4, 1, legacy(token_logprobs=[None, -0.2])),
            Said(
                Failed,
                "`echo` with `logprobs` does not score every position once",
                "4 + 1 positions",
                "2",
            ),
        ),
        (
            lambda: logprobs.prompt_scored(1, 1, legacy(token_logprobs=[None, None])),
            Said(
                Failed,
                "Other positions than the first have no logprob",
                "null at position 0 alone",
                "null at [0, 1]",
            ),
        ),
        (
            lambda: logprobs.prompt_scored(1, 1, legacy()),
            Said(
                Failed,
                "Other positions than the first have no logprob",
                "null at position 0 alone",
                "null at []",
            ),
        ),
    ],
)
def test_what_is_said_of_them(check, verdict):
    assert said(check) == verdict
