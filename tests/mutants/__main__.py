"""A program: runs mutants of the numerics, on a runner and on both routes, and writes a table.

`python -m tests.mutants TABLE.md [NAME…] [--sound] [--every-way] [--dtype bfloat16]`; beside it,
TABLE.json holds all that was found.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from fixtures.models.matrix.architectures import BY_NAME as MATRIX
from fixtures.mutants import ANY, Mutant
from fixtures.mutants.numerics import BY_NAME, NUMERICS
from tests.mutants import matrix

arguments = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
arguments.add_argument("table", type=Path)
arguments.add_argument("names", nargs="*", help="mutants; all by default")
arguments.add_argument("--sound", action="store_true", help="the models as they are, no mutants")
arguments.add_argument("--every-model", action="store_true", help="not only the best of each")
arguments.add_argument("--every-way", action="store_true", help="also those that reveal nothing")
arguments.add_argument("--everything", action="store_true", help="all prompts at the server too")
arguments.add_argument("--dtype", default="float32")
chosen = arguments.parse_intermixed_args()

cases: list[tuple[str, Mutant | None]] = []
if chosen.sound:
    from conformance.compare import production

    cases = [(model, None) for model in chosen.names or production.names()]
else:
    tiny_first = sorted(NUMERICS, key=lambda mutant: mutant.models[0] not in MATRIX)
    for mutant in [BY_NAME[name] for name in chosen.names] or tiny_first:
        models = mutant.models if chosen.every_model else mutant.models[:1]
        cases += [(model, mutant) for model in models]

lines = []
for model, mutant in cases:
    ways = ANY if chosen.every_way else None
    found = matrix.line(model, mutant, dtype=chosen.dtype, everything=chosen.everything, ways=ways)
    lines.append(found)
    print(*list(matrix.table([found]))[2:], flush=True)
    chosen.table.write_text("\n".join(matrix.table(lines)) + "\n", encoding="utf-8")
    everything = json.dumps([each.to_json() for each in lines], indent=1)
    chosen.table.with_suffix(".json").write_text(everything + "\n", encoding="utf-8")
