"""Production beside the target: a recorded certificate, or a live server that is measured too."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from conformance.options import Options
from conformance.report import certificate as report
from conformance.report.certificate import Certificate, CertificateError
from fixtures import snapshots

RECORDED = snapshots.FOLDER / "control" / "vllm-0.26.0-cuda.json"
"""Production as it ships with Maccord: vLLM on an H100 with the scripted model, profile core."""


@dataclass(frozen=True)
class Control:
    """Where production's outcomes come from.

    `recorded` is None for a live server; `model` and `api_key_env` are then as the options of the
    same names are for the target.
    """

    source: str
    model: str | None = None
    api_key_env: str | None = None
    recorded: Certificate | None = None
    sha256: str | None = None

    @classmethod
    def of(cls, source: str, *, model: str | None, api_key_env: str | None) -> Control:
        """The control at a URL or in a file, which is read at once.

        Raises:
            CertificateError: the file is no certificate.
        """
        if source.startswith(("http://", "https://")):
            return cls(source, model, api_key_env)
        path = Path(source)
        recorded = report.read(path)
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        shown = f"{path.name}, shipped with Maccord" if path == RECORDED else source
        return cls(shown, recorded=recorded, sha256=sha256)

    def beside(self, certificate: Certificate, options: Options, workers: int) -> Certificate:
        """`certificate` with the control's outcomes, or with a note that says why they are missing.

        A control that cannot be measured costs nothing of what the target came to.
        """
        try:
            recorded = self.recorded or self._measured(options, workers)
        except (CertificateError, KeyboardInterrupt) as error:
            return _without(certificate, self.source, str(error) or "it was interrupted")
        if not recorded.results:
            return _without(certificate, self.source, recorded.verdict.sentence)
        return report.with_control(certificate, recorded, self.source, sha256=self.sha256)

    def _measured(self, options: Options, workers: int) -> Certificate:
        """The same requirements on the live control, run in a process of its own."""
        folder = Path(options.report or "report") / "control"
        command = [sys.executable, "-m", "conformance", "certify", "--base-url", self.source]
        command += ["--report", str(folder), "-n", str(workers)]
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


def _without(certificate: Certificate, source: str, reason: str) -> Certificate:
    note = f"The control at {source} could not be measured: {reason.rstrip('.')}."
    return replace(certificate, notes=[*certificate.notes, note])
