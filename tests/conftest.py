"""Property tests are derandomised, so that a pull request fails only by its own doing; the nightly
workflow looks further (MACCORD_HYPOTHESIS=random)."""

from __future__ import annotations

import os
import signal

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


def pytest_configure(config: pytest.Config) -> None:
    """One thread each for torch and NumPy where several workers share the machine: threads that
    wait for each other are slow."""
    if getattr(config.option, "numprocesses", None):
        for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
            os.environ.setdefault(name, "1")
