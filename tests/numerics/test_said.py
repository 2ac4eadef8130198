"""What a text can have been made of: production's tokens, or the kindest departure from them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from tokenizers import AddedToken, decoders, models
from tokenizers import Tokenizer as Fast

from conformance.api.numerics import said
from conformance.compare.divergences import divergences
from conformance.compare.tokens import Tokenizer
from fixtures.snapshots import Recorded

WORDS = ["<end>", "foo", "foob", "bar", "az", "b", "x", "foobar"]
END, FOO, FOOB, BAR, AZ, B, X, FOOBAR = range(len(WORDS))
PROMPT = [X, X]


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    folder = tmp_path_factory.mktemp("model")
    fast = Fast(models.BPE({word: id for id, word in enumerate(WORDS)}, []))
    fast.add_special_tokens([AddedToken("<end>", special=True)])
    fast.decoder = decoders.Fuse()
    fast.save(str(folder / "tokenizer.json"))
    return Tokenizer(folder)


def production(answer: list[int], *rows: dict[int, float]) -> Recorded:
    """An answer, and the probabilities of some tokens where it was chosen."""
    ids, logits = [], []
    for row in rows:
        rest = (1 - sum(row.values())) / (len(WORDS) - len(row))
        whole = {id: row.get(id, rest) for id in range(len(WORDS))}
        order = sorted(whole, key=lambda id, whole=whole: -whole[id])
        ids.append(order)
        logits.append([math.log(whole[id]) for id in order])
    first = len(PROMPT) - 1
    return Recorded(
        token_ids=np.array([*PROMPT, *answer], dtype=np.int32),
        prompt_length=len(PROMPT),
        positions=np.arange(first, first + len(rows), dtype=np.int32),
        top_ids=np.array(ids, dtype=np.int32),
        top_logits=np.array(logits, dtype=np.float32),
        logsumexp=np.zeros(len(rows), dtype=np.float32),
    )


SURE = production([FOO, BAR, END], {FOO: 0.9}, {BAR: 0.9}, {END: 0.9})
TORN = production([FOO, BAR, END], {FOO: 0.46, FOOB: 0.44}, {BAR: 0.9}, {END: 0.9})
CUT = production([FOO, BAR], {FOO: 0.9}, {BAR: 0.9})


def margin(text: str, recorded: Recorded, tokenizer: Tokenizer) -> float:
    """By how much production preferred its own where the text leaves it; 0 where it does not."""
    found = divergences({"p": recorded}, {"p": said.tokens(text, recorded, tokenizer)})
    return found[0].margin if found else 0.0


@pytest.mark.parametrize("recorded", [SURE, TORN, CUT])
def test_the_same_text_is_the_same_tokens(recorded: Recorded, tokenizer: Tokenizer) -> None:
    found = said.tokens("foobar", recorded, tokenizer)
    assert found == recorded.token_ids[recorded.prompt_length :].tolist()


def test_another_text_is_told_with_its_margin(tokenizer: Tokenizer) -> None:
    assert said.tokens("fooaz", SURE, tokenizer) == [FOO, AZ]
    assert margin("fooaz", SURE, tokenizer) == pytest.approx(math.log(0.9 / (0.1 / 7)), abs=1e-4)
    assert said.tokens("x", SURE, tokenizer) == [X]


def test_the_kindest_way_to_make_a_text_is_assumed(tokenizer: Tokenizer) -> None:
    """ "foobaz" is foob az, where production was torn, and not foo b az, where it was sure."""
    assert said.tokens("foobaz", TORN, tokenizer) == [FOOB]
    assert margin("foobaz", TORN, tokenizer) == pytest.approx(math.log(0.46 / 0.44), abs=1e-4)


def test_an_answer_that_ends_early_or_goes_on(tokenizer: Tokenizer) -> None:
    assert said.tokens("foo", SURE, tokenizer) == [FOO, END]
    assert margin("foo", SURE, tokenizer) > 1 and margin("foobarx", SURE, tokenizer) > 1


def test_a_text_that_nothing_makes(tokenizer: Tokenizer) -> None:
    assert said.tokens("foo?", SURE, tokenizer) == [FOO, said.UNKNOWN]
    assert margin("foo?", SURE, tokenizer) > 1


def test_a_character_that_is_cut_is_no_departure(tokenizer: Tokenizer) -> None:
    assert margin("foobar\N{REPLACEMENT CHARACTER}", CUT, tokenizer) == 0.0
