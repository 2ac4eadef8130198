"""Records what a production answers to wrong values, by class.

    python -m conformance.api.wrong.record --base-url http://…/v1 --name vllm-0.32.0-cpu \\
        --about "vLLM 0.32.0, built for CPUs, serving the scripted model"

It writes `fixtures/openai/wrong/NAME.tsv`: for every operation that the server serves, every field
and every class of wrong values the statuses that it answered to `--examples` values each. Lines of
operations that it does not serve, in a file of that name, are kept: a server serves one model, and
some operations need another.
"""

from __future__ import annotations

import argparse
import sys
from datetime import date

from hypothesis import HealthCheck, Phase, given, seed, settings

from conformance.api.ask import Ask
from conformance.api.prompts import prompts_for
from conformance.api.wrong import production
from conformance.api.wrong.operations import OPERATIONS, Case, cases
from conformance.api.wrong.sending import Sender, said
from conformance.api.wrong.values import CLASSES, Json
from conformance.outcomes import Judgement
from conformance.targets.client import Client, TransportFailure
from conformance.targets.server import running


class Stopped(Exception):
    """The server gave no answer to a request."""


def statuses(sender: Sender, case: Case, sort: str, examples: int) -> set[int]:
    """The statuses of some values of one class. Raises Stopped."""
    found: set[int] = set()

    @seed(0)
    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(CLASSES[sort])
    def ask(value: Json) -> None:
        found.add(sender.wrong(case.field, value).status)

    try:
        ask()
    except TransportFailure as failure:
        raise Stopped(f"{case} ({sort}): {failure}\n{failure.exchange.curl}") from failure
    return found


def main() -> None:
    """Record one server."""
    told = argparse.ArgumentParser(prog="python -m conformance.api.wrong.record")
    told.add_argument("--base-url", required=True)
    told.add_argument("--name", required=True, help="of the file, such as vllm-0.32.0-cpu")
    told.add_argument("--about", required=True, help="what the server is, for the file's head")
    told.add_argument("--model", help="its name at the server")
    told.add_argument("--tokenizer", help="folder with its tokenizer")
    told.add_argument("--examples", type=int, default=12)
    options = told.parse_args()
    model = running(options.base_url, model=options.model).model
    prompts = prompts_for(options.tokenizer)
    lines: dict[production.Key, str] = {}
    with Client(options.base_url) as client:
        senders = {
            name: Sender(Ask(client, model), prompts, OPERATIONS[name]) for name in OPERATIONS
        }
        served = [name for name, sender in senders.items() if serves(sender)]
        for case in cases():
            for sort in case.classes if case.operation in served else ():
                found = statuses(senders[case.operation], case, sort, options.examples)
                key = (case.operation, case.field, sort)
                lines[key] = ",".join(map(str, sorted(found)))
                client.exchanges.clear()
                if max(found) >= 500:
                    print(*key, lines[key], file=sys.stderr)
    file = production.FOLDER / f"{options.name}.tsv"
    head = [
        f"# {options.about}; recorded on {date.today()}, "
        f"{options.examples} values or more of each class",
        "# by conformance/api/wrong/record.py",
        "# operation\tfield\tclass of wrong values\tstatuses",
    ]
    kept = file.read_text("utf-8").splitlines()[len(head) :] if file.is_file() else []
    rows = [line for line in kept if line.split("\t")[0] not in served]
    rows += ["\t".join((*key, told)) for key, told in lines.items()]
    file.parent.mkdir(exist_ok=True)
    file.write_text("\n".join(head + rows) + "\n", encoding="utf-8")
    print(f"{file}: {len(lines)} classes of {len(served)} operations", file=sys.stderr)


def serves(sender: Sender) -> bool:
    """Whether the server answers the right request."""
    try:
        said(sender.right(), sender.operation)
    except Judgement as judgement:
        print(f"{sender.operation.name}: {judgement.message}", file=sys.stderr)
        return False
    return True


if __name__ == "__main__":
    main()
