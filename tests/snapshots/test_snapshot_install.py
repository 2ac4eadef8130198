"""Only what a GPU recorded, with the pinned weights, becomes one of Maccord's snapshots."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from handmade import checkpoint, snapshot

from fixtures import snapshots
from fixtures.snapshots import SnapshotError, install, weights_sha256

CUDA: dict[str, Any] = {
    "device": "cuda",
    "gpu": "a GPU",
    "driver": "1",
    "cuda": "13.0",
    "torch": "2",
    "engine_version": "0.26.0",
    "attention_backends": ["FLASH_ATTN"],
    "date": "2026-11-22",
}


def recordings(tmp_path: Path, noise: dict[str, Any] | None = None, **changes: Any) -> Path:
    """A folder as `make` writes it, with one model."""
    model = checkpoint(tmp_path / "checkpoint")
    home = tmp_path / "made" / "tiny"
    snapshots.save(snapshot(model, **(CUDA | changes)), home / "bfloat16")
    about = {"device": "cuda", "weights_sha256": weights_sha256(model), **(noise or {})}
    (home / "noise.json").write_text(json.dumps(about), encoding="utf-8")
    return tmp_path / "made"


def installed(tmp_path: Path, source: Path, weights: str | None = None) -> list[str]:
    pinned = {"tiny": weights or weights_sha256(tmp_path / "checkpoint")}
    return install.install(source, tmp_path / "cuda", pinned)


def test_recordings_of_a_gpu_go_in(tmp_path: Path) -> None:
    source = recordings(tmp_path)
    assert installed(tmp_path, source) == ["tiny"]
    assert snapshots.load(tmp_path / "cuda" / "tiny" / "bfloat16").provenance["gpu"] == "a GPU"
    assert (tmp_path / "cuda" / "tiny" / "noise.json").exists()


@pytest.mark.parametrize("where", ["snapshot", "noise"])
def test_recordings_of_a_cpu_do_not(tmp_path: Path, where: str) -> None:
    source = recordings(
        tmp_path,
        noise={"device": "cpu"} if where == "noise" else None,
        **({"device": "cpu"} if where == "snapshot" else {}),
    )
    refused(tmp_path, source, "was recorded on cpu, not on cuda")


def test_recordings_of_other_weights_do_not(tmp_path: Path) -> None:
    refused(tmp_path, recordings(tmp_path), "with other weights", weights="0" * 64)


@pytest.mark.parametrize("field", ["gpu", "driver", "attention_backends", "date"])
def test_recordings_that_do_not_say_enough_do_not(tmp_path: Path, field: str) -> None:
    refused(tmp_path, recordings(tmp_path, **{field: None}), f"does not say: {field}")


def test_recordings_that_are_not_of_one_function_do_not(tmp_path: Path) -> None:
    pair = {"reference": "bfloat16/greedy", "other": "float32/greedy", "kl": {"mean": 1.8}}
    source = recordings(tmp_path, noise={"pairs": [pair]})
    refused(tmp_path, source, "bfloat16/greedy and float32/greedy are 1.8 nats apart")


def test_damaged_recordings_do_not(tmp_path: Path) -> None:
    source = recordings(tmp_path)
    file = source / "tiny" / "bfloat16" / snapshots.TENSORS
    file.write_bytes(file.read_bytes()[:-1])
    refused(tmp_path, source, "has sha256")


def test_too_much_does_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = recordings(tmp_path)
    monkeypatch.setattr(install, "LIMIT", 100)
    refused(tmp_path, source, "may go in")


def test_a_folder_without_recordings_is_refused(tmp_path: Path) -> None:
    refused(tmp_path, tmp_path, "no recordings", weights="0")


def refused(tmp_path: Path, source: Path, sentence: str, weights: str | None = None) -> None:
    with pytest.raises(SnapshotError, match=sentence):
        installed(tmp_path, source, weights)
    assert not (tmp_path / "cuda").exists()
