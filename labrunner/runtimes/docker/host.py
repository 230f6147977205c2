"""What of the host's way to the internet a build is told: proxies, certificates, and where Go modules come from."""

from __future__ import annotations

import os
from pathlib import Path

_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")
_MODULES = ("GOPROXY", "GOPRIVATE", "GONOPROXY", "GOSUMDB", "GONOSUMDB", "GOINSECURE")
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


def modules() -> dict[str, str]:
    """Where Go looks for modules; the empty GOPROXY stands for Go's own, which the image's ``off`` must not hide."""
    return {"GOPROXY": "", **{name: os.environ[name] for name in _MODULES if os.environ.get(name)}}


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
