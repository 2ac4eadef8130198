"""A prompt given as embeddings in place of tokens."""

from __future__ import annotations

from conformance.api.extensions.embeds import encoded
from conformance.api.extensions.ways import Ways, said
from conformance.api.prompts import Prompts
from conformance.compare import metamorphic
from conformance.requirements import MAY, requirement
from conformance.targets.server import ServerTarget


@requirement(
    "api/extensions/prompt-embeds",
    MAY,
    source="vLLM: prompt_embeds, torch.save in base64; refused but with --enable-prompt-embeds",
    profiles=("api",),
    honours="completions.create: prompt_embeds",
)
def test_prompt_embeds(ways: Ways, prompts: Prompts, target: ServerTarget) -> None:
    """A server MAY take `prompt_embeds`, and then completes the embeddings of a prompt's tokens as
    it does the tokens.

    Prompts that were tuned as vectors have no tokens at all.
    """
    ids = ways.tokenizer.encode(prompts.series)
    whole = said(ways.ask.complete(ids, max_tokens=6))
    embeds = encoded(target.tokenizer_dir, ids)
    found = said(ways.ask.complete([], prompt_embeds=embeds, max_tokens=6))
    metamorphic.alike(whole.text, found.text, "Completions of a prompt and of its embeddings")
