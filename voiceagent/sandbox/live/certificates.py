"""A certificate authority of its own, made at start: google-genai speaks TLS only."""

from __future__ import annotations

import ssl
from pathlib import Path

import trustme


def make_certificate(host: str, folder: Path) -> tuple[ssl.SSLContext, Path]:
    """Make an authority and a certificate for loopback and ``host``.

    It computes for some milliseconds: call it in a thread from async code.

    Returns:
        The server's TLS context, and the authority's certificate in ``folder``, PEM.
    """
    authority = trustme.CA(organization_name="voiceagent sandbox")
    names = dict.fromkeys(("localhost", "127.0.0.1", "::1", *([] if host in _ANY else [host])))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    ca_file = folder / "sandbox-ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    return context, ca_file


_ANY = ("", "0.0.0.0", "::")
