"""How fast the reference backend is beside mlx-lm's own server, as ratios measured in one run.

    python benchmarks/reference_server.py [--streams 1 4 8 16] [--prompts 16 512] [--rounds 2]
    python benchmarks/reference_server.py --profile

Both serve the same float32 copy of SmolLM2-135M-Instruct by their recipes, both with the BLAS that
the reference finds (`reference/model_runner/blas.py`), and generate in turns, so that both see the
same machine. Every prompt is another one, so that no cache of prefixes helps. A speed is output
tokens per second from the first request to the last answer, prefill included; the ratio is that of
the totals of all rounds.

`--profile` runs the engine alone, in one process. It says how long the shortest step of decode
takes beside the same step of mlx-lm's model with its own cache, and the model's products with
weights when they are all that MLX computes; and of the median step the time in which MLX computes
nothing. A step is vLLM's `EngineCore` one: its server makes texts of tokens in another process.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import httpx

import fixtures.models
from conformance.targets import recipes
from conformance.targets.environment import prepare
from conformance.targets.progress import quiet
from conformance.targets.server import MACCORD, ServerTarget, started

MODEL = "SmolLM2-135M-Instruct"
NEVER = {"eos_token": "<repo_name>", "eos_token_id": 3}
"""Ends an answer and is never generated, so that all answers are of `max_tokens`."""
ENGINES = ("reference", "mlx-lm")
ARGUMENTS = {"reference": ("--max-num-seqs", "16"), "mlx-lm": ()}
"""A pool for 16 streams; mlx-lm's server grows its caches as it goes, for up to 32."""


def float32_copy(folder: Path, python: Path) -> Path:
    """The model as mlx-lm writes it in float32: its server takes no dtype."""
    source, to = fixtures.models.path(MODEL), folder / MODEL
    command = [python, "-m", "mlx_lm", "convert", "--dtype", "float32"]
    command += ["--hf-path", source, "--mlx-path", to]
    subprocess.run(command, check=True, capture_output=True)
    for name in ("config.json", "generation_config.json", "tokenizer_config.json"):
        file = to / name
        held = json.loads((file if file.exists() else source / name).read_text(encoding="utf-8"))
        told = {key: value for key, value in NEVER.items() if key in held}
        file.write_text(json.dumps({**held, **told}), encoding="utf-8")
    return to


def blas_of(python: Path) -> str:
    """The library that the reference loads; "" where it is MLX's own, or Accelerate."""
    code = "import reference.model_runner as runner; print(runner.BLAS or '')"
    done = subprocess.run(
        [python, "-c", code], cwd=MACCORD, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def words(folder: Path) -> list[str]:
    """Words that are one token each with the space before them."""
    vocabulary = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))["model"]
    return sorted(
        piece[1:]
        for piece in vocabulary["vocab"]
        if piece[0] == "Ġ" and piece[1:].isascii() and piece[1:].islower() and piece[1:].isalpha()
    )


def seconds(
    client: httpx.Client, target: ServerTarget, prompts: Sequence[str], size: int, tokens: int
) -> float:
    """How long it takes to answer all of the prompts at once, each with so many tokens.

    The client is made once: one for each request would read the machine's certificates, in
    sixteen threads, and take seconds of a measurement for it.
    """

    def ask(prompt: str) -> None:
        body = {"model": target.model, "prompt": prompt, "max_tokens": tokens, "temperature": 0}
        answer = client.post(f"{target.base_url}/completions", json=body)
        usage = answer.raise_for_status().json()["usage"]
        found = (usage["prompt_tokens"], usage["completion_tokens"])
        if found != (size, tokens):
            raise SystemExit(f"{target.name}: {found} tokens, and not {(size, tokens)}.")

    with ThreadPoolExecutor(len(prompts)) as threads:
        begin = time.perf_counter()
        list(threads.map(ask, prompts))
        return time.perf_counter() - begin


def compare(given: argparse.Namespace, pythons: dict[str, Path], model: Path, runs: Path) -> None:
    """Starts both servers, measures in turns, and prints the table."""
    randomly, vocabulary = random.Random(0), words(model)

    def prompts(count: int, size: int) -> list[str]:
        return ["".join(f" {w}" for w in randomly.sample(vocabulary, size)) for _ in range(count)]

    with ExitStack() as stack:
        afresh = httpx.Limits(max_keepalive_connections=0)  # servers end idle connections
        client = stack.enter_context(httpx.Client(timeout=600, limits=afresh))
        targets = {}
        for name in ENGINES:
            recipe = recipes.load(name)
            assert recipe.start is not None
            env = {**recipe.start.env, "LD_PRELOAD": blas_of(pythons["reference"])}
            server = started(
                replace(recipe, start=replace(recipe.start, env=env)),
                model_dir=model,
                model_name=MODEL,
                run_dir=runs,
                python=pythons[name],
                arguments=ARGUMENTS[name],
            )
            targets[name] = stack.enter_context(server).target
            seconds(client, targets[name], prompts(2, 16), 16, 4)
        print("| streams | prompt | reference | mlx-lm | ratio |\n|---|---|---|---|---|")
        for size in given.prompts:
            for streams in given.streams:
                took = dict.fromkeys(ENGINES, 0.0)
                for turn in range(given.rounds):
                    for name in ENGINES[:: 1 - turn % 2 * 2]:
                        asked = prompts(streams, size)
                        took[name] += seconds(client, targets[name], asked, size, given.tokens)
                tokens = given.rounds * streams * given.tokens
                ours, theirs = (tokens / took[name] for name in ENGINES)
                row = f"{ours:.1f} | {theirs:.1f} | {ours / theirs:.2f}"
                print(f"| {streams} | {size} | {row} |", flush=True)


def profile(given: argparse.Namespace, python: Path) -> None:
    """Runs the engine in a process of the reference's environment, which prints the table."""
    entry_point = MACCORD / "reference" / "vllm_plugin" / "entry_point"
    env = {
        **os.environ,
        "PYTHONPATH": f"{MACCORD}{os.pathsep}{entry_point}",
        "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
        "VLLM_LOGGING_LEVEL": "ERROR",
    }
    for size in given.prompts:
        told = [fixtures.models.path(MODEL), *map(str, (size, given.tokens, *given.streams))]
        subprocess.run([python, "-c", PROFILE, *told], env=env, check=True)


# MLX computes from the first time that it is given something in a step until the last time that it
# is waited for.
PROFILE = """
import sys, time
from statistics import median
from vllm import LLM, SamplingParams
import mlx.core as mx, mlx.nn as nn, numpy as np
from mlx_lm.models.cache import make_prompt_cache
from mlx_lm.utils import load_model
from pathlib import Path
from reference.model_runner import checkpoint
from reference.model_runner.layers import parts

model, size, tokens, *streams = sys.argv[1], *map(int, sys.argv[2:])
llm = LLM(model, dtype="float32", max_model_len=size + tokens, max_num_seqs=max(streams))
engine = llm.llm_engine
core = engine.engine_core
mlx = core.engine_core.model_executor.driver_worker.worker.model_runner.model.mlx
weights = [part.weight for part in parts(mlx.layers) if isinstance(part, nn.Linear)]
weights.append(mlx.layers.embed_tokens.weight)
config = checkpoint.for_mlx_lm(checkpoint.read(Path(model)))
own, _ = load_model(Path(model), model_config=config)
own.set_dtype(mx.float32)
now = time.perf_counter
begun, computing, took = None, 0.0, 0.0
given_to, waited_for, get_output = mx.async_eval, mx.eval, core.get_output

def async_eval(*arrays):
    global begun
    begun = now() if begun is None else begun
    given_to(*arrays)

def evaluated(*arrays):
    global begun, computing
    start = now() if begun is None else begun
    waited_for(*arrays)
    computing, begun = computing + now() - start, None

def output():
    global took, computing
    computing, start = 0.0, now()
    found = get_output()
    took = now() - start
    return found

def timed(arrays):
    start = now()
    waited_for(arrays)
    return now() - start

mx.async_eval, mx.eval, core.get_output = async_eval, evaluated, output
rng = np.random.default_rng(0)
print("| streams | prompt | step, ms | mlx-lm's model, ms | products, ms | of the step | "
      "outside of MLX, ms |")
print("|---|---|---|---|---|---|---|", flush=True)
for count in streams:
    prompts = rng.integers(20, 40000, size=(count, size))
    for n, ids in enumerate(prompts.tolist()):
        asked = SamplingParams(temperature=0, max_tokens=tokens, ignore_eos=True)
        engine.add_request(f"{count}-{n}", {"prompt_token_ids": ids}, asked)
    rows = {w.shape[1]: mx.random.normal((count, w.shape[1])) for w in weights}
    waited_for(list(rows.values()))
    steps = []
    while engine.has_unfinished_requests():
        if len(engine.step()) == count:
            steps.append((took, took - computing))
    products = [timed([rows[w.shape[1]] @ w.T for w in weights]) for _ in range(tokens)]
    cache = make_prompt_cache(own)
    waited_for(own(mx.array(prompts), cache=cache))
    theirs = [timed(own(mx.array(prompts[:, :1]), cache=cache)) for _ in range(tokens)]
    # The first steps still have prompts in them, the last one ends the requests.
    step, outside = min(took for took, _ in steps[2:-1]), median(rest for _, rest in steps[2:-1])
    rest = f"{min(products) / step:.0%} | {1e3 * outside:.2f}"
    columns = (f"{1e3 * each:.1f}" for each in (step, min(theirs), min(products)))
    print(f"| {count} | {size} | {' | '.join(columns)} | {rest} |", flush=True)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description="The reference backend beside mlx-lm's server")
    parser.add_argument("--streams", type=int, nargs="+", default=[1, 4, 8, 16])
    parser.add_argument("--prompts", type=int, nargs="+", default=[16, 512], help="tokens")
    parser.add_argument("--tokens", type=int, default=48, help="of an answer")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--profile", action="store_true", help="steps of the engine alone")
    for name in ENGINES:
        parser.add_argument(f"--{name}-python", type=Path, help="an interpreter that has it")
    given = parser.parse_args()
    pythons = {
        name: prepare(
            recipes.load(name),
            python=vars(given)[f"{name.replace('-', '_')}_python"],
            progress=quiet,
        )
        for name in ENGINES
    }
    if given.profile:
        return profile(given, pythons["reference"])
    with tempfile.TemporaryDirectory() as folder:
        model = float32_copy(Path(folder), pythons["mlx-lm"])
        compare(given, pythons, model, Path(folder))


if __name__ == "__main__":
    main()
