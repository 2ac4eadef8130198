"""How the tests ask for a recording, and what a server must offer for each route."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from conformance.recording import record_over_api
from fixtures.snapshots import Snapshot
from tests.recording.production import Offers

WEAK: dict[str, Any] = {"prompt_logprobs": False}
ROUTES = {
    "prompt_logprobs": Offers(),
    "echo": Offers(**WEAK),
    "replay": Offers(**WEAK, echo=False),
    "echo-text": Offers(**WEAK, ids=False),
    "continuation": Offers(**WEAK, ids=False, echo=False),
    "chat": Offers(completions=False),
}


def write(folder: Path, *lines: dict[str, Any]) -> Path:
    """A file of prompts."""
    file = folder / "prompts.jsonl"
    file.write_text("\n".join(json.dumps(line) for line in lines))
    return file


def record(url: str, folder: Path, **options: Any) -> Snapshot:
    options = {"continued": 6, "request_timeout_s": 5.0, **options}
    return record_over_api(url, folder / "out", **options)
