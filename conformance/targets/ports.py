"""TCP ports for servers that Maccord starts on this machine."""

from __future__ import annotations

import socket

from conformance.targets.errors import TargetError

HOST = "127.0.0.1"


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nothing listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def require_free(port: int) -> None:
    """Refuses a port that is taken.

    Raises:
        TargetError: something listens on it, or it may not be used.
    """
    with socket.socket() as probe:
        # Without this, connections that were closed a minute ago would count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except (OSError, OverflowError) as error:
            why = getattr(error, "strerror", None) or error
            raise TargetError(
                f"Port {port} of {HOST} cannot be used ({why}); "
                "end what uses it or choose another port."
            ) from error
