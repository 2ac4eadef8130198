"""The checks of log probabilities pass on good data and fail on each kind of bad data."""

from __future__ import annotations

import math

import pytest
from openai.types.chat import ChatCompletionTokenLogprob

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
    token = ChatCompletionTokenLogprob(token="a", logprob=-1.0, bytes=None, top_logprobs=[])
    logprobs.spell([token], "a")


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
