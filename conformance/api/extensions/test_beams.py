"""Beam search, as production offers it: the likeliest whole answers, best first."""

from __future__ import annotations

from conformance.api.extensions.ways import Ways, both_ways, on_both, said
from conformance.api.prompts import Prompts
from conformance.api.sampling import cases
from conformance.api.sampling.drawing import FORMS
from conformance.compare import extensions, metamorphic
from conformance.requirements import SHOULD, requirement

SOURCE = "vLLM: use_beam_search, n beams"


@requirement(
    "api/extensions/beams",
    SHOULD,
    source=SOURCE,
    profiles=("api",),
    honours=on_both("use_beam_search", "n"),
)
@both_ways
def test_beams(calibrated: None, ways: Ways, way: str) -> None:
    """With `use_beam_search` the `n` choices SHOULD be the likeliest answers as a whole, best
    first.

    Translation is served so: the best sentence begins with the best word only now and then.
    """
    asked = {"use_beam_search": True, "n": 4, "max_tokens": 3}
    response = (
        ways.ask.chat(cases.messages(cases.TREE), **asked)
        if way == FORMS[0]
        else ways.ask.complete(cases.rendered(cases.TREE), **asked)
    )
    texts = [
        choice["message"]["content"] if way == FORMS[0] else choice["text"]
        for choice in said(response).body["choices"]
    ]
    extensions.beams(texts, cases.known(cases.TREE).likeliest(2), 4)


@requirement(
    "api/extensions/one-beam",
    SHOULD,
    source=SOURCE,
    profiles=("api",),
    accepts=on_both("use_beam_search", "length_penalty"),
)
@both_ways
def test_one_beam(ways: Ways, prompts: Prompts, way: str) -> None:
    """A single beam SHOULD be the greedy answer, whatever the `length_penalty`.

    There is nothing to weigh against it.
    """
    greedy = ways.say(way, prompts.words, max_tokens=16)
    asked = {"use_beam_search": True, "n": 1, "length_penalty": 2.0}
    found = ways.say(way, prompts.words, max_tokens=16, **asked)
    metamorphic.alike(greedy.text, found.text, "The greedy answer and a single beam")
