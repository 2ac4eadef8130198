"""The page as a browser shows it: on a phone, on a desk, on paper."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Dialog, Page, sync_playwright

from conformance.report import write_report
from conformance.report.certificate import Certificate
from tests.report.browser import LAUNCH_ARGUMENTS, find_browser
from tests.report.comparisons import comparisons
from tests.report.samples import MARKUP, hostile, of_several_models, realistic

PHONE, DESK = 390, 1280


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = find_browser()
    if path is None:
        says = "needs Chromium or Chrome on this machine"
        if os.environ.get("CI"):
            pytest.fail(f"{says}: a CI without one would never look at the page")
        pytest.skip(says)
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=LAUNCH_ARGUMENTS)
        yield launched
        launched.close()


@dataclass
class Visit:
    """An open page, and what it did that it should not do."""

    page: Page
    address: str
    width: int
    console: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)

    def open(self) -> None:
        page = self.page
        page.on("console", lambda message: self.console.append(message.text))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("dialog", self._dialog)
        page.goto(self.address)

    def _dialog(self, dialog: Dialog) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    def assert_quiet(self) -> None:
        assert (self.console, self.errors, self.dialogs) == ([], [], [])
        assert self.requests == [self.address]

    def assert_fits(self) -> None:
        """Nothing is wider than the window, and no box hides what stands beside its edge."""
        assert self.page.evaluate("document.documentElement.scrollWidth") <= self.width
        wide = self.page.evaluate(
            "width => [...document.querySelectorAll('body *')]"
            ".filter(e => e.getBoundingClientRect().right > width + 0.5).map(e => e.outerHTML)",
            self.width,
        )
        assert wide == []


Open = Callable[..., Visit]


@pytest.fixture
def visit(browser: Browser, tmp_path: Path) -> Iterator[Open]:
    contexts = []

    def visit(certificate: Certificate, width: int, **options: Any) -> Visit:
        report = write_report(certificate, tmp_path)[2]
        context = browser.new_context(viewport={"width": width, "height": 844}, **options)
        contexts.append(context)
        visited = Visit(context.new_page(), report.as_uri(), width)
        visited.open()
        return visited

    yield visit
    for context in contexts:
        context.close()


@pytest.mark.parametrize("width", [PHONE, DESK])
def test_everything_is_there(visit: Open, width: int) -> None:
    visited = visit(realistic(), width)
    page, made = visited.page, realistic()
    assert page.locator("h1").inner_text() == made.verdict.sentence
    headings = [text.split("\n")[0] for text in page.locator("section h2").all_inner_texts()]
    assert "Silent departures" in headings[0]
    assert "Failures" in headings[1]
    tops = [page.locator(id).evaluate("e => e.offsetTop") for id in ("#silent", "#fail", "#matrix")]
    assert tops == sorted(tops)
    assert page.locator("#matrix tr.row").count() == len(made.results)
    departing = [r for r in made.results if r.exchanges]
    assert page.locator(".curl code").count() == len(departing)
    assert page.get_by_text("choices[0] has: finish_reason, index, message").is_visible()
    visited.assert_fits()
    visited.assert_quiet()


@pytest.mark.parametrize("width", [PHONE, DESK])
def test_hostile_text_does_nothing(visit: Open, width: int) -> None:
    visited = visit(hostile(), width)
    page = visited.page
    assert MARKUP in page.locator("main").inner_text()
    assert page.evaluate("document.scripts.length") == 1
    assert page.locator("img").count() == 0
    assert page.title() != "owned"
    visited.assert_fits()
    visited.assert_quiet()


def test_a_response_opens_without_breaking_the_page(visit: Open) -> None:
    visited = visit(realistic(), PHONE)
    finding = visited.page.locator("details.finding", has_text="api/chat/logprobs-top").first
    response = finding.locator("pre.response")
    assert not response.is_visible()
    finding.locator(".exchange summary").click()
    assert response.is_visible()
    assert "HTTP/1.1 200 OK" in response.inner_text()
    visited.assert_fits()


def test_copy_puts_the_curl_line_on_the_clipboard(visit: Open) -> None:
    visited = visit(realistic(), DESK)
    page = visited.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.locator("button.copy").first.click()
    page.get_by_text("Copied", exact=True).wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == page.locator(".curl code").first.text_content()
    assert copied.startswith("curl -sS")


def test_a_link_in_the_matrix_opens_its_finding(visit: Open) -> None:
    page = visit(realistic(), DESK).page
    # The fourth of its cause starts folded.
    finding = page.locator("details.finding", has_text="api/chat/ignored[presence_penalty]")
    assert finding.get_attribute("open") is None
    page.locator("#matrix a", has_text="api/chat/ignored[presence_penalty]").click()
    finding.locator(".pair").wait_for(state="visible", timeout=2000)


@pytest.mark.parametrize("width", [PHONE, DESK])
def test_paper_shows_what_is_folded(visit: Open, width: int) -> None:
    visited = visit(realistic(), width, color_scheme="dark")
    page = visited.page
    responses = page.locator("pre.response")
    assert not any(responses.nth(n).is_visible() for n in range(responses.count()))
    page.emulate_media(media="print", color_scheme="dark")
    assert responses.count() == 12
    for n in range(responses.count()):
        assert responses.nth(n).evaluate("e => e.offsetHeight") > 10
        assert responses.nth(n).is_visible()
    assert not page.locator("button.copy").first.is_visible()
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == "rgb(255, 255, 255)"
    ink = "getComputedStyle(document.body).color.match(/\\d+/g).map(Number)"
    assert max(page.evaluate(ink)) < 64
    visited.assert_fits()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [PHONE, DESK])
def test_the_numerics_are_told(visit: Open, width: int, scheme: str) -> None:
    visited = visit(of_several_models(), width, color_scheme=scheme)
    page = visited.page
    shown = page.locator("details.compared")
    names = shown.locator("> summary .id").all_inner_texts()
    assert names[:2] == ["gemma2-softcap", "mistral-window"]
    assert [shown.nth(n).get_attribute("open") is None for n in range(4)] == [
        False, False, True, True,
    ]  # fmt: skip
    plot = shown.nth(1).locator(".chart svg")
    assert plot.is_visible()
    told = (plot.get_attribute("aria-labelledby") or "").split()
    texts = [page.locator(f"#{id}").text_content() or "" for id in told]
    assert "mistral-window" in texts[0]
    assert "above the largest of production's own at positions 32 to 63" in texts[1]
    assert shown.nth(0).get_by_text("Seen by prompt_logprobs at ").is_visible()
    parting = shown.nth(0).locator(".parting").first
    assert parting.locator("mark").count() == 2
    boxes = [parting.locator("figure").nth(n).bounding_box() for n in range(2)]
    assert boxes[0] and boxes[1]
    assert (boxes[0]["y"] == boxes[1]["y"]) == (width == DESK), "side by side where there is room"
    visited.assert_fits()
    visited.assert_quiet()


def test_what_is_inside_is_one_line_until_it_is_asked(visit: Open) -> None:
    visited = visit(of_several_models(), DESK)
    inside = visited.page.locator("details.compared.pass").first
    assert inside.evaluate("e => e.offsetHeight") < 60
    assert inside.locator("svg.spark").is_visible()
    assert not inside.locator(".chart").is_visible()
    inside.locator("> summary").click()
    assert inside.locator(".chart").is_visible()
    inside.locator(".more > summary").first.click()
    assert inside.locator(".more .numbers").first.is_visible()
    visited.assert_fits()


def test_the_plots_are_on_paper(visit: Open) -> None:
    visited = visit(of_several_models(), DESK, color_scheme="dark")
    page = visited.page
    page.emulate_media(media="print", color_scheme="dark")
    outside = page.locator("details.compared.fail").first
    assert outside.locator(".chart svg").is_visible()
    assert outside.locator(".more .numbers").first.is_visible()
    inside = page.locator("details.compared.pass").first
    assert inside.locator("svg.spark").is_visible()
    assert not inside.locator(".chart").is_visible()
    visited.assert_fits()


def test_quantised_weights_are_said_at_the_top(visit: Open) -> None:
    found = [{**each, "quantised": {"bits": 4}} for each in comparisons()]
    page = visit(replace(of_several_models(), numerics=found), PHONE).page
    assert page.locator("header .quantised").inner_text() == "Quantised: 4-bit weights"


def test_dark_is_dark(visit: Open) -> None:
    page = visit(realistic(), PHONE, color_scheme="dark").page
    channels = "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)"
    assert max(page.evaluate(channels)) < 64
