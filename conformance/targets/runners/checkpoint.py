"""What a checkpoint's folder says that engines read each in their own way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def stop_tokens(folder: Path) -> list[int]:
    """Tokens that end an answer: of `generation_config.json`, or else of `config.json`."""
    found: Any = None
    for name in ("generation_config.json", "config.json"):
        if found is None and (folder / name).is_file():
            found = _read(folder / name).get("eos_token_id")
    return found if isinstance(found, list) else [] if found is None else [found]


def saved_dtype(folder: Path) -> str | None:
    """What most of the weights were saved in, where the configuration says it."""
    config = _read(folder / "config.json")
    return config.get("dtype", config.get("torch_dtype"))


def _read(file: Path) -> dict[str, Any]:
    return dict(json.loads(file.read_text(encoding="utf-8")))
