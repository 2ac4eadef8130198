"""Finds the browser of this machine; none is downloaded."""

from __future__ import annotations

import shutil
from pathlib import Path

LAUNCH_ARGUMENTS = [
    "--no-sandbox",  # containers of a CI give Chromium no user namespace
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
_COMMANDS = ("chromium", "chromium-browser", "google-chrome")
_MAC_APPS = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)


def find_browser() -> str | None:
    """The path of a Chromium or Chrome, or None."""
    for command in _COMMANDS:
        if path := shutil.which(command):
            return path
    return next((app for app in _MAC_APPS if Path(app).exists()), None)
