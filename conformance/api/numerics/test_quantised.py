"""What a user may expect of a server whose weights are quantised."""

from __future__ import annotations

from conformance.api.ask import Ask
from conformance.api.numerics import rounded
from conformance.api.numerics.session import Numerics
from conformance.requirements import MUST, SHOULD, requirement

QUANTIZED = ("numerics-quantized",)
SOURCE = (
    "The same model with its weights rounded as MLX and llama.cpp round them, compared with vLLM "
    "on CUDA: docs/quantised.md"
)


@requirement("numerics/quantized/four-bits", MUST, source=SOURCE, profiles=QUANTIZED)
def test_four_bits(numerics: Numerics) -> None:
    """The server MUST be no further from production than weights of 4 bits take it.

    "It is only the quantisation" excuses every wrong answer until somebody knows what quantisation
    costs; a wrong rotary base or a mangled group of weights costs more.
    """
    rounded.no_further(numerics, 4)


@requirement("numerics/quantized/eight-bits", SHOULD, source=SOURCE, profiles=QUANTIZED)
def test_eight_bits(numerics: Numerics) -> None:
    """The server SHOULD be no further from production than weights of 8 bits take it.

    8 bits are hardly told apart from production; 4 bits are another model in one token of ten.
    """
    rounded.no_further(numerics, 8)


@requirement("numerics/quantized/greedy-text", MUST, source=SOURCE, profiles=QUANTIZED)
def test_greedy_text(numerics: Numerics, ask: Ask) -> None:
    """Greedy text MUST be production's until a token that weights of 4 bits overturn.

    What the scripted model knows by heart they do not: its tokens lead by 11 nats, of which they
    take no more than 5, and whatever changes one is no rounding.
    """
    rounded.text(numerics, ask, 4)
