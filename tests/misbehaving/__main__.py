"""Serve with one fault until killed."""

import argparse

from tests.misbehaving import GOOD, MODES, MisbehavingServer

arguments = argparse.ArgumentParser(prog="python -m tests.misbehaving", description=__doc__)
arguments.add_argument("--mode", default=GOOD, choices=sorted(MODES), metavar="MODE")
arguments.add_argument("--port", type=int, default=0, help="0 takes a free one")
arguments.add_argument("--after", type=int, default=0, help="the fault begins after N requests")
arguments.add_argument("--only", default="", help="the fault concerns paths that contain this")
arguments.add_argument("--api-key", help="refuse all others with 401")
chosen = vars(arguments.parse_args())
server = MisbehavingServer(chosen.pop("mode"), process=True, **chosen)
print(server.base_url, flush=True)
server.serve()
