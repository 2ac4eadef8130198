"""A snapshot comes back as it was saved, or is refused with one sentence."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from handmade import checkpoint, recorded, snapshot

from fixtures import snapshots
from fixtures.snapshots import PROVENANCE, TENSORS, Snapshot, SnapshotError


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return checkpoint(tmp_path / "model")


@pytest.fixture
def saved(tmp_path: Path, model: Path) -> Path:
    folder = tmp_path / "snapshot"
    snapshots.save(snapshot(model), folder)
    return folder


@pytest.mark.parametrize("k", [3, 8], ids=["the top", "all"])
@pytest.mark.parametrize("rounded", [True, False], ids=["bfloat16", "float32"])
def test_what_is_saved_comes_back(tmp_path: Path, model: Path, k: int, rounded: bool) -> None:
    logits = np.random.default_rng(2).normal(size=(5, 8)).astype(np.float32)
    if rounded:
        logits = (logits.view(np.uint32) & 0xFFFF0000).view(np.float32)
    before = recorded(logits, [3, 1, 4, 1, 5, 9], prompt=4, first=2, k=k)
    whole = snapshot(model)
    snapshots.save(Snapshot({"prompt": before}, whole.provenance), tmp_path / "snapshot")
    found = snapshots.load(tmp_path / "snapshot", model=model).prompts["prompt"]
    assert found.prompt_length == 4
    for name in ("token_ids", "positions", "top_ids", "top_logits", "logsumexp"):
        np.testing.assert_array_equal(getattr(found, name), getattr(before, name), err_msg=name)


def test_logprobs_are_those_of_the_whole_vocabulary() -> None:
    logits = np.log([[0.5, 0.25, 0.125, 0.125]])
    found = recorded(logits, [0], k=2)
    np.testing.assert_allclose(np.exp(found.logprobs), [[0.5, 0.25]], rtol=1e-6)


@pytest.mark.parametrize("where", [0.1, 0.5, 0.999])
def test_one_flipped_bit_is_refused(saved: Path, where: float) -> None:
    content = bytearray((saved / TENSORS).read_bytes())
    content[int(len(content) * where)] ^= 1
    (saved / TENSORS).write_bytes(content)
    refused(saved, "has sha256")


def test_a_truncated_file_is_refused(saved: Path) -> None:
    (saved / TENSORS).write_bytes((saved / TENSORS).read_bytes()[:-1])
    refused(saved, "has sha256")


@pytest.mark.parametrize("name", [TENSORS, PROVENANCE])
def test_a_missing_file_is_refused(saved: Path, name: str) -> None:
    (saved / name).unlink()
    refused(saved, f"lacks {name}")


def test_another_format_is_refused(saved: Path) -> None:
    edit(saved, format=99)
    refused(saved, "has format 99")


@pytest.mark.parametrize("text", ["", "{", "[]", "{}"])
def test_provenance_that_is_none_is_refused(saved: Path, text: str) -> None:
    (saved / PROVENANCE).write_text(text, encoding="utf-8")
    refused(saved, "cannot be read")


def test_other_prompts_are_refused(saved: Path) -> None:
    edit(saved, prompts_sha256="0" * 64)
    refused(saved, "are not those")


def test_a_prompt_that_is_named_and_not_there_is_refused(saved: Path) -> None:
    edit(saved, prompts={"short": 3, "long": 3, "other": 1})
    refused(saved, "lacks 'other/top_logits'")


@pytest.mark.parametrize("what", ["weights", "tokenizer"])
def test_another_checkpoint_is_refused(saved: Path, tmp_path: Path, what: str) -> None:
    other = checkpoint(tmp_path / "other", **{what: b"another"})
    with pytest.raises(
        SnapshotError, match=f"The {what} of .* have sha256 .* recorded with"
    ) as why:
        snapshots.load(saved, model=other)
    assert "\n" not in str(why.value)


@pytest.mark.parametrize("what", ["weights", "tokenizer"])
def test_a_snapshot_that_does_not_say_its_checkpoint_is_refused(
    saved: Path, model: Path, what: str
) -> None:
    edit(saved, **{f"{what}_sha256": None})
    with pytest.raises(SnapshotError, match=f"does not say which {what}"):
        snapshots.load(saved, model=model)


def test_nothing_else_is_overwritten(tmp_path: Path, model: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "thesis.tex").write_text("years of work", encoding="utf-8")
    with pytest.raises(SnapshotError, match=r"holds thesis\.tex"):
        snapshots.save(snapshot(model), home)
    assert (home / "thesis.tex").exists()


def test_a_snapshot_takes_the_place_of_an_older_one(saved: Path, model: Path) -> None:
    snapshots.save(snapshot(model, engine="newer"), saved)
    assert snapshots.load(saved).provenance["engine"] == "newer"
    assert not [path for path in saved.parent.iterdir() if path.name.startswith(".")]


def edit(folder: Path, **fields: object) -> None:
    provenance = json.loads((folder / PROVENANCE).read_text(encoding="utf-8"))
    (folder / PROVENANCE).write_text(json.dumps(provenance | fields), encoding="utf-8")


def refused(folder: Path, sentence: str) -> None:
    with pytest.raises(SnapshotError, match=sentence) as why:
        snapshots.load(folder)
    assert "\n" not in str(why.value)
    assert str(why.value).endswith(".")
