"""A small OpenAI-compatible server that is right, or wrong in one named way.

`with MisbehavingServer("no-done") as server:` serves at `server.base_url`; `MODES` holds the
names. `python -m tests.misbehaving --mode no-done --port 8123` does the same in a process.
"""

from tests.misbehaving.faults import GOOD, MODES
from tests.misbehaving.server import MisbehavingServer

__all__ = ["GOOD", "MODES", "MisbehavingServer"]
