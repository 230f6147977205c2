"""What of the host's way to the internet a build is told: proxies, and the certificates that they may need."""

from __future__ import annotations

import os
from pathlib import Path

_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")
_BUNDLES = ("PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")
_USUAL = (
    Path("/etc/ssl/certs/ca-certificates.crt"),
    Path("/etc/pki/tls/certs/ca-bundle.crt"),
    Path("/etc/ssl/cert.pem"),
)
MOST_BYTES = 4 * 1024 * 1024


def proxies() -> dict[str, str]:
    """The proxy variables that are set here."""
    return {name: os.environ[name] for name in _PROXIES if os.environ.get(name)}


def bundle() -> bytes:
    """The certificates that this machine trusts, as PEM; empty where there are none to be found."""
    named = [Path(os.environ[name]) for name in _BUNDLES if os.environ.get(name)]
    for path in (*named, *_USUAL):
        try:
            data = path.read_bytes()
        except OSError:
            continue
        if b"BEGIN CERTIFICATE" in data and len(data) <= MOST_BYTES:
            return data
    return b""


def trust(path: str) -> dict[str, str]:
    """The variables that point every package manager of ours to the bundle at `path`."""
    names = ("PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")
    return dict.fromkeys(names, path)
