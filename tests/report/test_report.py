"""The three files of a report, and what must never be in them."""

from __future__ import annotations

from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest

from conformance.outcomes import Level, Outcome
from conformance.report import write_report
from conformance.report.certificate import Certificate, CertificateError, read
from conformance.report.page import render
from tests.report.samples import MARKUP, SECRET, certificate, hostile, realistic, result


class Tags(HTMLParser):
    """The elements of a page, with their attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def links(self) -> list[str | None]:
        return [attributes.get("href") for tag, attributes in self.found if tag == "a"]


def test_three_files(tmp_path: Path) -> None:
    files = write_report(realistic(), tmp_path / "report")
    assert [file.name for file in files] == ["certificate.json", "junit.xml", "report.html"]
    assert read(files[0]) == realistic()
    assert all(file.stat().st_size for file in files)


def test_a_contradiction_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(CertificateError):
        write_report(certificate(realistic().results, expected_total=3, complete=True), tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("make", [realistic, hostile])
def test_no_key_in_any_file(tmp_path: Path, make: Callable[[], Certificate]) -> None:
    for file in write_report(make(), tmp_path):
        assert SECRET not in file.read_text(encoding="utf-8")
    assert "$OPENAI_API_KEY" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_hostile_text_makes_no_element() -> None:
    page = render(hostile())
    tags = [tag for tag, _ in Tags(page).found]
    assert tags.count("script") == 1
    assert "img" not in tags
    assert MARKUP not in page
    assert "&lt;/script&gt;&lt;script&gt;" in page
    assert "{{ 7*7 }}" in page and ">49" not in page
    assert not {"\x1b", "\x07", "\u202e"} & set(page)


def test_the_page_needs_nothing_else() -> None:
    for tag, attributes in Tags(render(realistic())).found:
        assert tag not in ("link", "img", "iframe", "object", "embed")
        assert "src" not in attributes


def test_only_web_links_become_links() -> None:
    links = Tags(render(realistic())).links()
    assert "https://example.com/issues/12" in links
    links = Tags(render(hostile())).links()
    assert links and all((link or "").startswith("#") for link in links)


@pytest.mark.parametrize(
    "link",
    [
        " javascript:alert(1)",
        "JaVaScRiPt://x/%0aalert(1)",
        "data:text/html,x",
        "//e.example",
        "http:x",
    ],
)
def test_other_schemes_stay_text(link: str) -> None:
    waived = result(
        "api/chat/a",
        Level.MUST,
        Outcome.WAIVED,
        "No",
        waived_outcome=Outcome.FAIL,
        waiver_reason="Known",
        waiver_link=link,
    )
    page = render(certificate([waived]))
    assert link in page.replace("&#39;", "'")
    assert link not in Tags(page).links()


def test_every_link_inside_the_page_leads_somewhere() -> None:
    tags = Tags(render(realistic()))
    ids = [attributes["id"] for _, attributes in tags.found if "id" in attributes]
    assert len(ids) == len(set(ids))
    inside = [link[1:] for link in tags.links() if link and link.startswith("#")]
    assert len(inside) > 12
    assert set(inside) <= set(ids)


def test_missing_results_stay_in_the_denominator() -> None:
    page = render(certificate([result("api/chat/a", Level.MUST, Outcome.PASS)], expected_total=4))
    assert "1 of 4 (25%)" in page
    assert "NO RESULT" in page and "3 of 4 (75%)" in page
    assert "Not every requirement of the profile was run." in page


def test_the_page_without_control_or_results() -> None:
    page = render(certificate([], void="the server never started.", log_tail="\x1b[31mOOM"))
    assert "without a control" in page
    assert "No requirement has a result." in page
    assert ">OOM</pre>" in page
