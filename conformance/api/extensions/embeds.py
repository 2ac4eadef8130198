"""A prompt's embeddings, from the served model's own weights."""

from __future__ import annotations

import base64
import io
from pathlib import Path

from conformance.outcomes import Inconclusive

NAMES = ("model.embed_tokens.weight", "embed_tokens.weight")


def encoded(folder: str | None, ids: list[int]) -> str:
    """The embeddings `[tokens, hidden]` of token ids, as `torch.save` writes them, in base64.

    Raises:
        Inconclusive: the model's weights are not at hand as safetensors.
    """
    import torch
    from safetensors import safe_open

    for file in sorted(Path(folder).glob("*.safetensors")) if folder else []:
        with safe_open(file, "pt") as weights:
            for name in set(NAMES).intersection(weights.keys()):
                buffer = io.BytesIO()
                torch.save(weights.get_tensor(name)[ids].clone(), buffer)
                return base64.b64encode(buffer.getvalue()).decode()
    raise Inconclusive(
        "The served model's embeddings are not known: --tokenizer DIR with its weights would "
        "decide",
        cause="The served model's weights are not known",
    )
