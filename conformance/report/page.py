"""The certificate as one page that anybody can read, print and pass on.

Everything that a server sent is hostile here. Autoescaping keeps it text, `visible` keeps it from
turning the text around, and a content security policy lets nothing run but the page's own script,
should the first two ever fail.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from conformance.evidence import Result
from conformance.outcomes import Level, Outcome
from conformance.report.certificate import Certificate
from conformance.report.footprints import footprint_rows
from conformance.report.numerics import SHOWN_FIRST, compared, headline, quantised
from conformance.report.sections import SYMBOLS, Section, message_beyond_cause, sections
from conformance.report.text import (
    date,
    duration,
    model_name,
    path_of,
    share,
    visible,
    without_ansi,
)

FOLD_ABOVE = 60
"""Requirements of one area, all passed, above which their table is folded."""


@dataclass(frozen=True)
class Tile:
    """One number at the top of the page: an outcome, its share and where its results are."""

    name: str
    symbol: str
    count: int
    share: str
    link: str | None


def render(certificate: Certificate) -> str:
    """The page, self-contained: no request leaves it."""
    script = files("conformance.report").joinpath("page.js").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    told = sections(certificate.results)
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            certificate=certificate,
            sections=told,
            tiles=_tiles(certificate, told),
            areas=_areas(certificate.results),
            anchors={result.id: f"r{n}" for n, result in enumerate(certificate.results, 1)},
            agreement=_agreement(certificate),
            compared=compared(certificate),
            footprints=footprint_rows(certificate.footprints),
            fold_above=FOLD_ABOVE,
            headline=headline(certificate),
            quantised=quantised(certificate),
            shown_first=SHOWN_FIRST,
            levels=_levels(certificate.results),
            script=Markup(script),
            script_hash=digest,
        )
    )


def write_page(certificate: Certificate, path: Path) -> None:
    """Write the page to `path`."""
    path.write_text(render(certificate), encoding="utf-8")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("conformance.report", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
    )
    environment.filters.update(
        date=date,
        duration=duration,
        claim=_claim,
        model_name=model_name,
        without_ansi=without_ansi,
    )
    environment.globals.update(
        share=share,
        symbols=SYMBOLS,
        web_link=_web_link,
        message_beyond_cause=message_beyond_cause,
        paragraphs=lambda text: [part for part in text.split("\n\n") if part.strip()],
    )
    return environment


def _finalize(value: Any) -> Any:
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _tiles(certificate: Certificate, told: list[Section]) -> list[Tile]:
    """One tile an outcome, and one for requirements without a result if there are any."""
    missing = max(certificate.expected_total - len(certificate.results), 0)
    whole = len(certificate.results) + missing
    first: dict[Outcome, str] = {}
    for section in told:
        first.setdefault(section.outcome, section.key)
    tiles = []
    for outcome in Outcome:
        count = certificate.verdict.counts[outcome]
        link = "matrix" if outcome is Outcome.PASS else first.get(outcome)
        tiles.append(Tile(outcome, SYMBOLS[outcome], count, share(count, whole), link))
    if missing:
        tiles.append(Tile("NO RESULT", "-", missing, share(missing, whole), None))
    return tiles


def _areas(results: list[Result]) -> Mapping[str, list[Result]]:
    """Results by the second element of their id: `chat` of `api/chat/stop-list`."""
    areas: dict[str, list[Result]] = defaultdict(list)
    for result in results:
        areas[path_of(result.id)[1]].append(result)
    return dict(sorted(areas.items()))


def _levels(results: list[Result]) -> list[tuple[str, str]]:
    """For each level that occurs, how many of its requirements hold."""
    whole = Counter(result.level for result in results)
    held = Counter(result.level for result in results if result.outcome is Outcome.PASS)
    return [(level, share(held[level], whole[level])) for level in Level if whole[level]]


def _agreement(certificate: Certificate) -> str | None:
    """How many outcomes of target and control are the same, of those that both have."""
    both = [
        (result.waived_outcome or result.outcome, certificate.control_outcomes[result.id])
        for result in certificate.results
        if result.id in certificate.control_outcomes
    ]
    return share(sum(mine == theirs for mine, theirs in both), len(both)) if both else None


def _claim(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _web_link(text: str | None) -> bool:
    """Whether `text` may become a link: http and https only, never `javascript:`."""
    try:
        parts = urlsplit(text or "")
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc)
