"""What vLLM's own parameters make of a greedy answer, beside the answer without them."""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Mapping, Sequence

from conformance.compare.logprobs import ROUNDING
from conformance.outcomes import Failed, Inconclusive, Silent


def unsuitable(what: str) -> Inconclusive:
    """The model's own answer leaves nothing to see."""
    return Inconclusive(
        f"{what}: another model would decide",
        cause="The model's own answer does not allow the check",
    )


def ended_by_itself(finish_reason: str | None) -> None:
    """An answer that the model ended. Raises Inconclusive where it was cut."""
    if finish_reason != "stop":
        raise unsuitable("The answer did not end by itself")


def longer(parameter: str, tokens: int, finish_reason: str | None, wanted: int) -> None:
    """An answer that was kept from ending, up to exactly `wanted` tokens.

    Raises:
        Silent: it ended all the same.
        Failed: it has another length, or gives another finish reason.
    """
    if tokens < wanted:
        raise Silent(
            f"`{parameter}` is accepted and ignored",
            expected=f"{wanted} tokens",
            actual=f"{tokens} tokens, {finish_reason}",
        )
    if tokens != wanted or finish_reason != "length":
        raise Failed(
            f"`{parameter}` gives an answer of another length",
            expected=f"{wanted} tokens, length",
            actual=f"{tokens} tokens, {finish_reason}",
        )


def changed(parameter: str, plain: str, found: str) -> None:
    """The answer is another one than without the parameter. Raises Silent."""
    if found == plain:
        raise Silent(
            f"`{parameter}` is accepted and ignored",
            expected=f"another answer than {plain!r}",
            actual=repr(found),
        )


def same_answer(parameter: str, wanted: str, found: str, plain: str | None = None) -> None:
    """The answer is the wanted one.

    Args:
        plain: the answer without the parameter, where that would be another.

    Raises:
        Silent: it is the plain one.
        Failed: it is another.
    """
    if found == wanted:
        return
    if plain is not None and found == plain:
        raise Silent(
            f"`{parameter}` is accepted and ignored", expected=repr(wanted), actual=repr(found)
        )
    raise Failed(
        f"`{parameter}` gives another answer than it has to",
        expected=repr(wanted),
        actual=repr(found),
    )


def cut_at(parameter: str, plain: str, found: str, kept: str) -> None:
    """The answer is the plain one up to `kept`.

    Raises:
        Silent: it runs on.
        Failed: it is cut elsewhere.
    """
    same_answer(parameter, kept, found, plain)


def without(parameter: str, plain: str, found: str, word: str) -> None:
    """The answer begins otherwise than with `word`, as the plain one does.

    Raises:
        Silent: it is the plain one.
        Failed: it begins with the word all the same.
    """
    if found == plain:
        changed(parameter, plain, found)
    # "windows" is another word than "window", and one token of its own.
    if re.match(rf"{re.escape(word)}(?!\w)", found.lstrip()):
        raise Failed(
            f"`{parameter}` does not keep the word out", expected=f"not {word!r}", actual=found
        )


def made_of(parameter: str, token: str, times: int, text: str) -> None:
    """The answer is `times` times the token.

    Raises:
        Silent: the token is not in it.
        Failed: there is anything besides.
    """
    if token.strip() not in text:
        raise Silent(
            f"`{parameter}` is accepted and ignored",
            expected=repr(token * times),
            actual=repr(text),
        )
    if text.strip() != (token * times).strip():
        raise Failed(
            f"`{parameter}` lets other tokens through",
            expected=repr(token * times),
            actual=repr(text),
        )


def side_by_side(special: str, times: int, text: str) -> None:
    """The answer is `times` times a special token, with nothing between them.

    Raises:
        Silent: there are spaces between them, or special tokens are left out.
        Failed: there is anything besides.
    """
    if text.split() == [special] * times:
        raise Silent(
            "`spaces_between_special_tokens` is accepted and ignored",
            expected=repr(special * times),
            actual=repr(text),
        )
    made_of("skip_special_tokens", special, times, text)


def special_shown(parameter: str, plain: str, found: str, special: Sequence[str]) -> None:
    """A special token stands in the answer that stands not in the plain one.

    Raises:
        Silent: none does.
        Failed: one stands in the plain one too.
    """
    if any(name in plain for name in special):
        raise Failed(
            "Special tokens are left in an answer that is to skip them",
            expected="none",
            actual=repr(plain),
        )
    if not any(name in found for name in special):
        raise Silent(
            f"`{parameter}` is accepted and ignored",
            expected=f"an answer with one of {', '.join(special[:5])}",
            actual=repr(found),
        )


def prompt_of(parameter: str, plain: int, found: int, wanted: int) -> None:
    """The prompt has so many tokens, and not those that it has without the parameter.

    Raises:
        Silent: it is as long as without.
        Failed: it has another length.
    """
    if found == wanted:
        return
    if found == plain:
        raise Silent(f"`{parameter}` is accepted and ignored", expected=wanted, actual=found)
    raise Failed(f"`{parameter}` gives a prompt of another length", expected=wanted, actual=found)


def penalised(plain: Sequence[str], found: Sequence[str], prompt: Collection[str]) -> None:
    """No token of the answer is one that was there before, as the plain answer has.

    Tokens of the prompt may recur: these are penalised from the first on, and where they all are,
    the likeliest of them is still the likeliest.

    Raises:
        Silent: the answer is the plain one.
        Failed: a token recurs all the same.
    """
    if len(set(plain)) == len(plain):
        raise unsuitable("No token recurs in the answer")
    changed("repetition_penalty", "".join(plain), "".join(found))
    for before, token in itertools.combinations(found, 2):
        if before == token and token not in prompt:
            raise Failed(
                "A strong `repetition_penalty` lets a token recur at once",
                expected="different tokens",
                actual=list(found),
            )


def exactly(parameter: str, tokens: int, wanted: int) -> None:
    """An answer of exactly so many tokens.

    Raises:
        Silent: it ended before.
        Failed: it has another length.
    """
    if tokens < wanted:
        raise Silent(f"`{parameter}` is accepted and ignored", expected=wanted, actual=tokens)
    if tokens > wanted:
        raise Failed("An end that is forced does not come", expected=wanted, actual=tokens)


def stopped(parameter: str, finish_reason: str | None) -> None:
    """An answer that was ended gives the reason `stop`. Raises Failed."""
    if finish_reason != "stop":
        raise Failed(
            f"An answer that `{parameter}` ended gives another finish reason",
            expected="stop",
            actual=finish_reason,
        )


def ended_early(parameter: str, tokens: int, wanted: int, limit: int) -> None:
    """An answer that was ended at `wanted` tokens.

    Raises:
        Silent: it has all that were allowed.
        Failed: it was ended elsewhere.
    """
    if tokens == wanted:
        return
    if tokens == limit:
        raise Silent(f"`{parameter}` is accepted and ignored", expected=wanted, actual=tokens)
    raise Failed(f"`{parameter}` ends the answer elsewhere", expected=wanted, actual=tokens)


def in_prompt(tokens: Sequence[int], prompt: Sequence[int]) -> None:
    """The tokens stand in the prompt. Raises Inconclusive."""
    if not tokens or not set(tokens) <= set(prompt):
        raise unsuitable("The answer has no token of the prompt")


def scored_prompt(entries: object, prompt: Sequence[int], alternatives: int) -> None:
    """`prompt_logprobs`: one entry a token, null first, each with the token and so many others.

    Raises:
        Silent: there are none.
        Failed: they are otherwise.
    """
    if entries is None:
        raise Silent(
            "`prompt_logprobs` is accepted and ignored",
            expected=f"{len(prompt)} entries",
            actual="none",
        )
    if not isinstance(entries, list) or len(entries) != len(prompt):
        raise Failed(
            "`prompt_logprobs` has not one entry a token of the prompt",
            expected=len(prompt),
            actual=entries if not isinstance(entries, list) else len(entries),
        )
    if entries[0] is not None:
        raise Failed("The first token of the prompt is scored", expected="null", actual=entries[0])
    for token, entry in zip(prompt[1:], entries[1:], strict=True):
        scores = {id: each.get("logprob") for id, each in (entry or {}).items()}
        own = scores.get(str(token))
        counts = range(alternatives, alternatives + 2) if alternatives else range(1, 2)
        if own is None or len(scores) not in counts or max(scores.values()) > ROUNDING:
            raise Failed(
                "An entry of `prompt_logprobs` has not the token of the prompt with its logprob "
                f"and {alternatives} of the likeliest",
                expected=f"token {token}, at most 0",
                actual=entry,
            )


def chosen_alternatives(shown: Sequence[str], wanted: Sequence[str], own: str) -> None:
    """The alternatives are those that were asked for, and the token itself.

    Raises:
        Silent: none of those that were asked for is there.
        Failed: there are others.
    """
    asked = set(wanted) - {own}
    if not asked & set(shown):
        raise Silent(
            "`logprob_token_ids` is accepted and ignored",
            expected=sorted(asked),
            actual=list(shown),
        )
    if set(shown) | {own} != asked | {own}:
        raise Failed(
            "The alternatives are not those of `logprob_token_ids`",
            expected=sorted(asked | {own}),
            actual=sorted(shown),
        )


def as_ids(names: Sequence[str], tokens: Sequence[int]) -> None:
    """Tokens are written as `token_id:7`.

    Raises:
        Silent: they are written as text.
        Failed: they are others.
    """
    wanted = [f"token_id:{token}" for token in tokens]
    if not any(name.startswith("token_id:") for name in names):
        raise Silent(
            "`return_tokens_as_token_ids` is accepted and ignored",
            expected=wanted,
            actual=list(names),
        )
    if list(names) != wanted:
        raise Failed("The tokens are others", expected=wanted, actual=list(names))


def ids_given(parameter: str, found: object, wanted: Sequence[int | str], what: str) -> None:
    """Token ids that were asked for.

    Raises:
        Silent: there are none.
        Failed: they are others.
    """
    if found is None:
        raise Silent(
            f"`{parameter}` is accepted and ignored", expected=f"the ids of {what}", actual="none"
        )
    if found != list(wanted):
        raise Failed(f"The ids of {what} are wrong", expected=list(wanted), actual=found)


def text_given(parameter: str, found: object, wanted: str) -> None:
    """A text that was asked for.

    Raises:
        Silent: there is none.
        Failed: it is another.
    """
    if found is None:
        raise Silent(f"`{parameter}` is accepted and ignored", expected=repr(wanted), actual="none")
    if found != wanted:
        raise Failed(f"`{parameter}` gives another text", expected=repr(wanted), actual=repr(found))


def carries_id(found: object, wanted: str) -> None:
    """An answer's id ends with the request's. Raises Silent."""
    if not isinstance(found, str) or not found.endswith(wanted):
        raise Silent("`request_id` is accepted and ignored", expected=f"…{wanted}", actual=found)


def beginning(answer: str) -> str:
    """The answer's first two words: a model that is given them goes on with a space.

    Raises:
        Inconclusive: the answer has fewer than four words.
    """
    words = answer.split(" ")
    if len(words) < 4 or "" in words:
        raise unsuitable("The answer has too few words to be begun")
    return " ".join(words[:2])


def beams(found: Sequence[str], likeliest: Mapping[str, float], count: int) -> None:
    """The likeliest answers, best first; those of one probability in any order.

    Args:
        likeliest: answers with their probability.

    Raises:
        Silent: there is only one.
        Failed: they are others, or in another order.
    """
    wanted = sorted(likeliest.values(), reverse=True)[:count]
    best = sorted(likeliest, key=lambda answer: -likeliest[answer])[: count + 1]
    if len(found) == 1 < count:
        raise Silent("`use_beam_search` is accepted and ignored", expected=best, actual=list(found))
    own = [likeliest.get(answer, 0.0) for answer in found]
    near = all(abs(one - other) <= 0.1 * other for one, other in zip(own, wanted, strict=False))
    if len(found) != count or len(set(found)) < count or not near:
        raise Failed(
            "The choices of a beam search are not the likeliest answers, best first",
            expected=[f"{answer!r} {likeliest[answer]:.3f}" for answer in best],
            actual=list(found),
        )
