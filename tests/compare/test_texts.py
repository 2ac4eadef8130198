"""Each comparison of answers passes on good data and gives the right judgement on bad data."""

from __future__ import annotations

import pytest
from openai.types import CompletionUsage

from conformance.compare import texts
from conformance.outcomes import Failed, Inconclusive, Silent


def usage(prompt: int, completion: int, total: int) -> CompletionUsage:
    return CompletionUsage(prompt_tokens=prompt, completion_tokens=completion, total_tokens=total)


def test_good_data_passes():
    texts.cut(3, "length", 3, "max_tokens")
    texts.cut_by_default(16, "length", 16)
    texts.ended("stop")
    texts.equal("a", "a", "")
    texts.distinct(["a", "b"], "")
    texts.detokenised("a b\nc")
    texts.seeded(["a", "a", "a"])
    texts.varied(["a", "a", "b"], "")
    texts.narrowed("a b", "a b", "top_p")
    texts.choices([0, 1], 2, "`n`")
    texts.choices([1, 0], 2, "`n`")
    texts.in_order(["a", "b"], ["a", "b"])
    texts.echoed("p", "c", "pc")
    texts.counted_for_all(8, ["length", "length"], 4)
    texts.counted_for_all(6, ["length", "stop"], 4)
    texts.total(usage(2, 3, 5))
    texts.prompt_count(5, 5)
    texts.longer_prompt(5, 12, "it", least=7)
    texts.end_counted(5, 4)


@pytest.mark.parametrize(
    ("check", "arguments", "outcome"),
    [
        (texts.cut, (9, "stop", 3, "max_tokens"), Silent),
        (texts.cut, (9, "length", 3, "max_tokens"), Silent),
        (texts.cut, (2, "length", 3, "max_tokens"), Failed),
        (texts.cut, (3, "stop", 3, "max_tokens"), Failed),
        (texts.cut, (2, "stop", 3, "max_tokens"), Inconclusive),
        (texts.cut_by_default, (78, "stop", 16), Failed),
        (texts.cut_by_default, (16, "stop", 16), Failed),
        (texts.cut_by_default, (4, "stop", 16), Inconclusive),
        (texts.ended, ("length",), Inconclusive),
        (texts.ended, ("eos",), Failed),
        (texts.equal, ("a", "b", "differ"), Failed),
        (texts.distinct, (["a", "a"], "same"), Failed),
        (texts.distinct, ([""], "empty"), Failed),
        (texts.detokenised, ("aĠb",), Failed),
        (texts.detokenised, ("a▁b",), Failed),
        (texts.seeded, (["a", "b", "c"],), Silent),
        (texts.seeded, (["a", "a", "c"],), Inconclusive),
        (texts.varied, (["a", "a"], "same"), Silent),
        (texts.narrowed, ("a b", "x y", "top_p"), Silent),
        (texts.narrowed, ("a b", "", "top_p"), Silent),
        (texts.narrowed, ("a b", "a c", "top_p"), Inconclusive),
        (texts.choices, ([0], 2, "`n`"), Silent),
        (texts.choices, ([0, 0], 2, "`n`"), Failed),
        (texts.choices, ([1], 1, "`n`"), Failed),
        (texts.in_order, (["a", "b"], ["b", "a"]), Failed),
        (texts.in_order, (["a", "b"], ["x", "y"]), Failed),
        (texts.in_order, (["a", "b"], ["a", "y"]), Inconclusive),
        (texts.echoed, ("p", "c", "c"), Silent),
        (texts.echoed, ("p", "c", "p"), Failed),
        (texts.echoed, ("p", "c", "cp"), Failed),
        (texts.echoed, ("p", "c", "pd"), Inconclusive),
        (texts.counted_for_all, (4, ["length", "length"], 4), Failed),
        (texts.counted_for_all, (9, ["stop", "stop"], 4), Failed),
        (texts.total, (usage(2, 3, 6),), Failed),
        (texts.total, (usage(-2, 3, 1),), Failed),
        (texts.prompt_count, (4, 5), Failed),
        (
            texts.longer_prompt,
            (
                5,
                5,
                "it",
            ),
            Silent,
        ),
        (texts.end_counted, (4, 4), Failed),
        (texts.end_counted, (3, 4), Failed),
        (texts.end_counted, (6, 4), Inconclusive),
    ],
)
def test_bad_data_is_judged(check, arguments, outcome):
    options = {"least": 7} if check is texts.longer_prompt else {}
    with pytest.raises(outcome):
        check(*arguments, **options)
