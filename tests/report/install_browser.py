"""Installs Chromium for the page's test, where there is no browser and we may: Debian as root.

Elsewhere it says so and leaves the machine as it is; the test then skips, or fails in a CI.
"""

from __future__ import annotations

import os
import shutil
import subprocess

from browser import find_browser


def main() -> None:
    if found := find_browser():
        print(f"The page is tested in {found}.")
    elif shutil.which("apt-get") and os.geteuid() == 0:
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in (["update"], ["install", "-y", "--no-install-recommends", "chromium"]):
            subprocess.run(["apt-get", "-qq", *command], env=environment, check=True)
    else:
        print("No Chromium or Chrome was found: install one to have the report's page tested.")


if __name__ == "__main__":
    main()
