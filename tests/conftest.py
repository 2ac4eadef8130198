"""Property tests are derandomised, so that a pull request fails only by its own doing; the nightly
workflow looks further (MACCORD_HYPOTHESIS=random)."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest
from hypothesis import settings

settings.register_profile("fixed", derandomize=True, deadline=None)
settings.register_profile("random", deadline=None, max_examples=500, print_blob=True)
settings.load_profile(os.environ.get("MACCORD_HYPOTHESIS", "fixed"))

# Whoever starts the tests in the background, or with nohup, lets them ignore what is to be tested.
for ignored in (signal.SIGINT, signal.SIGHUP):
    if signal.getsignal(ignored) is signal.SIG_IGN:
        signal.signal(
            ignored, signal.default_int_handler if ignored == signal.SIGINT else signal.SIG_DFL
        )


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """torch on one thread: several workers share the machine, and threads that wait for each other
    are slow."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
