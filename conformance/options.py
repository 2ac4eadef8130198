"""What a person asked for: the options of `maccord certify` and of plain pytest."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest

from conformance.targets.errors import TargetError


@dataclass(frozen=True)
class Options:
    """What a person asked for.

    Without `base_url`, `backend`, `runner` and `kernels`, the embedded default is meant. `workers`
    is how many requests may be in flight at once. `resume` and `since_failed` take up the
    earlier run of the same report folder (`conformance.again`).
    """

    base_url: str | None = None
    backend: str | None = None
    backend_python: Path | None = None
    runner: str | None = None
    runner_python: Path | None = None
    runner_dtype: str | None = None
    kernels: str | None = None
    kernels_python: Path | None = None
    model: str | None = None
    api_key_env: str | None = None
    tokenizer: Path | None = None
    profile: str | None = None
    max_model_len: int | None = None
    known_failures: Path | None = None
    report: Path | None = None
    resume: bool = False
    since_failed: bool = False
    request_timeout_s: float = 60.0
    run_deadline_s: float = 3600.0
    workers: int = 1

    @property
    def names_target(self) -> bool:
        return bool(self.base_url or self.backend or self.runner or self.kernels)

    @property
    def takes_up(self) -> bool:
        """Whether this run takes up an earlier one."""
        return self.resume or self.since_failed

    def api_key(self) -> str | None:
        """The key from the named environment variable.

        Raises:
            TargetError: the variable is named and not set.
        """
        if self.api_key_env is None:
            return None
        key = os.environ.get(self.api_key_env)
        if not key:
            raise TargetError(f"The environment variable {self.api_key_env} is not set.")
        return key

    @classmethod
    def from_pytest(cls, config: pytest.Config) -> Options:
        """The options that stand on pytest's command line."""

        def path(name: str) -> Path | None:
            value = config.getoption(name)
            # Not resolved: the interpreter of an environment is a link that has to stay one.
            return Path(value).absolute() if value else None

        return cls(
            base_url=config.getoption("--base-url"),
            backend=config.getoption("--backend"),
            backend_python=path("--backend-python"),
            runner=config.getoption("--runner"),
            runner_python=path("--runner-python"),
            runner_dtype=config.getoption("--runner-dtype"),
            kernels=config.getoption("--kernels"),
            kernels_python=path("--kernels-python"),
            model=config.getoption("--model"),
            api_key_env=config.getoption("--api-key-env"),
            tokenizer=path("--tokenizer"),
            profile=config.getoption("--profile"),
            max_model_len=config.getoption("--max-model-len"),
            known_failures=path("--known-failures"),
            report=path("--report"),
            resume=config.getoption("--resume"),
            since_failed=config.getoption("--since-failed"),
            request_timeout_s=config.getoption("--request-timeout"),
            run_deadline_s=config.getoption("--run-deadline"),
            workers=int(config.getoption("numprocesses", None) or 1),
        )

    def to_json(self) -> dict[str, Any]:
        """Plain data, for xdist's workers; the key itself is not among it."""
        return {
            name: str(value) if isinstance(value, Path) else value
            for name, value in asdict(self).items()
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Options:
        """The options that `to_json` wrote."""
        paths = (
            "backend_python", "runner_python", "kernels_python", "tokenizer", "known_failures",
            "report",
        )  # fmt: skip
        fields: dict[str, Any] = {k: Path(v) if k in paths and v else v for k, v in data.items()}
        return cls(**fields)
