"""The report of a run: certificate, JUnit file, page and terminal summary."""

from __future__ import annotations

from pathlib import Path

from conformance.report.certificate import Certificate, write
from conformance.report.junit import write_junit
from conformance.report.page import write_page

__all__ = ["write_report"]


def write_report(certificate: Certificate, folder: Path) -> list[Path]:
    """Write `certificate.json`, `junit.xml` and `report.html` to `folder`; returns their paths.

    Raises:
        CertificateError: the certificate does not match its schema or contradicts itself; nothing
            is written then.
    """
    files = [folder / name for name in ("certificate.json", "junit.xml", "report.html")]
    write(certificate, files[0])
    write_junit(certificate, files[1])
    write_page(certificate, files[2])
    return files
