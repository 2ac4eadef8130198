"""POST /chat/completions with images: what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from conformance.api import expect, invalid, seeing
from conformance.api.seeing import Part, Viewer, about, image, parts, picture
from conformance.requirements import MUST, SHOULD, requirement
from conformance.targets.ports import free_port
from fixtures import images
from fixtures.images import PICTURES, png, url

CREATE = "OpenAI chat.completions.create: messages[].content[].image_url"
BALL = png(PICTURES["ball"])

NOT_SERVED = frozenset({*expect.INVALID, 501})
"""For an address of a kind that a server does not do."""

NOT_REACHED = frozenset({*NOT_SERVED, 403, 404, 424, 500, 502, 504})
"""For an address that is sound, and at which nothing is to be had."""

FILES = {
    "text": url(b"This is not a picture, but a text of a line."),
    "empty": url(b""),
    "cut": url(BALL[: len(BALL) // 2]),
    "cut-in-its-head": url(BALL[:20]),
    "cut-jpeg": url(images.mosaic_jpeg()[:300], "jpeg"),
    "without-pixels": url(png([[]])),
}

ADDRESSES = {
    "broken-base64": "data:image/png;base64,!!! this is no base64 !!!",
    "without-comma": "data:image/png;base64",
    "not-base64": "data:image/png,abc",
    "empty": "",
    "ftp": "ftp://127.0.0.1/ball.png",
    "unknown-scheme": "picture:ball",
    "path": "/etc/hostname",
}

WRONG: dict[str, Part] = {
    "url-missing": {"type": "image_url", "image_url": {}},
    "url-number": {"type": "image_url", "image_url": {"url": 5}},
    "url-null": {"type": "image_url", "image_url": {"url": None}},
    "image-missing": {"type": "image_url"},
    "image-number": {"type": "image_url", "image_url": 5},
    "detail": picture("ball", detail="microscopic"),
    "kind": {"type": "picture", "picture": {"url": url(BALL)}},
}


def refused(viewer: Viewer, part: Part, what: str, **more: Any) -> None:
    """A message with this part is refused, and the next one answered as the one before."""
    before = viewer.see(parts("stripes"))
    expect.refused(viewer.post(about(part)), what=what, **more)
    seeing.same(viewer.see(parts("stripes")), before, what="A picture after a refusal")


@requirement(
    "api/images/wrong-file", MUST, source=f"{CREATE}; vLLM answers 400", refuses="messages"
)
@pytest.mark.parametrize("case", FILES)
def test_wrong_file(viewer: Viewer, case: str) -> None:
    """What is no picture, or the beginning of one, MUST be refused with 400 or 422 and an OpenAI
    error, and the next picture answered as before.

    A model that is shown nothing describes it all the same, and is believed.
    """
    refused(viewer, image(FILES[case]), "A file that is no picture")


@requirement(
    "api/images/wrong-address",
    MUST,
    source=f"{CREATE}.url; vLLM answers 400, and 501 to data that is not in base64",
    refuses="messages",
)
@pytest.mark.parametrize("case", ADDRESSES)
def test_wrong_address(viewer: Viewer, case: str) -> None:
    """An address that holds no picture and leads to none MUST be refused with 400, 422 or 501 and
    an OpenAI error, and the next picture answered as before.

    As above; and a path that is opened gives the server's own files away.
    """
    refused(viewer, image(ADDRESSES[case]), "An address of no picture", statuses=NOT_SERVED)


@requirement(
    "api/images/unreachable",
    MUST,
    source=f"{CREATE}.url; vLLM 0.32 answers 500 with an error, where OpenAI answers 400",
    refuses="messages",
)
@pytest.mark.parametrize("case", ["http", "file"])
def test_unreachable(viewer: Viewer, case: str) -> None:
    """An address at which nothing answers, or of a file of the server, MUST be answered with an
    OpenAI error, and the next picture as before.

    A page that is down for a minute is no picture; and files are nobody's who can ask.
    """
    address = {"http": f"http://127.0.0.1:{free_port()}/ball.png", "file": "file:///etc/hostname"}
    refused(viewer, image(address[case]), "An address of nothing", statuses=NOT_REACHED)


@requirement("api/images/wrong-part", SHOULD, source=f"{CREATE}; vLLM 400", refuses="messages")
@pytest.mark.parametrize("case", WRONG)
def test_wrong_part(viewer: Viewer, case: str) -> None:
    """A part with a wrong field SHOULD be refused with 400 or 422 and an OpenAI error, and the next
    picture answered as before.

    A picture that falls out of a message without a word leaves a question about nothing.
    """
    refused(viewer, WRONG[case], f"A part with a wrong {case.partition('-')[0]}")


@requirement(
    "api/images/too-many", SHOULD, source=f"{CREATE}; vLLM answers 400", refuses="messages"
)
def test_too_many(viewer: Viewer) -> None:
    """Images that take more than the context SHOULD be refused with 400 or 422.

    One that is left out without a word is the one that was asked about.
    """
    limit = invalid.context_length(viewer.target)
    none, one = (viewer.see(parts(view)).usage.prompt_tokens for view in ("none", "stripes"))
    seeing.counted([none, one])
    many = [picture("stripes")] * (limit // (one - none) + 1)
    expect.refused(viewer.post(many), what="More images than fit")
