"""What sampling parameters make of a known distribution, in production's order or in another.

The order is that of vLLM's sampler (`vllm/v1/sample/sampler.py`): the grammar's mask first, then
`allowed_token_ids`, `bad_words`, `logit_bias`, penalties, `temperature`, `min_p`, `top_k`, `top_p`.
Scores are natural logarithms of probabilities, up to a constant.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from conformance.compare.frequencies import OTHER, Explanation, Ranges, ignored, otherwise

Scores = dict[str, float]
"""By text of a token."""

Parameters = Mapping[str, Any]
"""As in a request, with the texts of tokens in place of their ids: `logit_bias: {"A": 1}`,
`allowed_token_ids: ["A"]`; `bad_words` as tuples of tokens, and `structured_outputs` as the tuples
of tokens that the constraint allows."""

ERROR = 0.03
"""How far, relatively, a probability of the calibrated model may be from the stated one: in
bfloat16 2.2% was measured, and an engine's own rounding comes on top."""

REST = 0.01
"""What all tokens without a stated probability may have together, before any step."""

_REST_OF_ONE = 1e-3
"""What one of them may have."""


def _keep(scores: Scores, tokens: object) -> Scores:
    assert isinstance(tokens, Sequence | set | frozenset)
    return {token: score for token, score in scores.items() if token in tokens}


def _constrained(scores: Scores, answers: Any, before: Sequence[str]) -> Scores:
    done = len(before)
    following = {
        each[done] for each in answers if len(each) > done and each[:done] == tuple(before)
    }
    return _keep(scores, {*following, OTHER})  # a token that spells a part of one is allowed


def _allowed(scores: Scores, tokens: Any, before: Sequence[str]) -> Scores:
    return _keep(scores, tokens)


def _without_bad_words(scores: Scores, words: Any, before: Sequence[str]) -> Scores:
    banned = {
        word[-1] for word in words if tuple(before[len(before) - len(word) + 1 :]) == word[:-1]
    }
    return _keep(scores, set(scores) - banned)


def _biased(scores: Scores, bias: Any, before: Sequence[str]) -> Scores:
    return {token: score + bias.get(token, 0.0) for token, score in scores.items()}


def _frequency(scores: Scores, penalty: Any, before: Sequence[str]) -> Scores:
    counts = Counter(before)
    return {token: score - penalty * counts[token] for token, score in scores.items()}


def _presence(scores: Scores, penalty: Any, before: Sequence[str]) -> Scores:
    return {token: score - penalty * (token in before) for token, score in scores.items()}


def _temperature(scores: Scores, temperature: Any, before: Sequence[str]) -> Scores:
    return {token: score / temperature for token, score in scores.items()}


def _min_p(scores: Scores, least: Any, before: Sequence[str]) -> Scores:
    bound = max(scores.values()) + math.log(least)
    return {token: score for token, score in scores.items() if score >= bound}


def _top_k(scores: Scores, count: Any, before: Sequence[str]) -> Scores:
    return dict(_best_first(scores)[:count])


def _top_p(scores: Scores, mass: Any, before: Sequence[str]) -> Scores:
    kept: Scores = {}
    seen = 0.0
    probabilities = normalised(scores)
    for token, score in _best_first(scores):
        if seen >= mass:
            break
        kept[token] = score
        seen += probabilities[token]
    return kept


STEPS: dict[str, Callable[[Scores, Any, Sequence[str]], Scores]] = {
    "structured_outputs": _constrained,
    "allowed_token_ids": _allowed,
    "bad_words": _without_bad_words,
    "logit_bias": _biased,
    "frequency_penalty": _frequency,
    "presence_penalty": _presence,
    "temperature": _temperature,
    "min_p": _min_p,
    "top_k": _top_k,
    "top_p": _top_p,
}
"""By the parameter's name, in production's order."""


def normalised(scores: Scores) -> dict[str, float]:
    """Probabilities of scores."""
    highest = max(scores.values())
    weights = {token: math.exp(score - highest) for token, score in scores.items()}
    total = math.fsum(weights.values())
    return {token: weight / total for token, weight in weights.items()}


@dataclass(frozen=True)
class Known:
    """A calibrated prompt: the distribution after each beginning of an answer.

    Attributes:
        steps: by the tokens so far, the probabilities of the next one.
        ids: of the tokens, by their text.
    """

    steps: Mapping[tuple[str, ...], Mapping[str, float]]
    ids: Mapping[str, int] = field(default_factory=dict)

    def answers(self, parameters: Parameters, tokens: int, order: Sequence[str] = ()) -> Ranges:
        """The distribution of answers of so many tokens.

        Args:
            order: the parameters' names in the order in which they are applied; production's if
                empty.
        """
        leaves: dict[tuple[str, ...], float] = {(): 1.0}
        rest = 0.0
        for _ in range(tokens):
            reached: dict[tuple[str, ...], float] = {}
            for before, probability in leaves.items():
                scores = self._scores(before, parameters, order)
                if OTHER in scores:
                    rest += probability * REST
                    del scores[OTHER]
                if not scores:  # nothing is left, and whatever comes is no listed answer
                    rest += probability
                    continue
                for token, share in normalised(scores).items():
                    reached[*before, token] = probability * share
            leaves = reached
        return _ranges(leaves, rest, parameters.get("temperature", 1.0))

    def likeliest(self, tokens: int) -> dict[str, float]:
        """The stated probability of each answer of so many tokens, without any parameter."""
        leaves: dict[tuple[str, ...], float] = {(): 1.0}
        for _ in range(tokens):
            leaves = {
                (*before, token): probability * share
                for before, probability in leaves.items()
                for token, share in self.steps[before].items()
            }
        return {"".join(tokens): probability for tokens, probability in leaves.items()}

    def _scores(
        self, before: tuple[str, ...], parameters: Parameters, order: Sequence[str]
    ) -> Scores:
        scores = {token: math.log(share) for token, share in self.steps[before].items()}
        scores[OTHER] = math.log(_REST_OF_ONE)
        for name in order or STEPS:
            if name in parameters and scores:
                scores = STEPS[name](scores, parameters[name], before)
        return scores

    def explanations(self, parameters: Parameters, tokens: int) -> list[Explanation]:
        """What a target may do instead that can be told from production: ignore a parameter, take
        the likeliest token always, or apply the parameters in another order."""
        found = []
        for name in parameters:
            without = {other: value for other, value in parameters.items() if other != name}
            found.append(ignored(f"`{name}`", self.answers(without, tokens)))
        if len(parameters) > 1:
            named = " with ".join(f"`{name}`" for name in parameters)
            found.append(ignored(named, self.answers({}, tokens)))
        best = self.answers({**parameters, "top_k": 1}, tokens)
        found.append(otherwise("Every answer is the likeliest one, and none is drawn", best))
        right = [name for name in STEPS if name in parameters]
        for order in itertools.permutations(right):
            if list(order) != right:
                how = f"{_in_words(order)}: production applies {_in_words(right)}"
                found.append(otherwise(how, self.answers(parameters, tokens, order)))
        expected = self.answers(parameters, tokens)
        # Where another order leaves no token at all, anything may come.
        return [
            each for each in found if len(each.ranges.of) > 1 and not _alike(each.ranges, expected)
        ]


def _ranges(leaves: Mapping[tuple[str, ...], float], rest: float, temperature: float) -> Ranges:
    found = {OTHER: (0.0, min(1.0, rest))}
    if len(leaves) == 1 and not rest:
        return Ranges({**found, **{"".join(tokens): (1.0, 1.0) for tokens in leaves}})
    for tokens, probability in leaves.items():
        # A temperature below 1 makes more of an error; and what the rest takes, the others lack.
        spread = math.exp(2 * ERROR * len(tokens) / min(1.0, temperature))
        least = probability / spread * (1 - REST) ** len(tokens)
        found["".join(tokens)] = least, min(1.0, probability * spread)
    return Ranges(found)


def _alike(one: Ranges, other: Ranges) -> bool:
    """Whether no number of answers tells two distributions apart: their ranges overlap all over."""
    return all(
        one.of.get(kind, (0.0, 0.0))[0] <= other.of.get(kind, (0.0, 0.0))[1]
        and other.of.get(kind, (0.0, 0.0))[0] <= one.of.get(kind, (0.0, 0.0))[1]
        for kind in {*one.of, *other.of}
    )


def _in_words(order: Sequence[str]) -> str:
    return ", then ".join(f"`{name}`" for name in order)


def _best_first(scores: Scores) -> list[tuple[str, float]]:
    return sorted(scores.items(), key=lambda each: -each[1])
