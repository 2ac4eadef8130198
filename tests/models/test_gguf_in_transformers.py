"""transformers, which reads GGUF by its own code, finds the scripted model in the exported file."""

from __future__ import annotations

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from fixtures.models.gguf import write
from fixtures.models.scripted import CHECKPOINT, describe

SCRIPTS = describe.load()["scripts"]


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gguf")
    write(CHECKPOINT, folder / "scripted.gguf", lambda stage, detail: None)
    return folder


@pytest.fixture(scope="module")
def read_back(exported):
    auto = AutoModelForCausalLM
    return auto.from_pretrained(exported, gguf_file="scripted.gguf", dtype=torch.float32).eval()


@torch.inference_mode()
def test_the_right_token_of_every_step_leads(read_back):
    """In one pass over prompt and answer: what leads at every step is what greedy text says."""
    for script in SCRIPTS:
        prompt, answer = script["prompt_token_ids"], script["token_ids"]
        logits = read_back(torch.tensor([prompt + answer]), use_cache=False).logits[0]
        steps = logits[len(prompt) - 1 : -1].argmax(-1)
        assert steps.tolist() == answer, script["name"]


@torch.inference_mode()
def test_logits_are_the_checkpoints(read_back):
    checkpoint = AutoModelForCausalLM.from_pretrained(CHECKPOINT, dtype=torch.float32).eval()
    for script in SCRIPTS[:5]:
        ids = torch.tensor([script["prompt_token_ids"] + script["token_ids"]])
        assert torch.equal(read_back(ids).logits, checkpoint(ids).logits), script["name"]


def test_a_prompt_has_the_same_tokens(exported):
    tokenizer = AutoTokenizer.from_pretrained(exported, gguf_file="scripted.gguf")
    published = AutoTokenizer.from_pretrained(CHECKPOINT)
    for script in SCRIPTS:
        assert tokenizer.encode(script["rendered"]) == script["prompt_token_ids"]
    assert tokenizer.chat_template == published.chat_template
