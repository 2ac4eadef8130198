"""A program: `python -m tests.faithful MODE` serves until it is ended."""

from __future__ import annotations

import sys
import time

from tests.faithful.engine import Engine
from tests.faithful.server import FaithfulServer

with FaithfulServer(Engine(), *sys.argv[1:2]) as server:
    print(server.base_url, flush=True)
    while True:
        time.sleep(1)
