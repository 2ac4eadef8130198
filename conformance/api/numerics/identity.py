"""Which model of production's a target serves."""

from __future__ import annotations

from pathlib import Path

from conformance.compare import production
from conformance.compare.production import Production
from conformance.outcomes import Inconclusive
from conformance.targets.server import ServerTarget
from fixtures.models.cache import file_sha256

CAUSE = "Production with the served model is not on file"


def production_of(target: ServerTarget) -> Production:
    """Production with the model that is served, by its weights or else by its name.

    Raises:
        Inconclusive: it is not on file, or is that of another tokenizer.
        SuiteError: it is on file and damaged.
    """
    name = _by_weights(target.weights_sha256) or _by_name(target)
    if name is None:
        raise Inconclusive(
            f"Production with {target.model!r} is not on file: a snapshot of it would decide "
            f"(`maccord record`), or one of {', '.join(production.names())}",
            cause=CAUSE,
        )
    if target.tokenizer_dir is None:
        raise Inconclusive(
            "The served model's tokenizer is not known: --tokenizer DIR would decide",
            cause="No tokenizer is known for the served model",
        )
    found = production.load(name)
    recorded = found.snapshot.provenance["tokenizer_sha256"]
    actual = file_sha256(Path(target.tokenizer_dir) / "tokenizer.json")
    if recorded != actual:
        raise Inconclusive(
            f"{target.model!r} has another tokenizer than production's {name}: a snapshot of "
            "production with it would decide",
            expected=f"tokenizer.json with sha256 {recorded}",
            actual=actual,
            cause=CAUSE,
        )
    return found


def _by_weights(sha256: str | None) -> str | None:
    if sha256 is None:
        return None
    known = ((name, production.provenance(name)["weights_sha256"]) for name in production.names())
    return next((name for name, recorded in known if recorded == sha256), None)


def _by_name(target: ServerTarget) -> str | None:
    """By the model's name, or its path's last part, at the server and on this machine."""
    for called in (target.model, target.tokenizer_dir or ""):
        last = called.rstrip("/").rsplit("/", 1)[-1]
        if last in production.names():
            return last
    return None
