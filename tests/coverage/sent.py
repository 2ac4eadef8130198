"""A pytest plugin that writes down which fields each requirement really sends, and where to.

Loaded with `-p tests.coverage.sent`; the file's name is in the environment, as `MACCORD_SENT`.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from pathlib import Path

import pytest

from conformance.requirements import requirement_of
from conformance.targets.client import Client
from fixtures.openai import plain

_sent: dict[str, list[tuple[str, str, list[str]]]] = defaultdict(list)
_now = [""]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    stated = requirement_of(item)
    _now[0] = stated.id if stated else ""


def pytest_sessionstart():
    request = Client.request

    def noted(self, method, path, **options):
        body = options.get("json")
        if body is None:
            try:
                body = json.loads(options.get("content") or b"null")
            except ValueError:
                body = None
        fields = list(body) if isinstance(body, dict) else []
        _sent[_now[0]].append((method, plain(path), fields))
        return request(self, method, path, **options)

    Client.request = noted


def pytest_sessionfinish():
    Path(os.environ["MACCORD_SENT"]).write_text(json.dumps(_sent))
