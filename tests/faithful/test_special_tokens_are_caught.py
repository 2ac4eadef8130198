"""What says whether a prompt begins with the tokenizer's own special tokens, on a model whose
tokenizer has such."""

from __future__ import annotations

import shutil

import pytest
from tokenizers import Tokenizer
from tokenizers.processors import TemplateProcessing

import fixtures.models
from tests import several_runs
from tests.faithful.engine import Engine
from tests.faithful.server import FaithfulServer

BEGIN = "<|endoftext|>"
MEASURED = [
    "conformance/api/extensions/test_prompts.py::test_special_tokens",
    "conformance/api/tokens/test_tokenize.py::test_special_tokens",
]
HEEDED = {
    "api/extensions/special-tokens[chat]": "PASS",
    "api/extensions/special-tokens[completions]": "PASS",
    "api/tokens/special-tokens[with]": "PASS",
    "api/tokens/special-tokens[without]": "PASS",
}
IGNORED = HEEDED | {
    "api/extensions/special-tokens[chat]": "SILENT",
    "api/extensions/special-tokens[completions]": "SILENT",
    "api/tokens/special-tokens[without]": "FAIL",
}


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    """The scripted model, with a tokenizer that begins each text with a special token."""
    folder = tmp_path_factory.mktemp("begins") / "scripted"
    shutil.copytree(fixtures.models.path("scripted"), folder)
    written = str(folder / "tokenizer.json")
    tokenizer = Tokenizer.from_file(written)
    begin = tokenizer.token_to_id(BEGIN)
    tokenizer.post_processor = TemplateProcessing(
        single=f"{BEGIN} $A", special_tokens=[(BEGIN, begin)]
    )
    tokenizer.save(written)
    return Engine(folder)


@pytest.mark.parametrize(("mode", "wanted"), [("good", HEEDED), ("ignores-all", IGNORED)])
def test_add_special_tokens(engine, tmp_path, mode, wanted):
    with FaithfulServer(engine, mode) as server:
        target = ["--base-url", server.base_url, "--tokenizer", str(engine.folder)]
        several_runs.run([[*MEASURED, *target, "--report", str(tmp_path)]], timeout_s=120)
    assert several_runs.outcomes(tmp_path) == wanted
