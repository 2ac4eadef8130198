"""What requirements on tools ask for."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from conformance.api.prompts import is_scripted
from conformance.api.tools.errands import Errand, errand
from conformance.targets.server import ServerTarget


@pytest.fixture
def errands(target: ServerTarget) -> Callable[[str], Errand]:
    """Conversations with tools by name, with the answer where the served model is known to give
    it."""
    return partial(errand, scripted=is_scripted(target.tokenizer_dir))
