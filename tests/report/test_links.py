"""What a server sent becomes a link only where it leads to a page."""

from __future__ import annotations

import pytest

from conformance.report.page import _web_link


@pytest.mark.parametrize(
    ("text", "links"),
    [
        ("https://example.com/issues/12", True),
        ("http://example.com", True),
        ("HTTP://example.com", True),
        ("javascript:alert(1)", False),
        ("https:example.com", False),
        ("//example.com", False),
        ("http://[", False),
        ("", False),
        (None, False),
    ],
)
def test_only_the_web_is_linked(text: str | None, links: bool) -> None:
    assert _web_link(text) is links
