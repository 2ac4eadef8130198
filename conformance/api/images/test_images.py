"""POST /chat/completions with images: what the model sees of them."""

from __future__ import annotations

from functools import partial

import pytest

from conformance.api import expect, seeing, streams
from conformance.api.messages.asking import MessagesApi
from conformance.api.optional import Once
from conformance.api.responses.asking import Responses
from conformance.api.seeing import Viewer, about, image, parts, picture, text
from conformance.api.transport.crowd import at_once
from conformance.requirements import MAY, MUST, SHOULD, requirement
from fixtures import images
from fixtures.goldens.tasks.views import ASKED, VIEWS

CREATE = "OpenAI chat.completions.create: messages[].content[].image_url"


@requirement(
    "api/images/golden",
    MUST,
    source="transformers in float32 on a CPU: fixtures/goldens/tasks",
    accepts="messages",
    honours="messages, logprobs, top_logprobs",
)
@pytest.mark.parametrize("view", VIEWS)
def test_golden(viewer: Viewer, view: str) -> None:
    """An answer to images and text MUST be the checkpoint's own: the length of the prompt, the
    first token's log probabilities within twice what bfloat16 is off on a CPU, and the tokens that
    are further ahead than that.

    Colours in another order, another layer of the tower or a picture at another place give fluent
    answers, too.
    """
    seeing.as_golden(viewer.see(parts(view)), viewer.golden(view))


FORMS = {
    "jpeg": images.url(images.mosaic_jpeg(), "jpeg"),
    "jpg": images.url(images.mosaic_jpeg(), "jpg"),
    "png-alpha": images.url(images.png_with_alpha(images.PICTURES["mosaic"])),
    "png-palette": images.url(images.png_with_palette(images.PICTURES["mosaic"])),
}


@requirement("api/images/form", MUST, source=f"{CREATE}.url: PNG, JPEG", accepts="messages")
@pytest.mark.parametrize("form", FORMS)
def test_form(viewer: Viewer, form: str) -> None:
    """The same picture as JPEG, as PNG, and as PNG with an opaque fourth channel or a palette MUST
    be answered alike.

    Cameras write the one and screenshots the others.
    """
    found = viewer.see(about(image(FORMS[form])))
    seeing.same(found, viewer.see(about(picture("mosaic"))), what=f"The picture as {form}")


@requirement("api/images/image-matters", MUST, source=CREATE, honours="messages")
def test_image_matters(viewer: Viewer) -> None:
    """Another picture of the same size MUST change the log probabilities, and the first one again
    be answered as before.

    A server that never reads the file, or takes a picture from a cache by its size alone, answers
    just as fluently.
    """
    ball, mirrored, again = (
        viewer.see(about(picture(name))) for name in ("ball", "mirrored", "ball")
    )
    seeing.others(mirrored, ball, what="Another picture")
    seeing.same(again, ball, what="The same picture")


@requirement("api/images/usage", MUST, source=f"{CREATE}; usage.prompt_tokens", honours="messages")
def test_usage(viewer: Viewer) -> None:
    """`usage` MUST count the tokens of each image, and the total be the sum.

    An image takes hundreds of tokens: programs that budget without them overrun the context.
    """
    found = [viewer.see(parts(view)).usage for view in ("none", "ball", "two")]
    seeing.counted([usage.prompt_tokens for usage in found])
    for usage in found:
        total = usage.prompt_tokens + usage.completion_tokens
        expect.same(usage.total_tokens, total, what="The total")


@requirement("api/images/place", MUST, source=f"{CREATE}; the chat template", honours="messages")
def test_place(viewer: Viewer) -> None:
    """An image before the text MUST be answered otherwise than one behind it.

    A template that collects all images at the beginning breaks every "the first … the second".
    """
    seeing.others(viewer.see(parts("after")), viewer.see(parts("ball")), what="The image's place")


@requirement("api/images/several", MUST, source=CREATE, accepts="messages", honours="messages")
def test_several(viewer: Viewer) -> None:
    """Two images in one message MUST both be seen, each at its place.

    "What has changed between them?" is asked with two; only the last one is seen by servers that
    keep one.
    """
    both, swapped, first, second = (
        viewer.see(parts(view)) for view in ("two", "two-swapped", "ball", "stripes")
    )
    seeing.others(both, second, what="The first image")
    seeing.others(both, first, what="The second image")
    seeing.others(swapped, both, what="The order of two images")


@requirement("api/images/earlier-turn", MUST, source=CREATE, honours="messages")
def test_earlier_turn(viewer: Viewer) -> None:
    """An image of an earlier turn MUST still be seen in the next one.

    Every second question about a picture is asked without sending it again in the last message.
    """

    def conversation(name: str) -> list[dict[str, object]]:
        return [
            {"role": "user", "content": about(picture(name))},
            {"role": "assistant", "content": "A ball."},
            {"role": "user", "content": "Which colour?"},
        ]

    ball, stripes = (viewer.see([], messages=conversation(name)) for name in ("ball", "stripes"))
    seeing.others(stripes, ball, what="An image of an earlier turn")


@requirement("api/images/detail", SHOULD, source=f"{CREATE}.detail", accepts="messages")
@pytest.mark.parametrize("detail", ["auto", "low", "high"])
def test_detail(viewer: Viewer, detail: str) -> None:
    """An image with `detail` SHOULD be seen as well; vLLM reads every detail in the same way.

    Clients send it with every image.
    """
    found, none = viewer.see(about(picture("ball", detail=detail))), viewer.see(parts("none"))
    seeing.others(found, none, what=f"An image with `detail: {detail}`")


SIZES = {"wide": (300, 40), "tall": (40, 300), "large": (640, 480), "small": (8, 8)}


@requirement("api/images/size", SHOULD, source=CREATE, accepts="messages", honours="messages")
@pytest.mark.parametrize("size", SIZES)
def test_size(viewer: Viewer, size: str) -> None:
    """An image of any size SHOULD be seen: two that differ in colour have two answers.

    Nobody cuts pictures to the model's size.
    """
    dark, bright = (
        images.url(images.png(images.drawn(lambda x, y, c=c: c, *SIZES[size])))  # type: ignore[misc]
        for c in ((20, 0, 90), (240, 250, 120))
    )
    found = [viewer.see(about(image(address))) for address in (dark, bright)]
    seeing.others(*found, what="The colour of an image")


@requirement("api/images/stream", MUST, source=f"{CREATE}; stream", alone=True, honours="stream")
def test_stream(viewer: Viewer) -> None:
    """A streamed answer to an image MUST be the text and usage of the same request answered at
    once.

    Chats with pictures are streamed as all others.
    """
    whole = viewer.see(parts("mosaic"))
    chunks = viewer.stream(parts("mosaic")).chat_chunks()
    streams.same_text(streams.text(chunks), whole.text)
    expect.same_counts(streams.usage(chunks), whole.usage, what="a stream")


@requirement("api/images/in-company", MUST, source="alone or among others", honours="messages")
def test_in_company(viewer: Viewer) -> None:
    """Requests with different images at the same time MUST each be answered as alone.

    Pictures of several people are in one batch; one that lands at another's place tells a stranger
    about them.
    """
    views = ["ball", "mosaic", "none", "two", "stripes", "mirrored"]
    alone = [viewer.see(parts(view)) for view in views]
    together = at_once([partial(viewer.see, parts(view)) for view in views])
    for view, found, right in zip(views, together, alone, strict=True):
        seeing.same(found, right, what=f"The view {view!r} among others")


@requirement(
    "api/images/responses",
    SHOULD,
    source="OpenAI responses.create: input[].content[].input_image",
    alone=True,
    profiles=("api",),
    accepts="responses.create: input",
    honours="responses.create: input",
)
def test_responses(viewer: Viewer) -> None:
    """An image in the Responses API SHOULD have the prompt and the answer that it has in a chat.

    Newer clients send their pictures there.
    """
    chat = viewer.see(parts("mosaic"))
    address = images.url(images.png(images.PICTURES["mosaic"]))
    content = [
        {"type": "input_image", "image_url": address, "detail": "auto"},
        {"type": "input_text", "text": ASKED},
    ]
    api = Responses(viewer.client, viewer.target.model, Once())
    found = api.say([{"role": "user", "content": content}], max_output_tokens=seeing.STEPS)
    usage = found.body.usage
    expect.same(usage and usage.input_tokens, chat.usage.prompt_tokens, what="The prompt")
    expect.same(found.text, chat.text, what="The answer")


@requirement(
    "api/images/messages",
    SHOULD,
    source="Anthropic messages: image",
    alone=True,
    profiles=("api",),
    accepts="/v1/messages: messages",
    honours="/v1/messages: messages",
)
def test_messages(viewer: Viewer) -> None:
    """An image in Anthropic's form SHOULD have the prompt and the answer that it has in a chat.

    Agents that look at screens send it so.
    """
    chat = viewer.see(parts("mosaic"))
    data = images.url(images.png(images.PICTURES["mosaic"])).partition(",")[2]
    source = {"type": "base64", "media_type": "image/png", "data": data}
    content = [{"type": "image", "source": source}, text(ASKED)]
    api = MessagesApi(viewer.client, viewer.target.model, Once())
    found = api.say([{"role": "user", "content": content}], max_tokens=seeing.STEPS)
    expect.same(found.body.usage.prompt, chat.usage.prompt_tokens, what="The prompt")
    expect.same(found.text, chat.text, what="The answer")


@requirement("api/images/uuid", MAY, source="vLLM: uuid of a part", accepts="messages")
def test_uuid(viewer: Viewer) -> None:
    """A part with an image MAY carry a `uuid`, by which it is cached, and is seen as without.

    Agents send one screenshot many times.
    """
    named = {**picture("stripes"), "uuid": "maccord-stripes"}
    plain = viewer.see(parts("stripes"))
    seeing.same(viewer.see(about(named)), plain, what="An image with a `uuid`")
