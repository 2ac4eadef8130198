"""A signal that asks to stop is not forgotten."""

import signal
import threading

import pytest

from conformance.interruption import Interruption


@pytest.fixture
def interruption():
    made = Interruption()
    made.watch()
    yield made
    made.ignore()


def test_nothing_is_raised_that_nobody_asked_for(interruption):
    interruption.check()


def test_a_signal_is_raised_at_once_and_again(interruption):
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        interruption.check()


def test_only_what_raises_is_watched_and_all_is_put_back():
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        interruption = Interruption()
        interruption.watch()
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
        assert signal.getsignal(signal.SIGINT) is not signal.default_int_handler
        interruption.ignore()
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGTERM, before)


def test_another_thread_has_nothing_to_watch():
    thread = threading.Thread(target=Interruption().watch)
    thread.start()
    thread.join()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
