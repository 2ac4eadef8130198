"""What is too slow for every push, and runs at night (`.github/workflows/ci.yml`)."""

from __future__ import annotations

import os

import pytest

NIGHTLY = pytest.mark.skipif(not os.environ.get("MACCORD_NIGHTLY"), reason="for the nightly run")
