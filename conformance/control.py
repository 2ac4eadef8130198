"""Production beside the target: a recorded certificate, or a live server that is measured too."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from conformance.compare import production
from conformance.options import Options
from conformance.report import certificate as report
from conformance.report.certificate import Certificate, CertificateError
from fixtures import snapshots

API = snapshots.FOLDER / "control" / "vllm-0.26.0-cuda.json"
"""Production as it ships with Maccord: vLLM on an H100 with the scripted model, profile api."""

SERVING = snapshots.FOLDER / "control" / "vllm-0.26.0-cuda-serving.json"
"""The same with room for 2,560 tokens in its cache, profile serving."""

NUMERICS = "numerics"


@dataclass(frozen=True)
class Control:
    """Where production's outcomes come from.

    `recorded` is None for a live server; `model` and `api_key_env` are then as the options of the
    same names are for the target. `shipped` says that nobody named another one.
    """

    source: str
    model: str | None = None
    api_key_env: str | None = None
    recorded: Certificate | None = None
    sha256: str | None = None
    shipped: bool = False

    @classmethod
    def of(
        cls, source: str | None, *, profile: str | None, model: str | None, api_key_env: str | None
    ) -> Control:
        """The control at a URL or in a file, which is read at once.

        Args:
            source: None for what ships with Maccord of `profile`.
            profile: the profile that the target is held to.
            model: the model's name at a live control.
            api_key_env: the environment variable with a live control's key.

        Raises:
            CertificateError: the file is no certificate.
        """
        if source is None:
            path = SERVING if profile == "serving" else API
            return cls._read(path, f"{path.name}, shipped with Maccord", shipped=True)
        if source.startswith(("http://", "https://")):
            return cls(source, model, api_key_env)
        return cls._read(Path(source), source, shipped=False)

    @classmethod
    def _read(cls, path: Path, source: str, *, shipped: bool) -> Control:
        recorded = report.read(path)
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        return cls(source, recorded=recorded, sha256=sha256, shipped=shipped)

    def beside(self, certificate: Certificate, options: Options) -> Certificate:
        """`certificate` with the control's outcomes, or with a note that says why they are missing.

        A control that cannot be measured costs nothing of what the target came to. For the numerics
        the production that ships with Maccord is its logits, with which the requirements compare.
        """
        if certificate.profile.startswith(NUMERICS) and self.shipped:
            return replace(certificate, control=_on_file())
        try:
            recorded = self.recorded or self._measured(options)
        except (CertificateError, KeyboardInterrupt) as error:
            return _without(certificate, self.source, str(error) or "it was interrupted")
        if not recorded.results:
            return _without(certificate, self.source, recorded.verdict.sentence)
        return report.with_control(certificate, recorded, self.source, sha256=self.sha256)

    def _measured(self, options: Options) -> Certificate:
        """The same requirements on the live control, run in a process of its own."""
        folder = Path(options.report or "report") / "control"
        command = [sys.executable, "-m", "conformance", "certify", "--base-url", self.source]
        command += ["--report", str(folder), "-n", str(options.workers)]
        command += ["--request-timeout", str(options.request_timeout_s)]
        settings = {
            "--profile": options.profile,
            "--tokenizer": options.tokenizer,
            "--model": self.model,
            "--api-key-env": self.api_key_env,
        }
        for name, value in settings.items():
            command += [name, str(value)] if value else []
        subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
        return report.read(folder / "certificate.json")


def _on_file() -> report.Control:
    """Production as the numerics know it: its recorded logits."""
    recorded = [production.provenance(name) for name in production.names()]
    latest = max(recorded, key=lambda each: str(each["date"]))
    return report.Control(
        name=f"vLLM {latest['engine_version']} on {latest['gpu']}",
        source=f"logits of {len(recorded)} models (docs/snapshots.md), shipped with Maccord",
        started=f"{latest['date']}T00:00:00Z",
    )


def _without(certificate: Certificate, source: str, reason: str) -> Certificate:
    note = f"The control at {source} could not be measured: {reason.rstrip('.')}."
    return replace(certificate, notes=[*certificate.notes, note])
