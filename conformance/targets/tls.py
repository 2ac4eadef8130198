"""Which certificates are trusted: what a person's machine trusts, read once a process.

Reading them takes a tenth of a second of a core, and a run makes hundreds of clients.
"""

from __future__ import annotations

import ssl
from functools import cache

import httpx


@cache
def trusted() -> ssl.SSLContext:
    """The context of all connections by TLS; `SSL_CERT_FILE` and `SSL_CERT_DIR` count."""
    return httpx.create_ssl_context()
