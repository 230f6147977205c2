"""A Go module, a proxy of modules that is a folder, and a solution that needs the module."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

MODULE = {
    "go.mod": "module example.com/greet\n\ngo 1.24\n",
    "greet.go": 'package greet\n\nfunc Hello() string { return "hello" }\n',
}
SUMS = """\
example.com/greet v1.0.0 h1:kFjMg+6beb/YH7WVJV+qU7ZAE3QOVAR9e84ghC+QDc0=
example.com/greet v1.0.0/go.mod h1:WtYf1HGpkE+LZeokCowx6tOFQmTZCdXnYgb2vii/E7E=
"""
BUILD = ("go", "build", "-o", "service", ".")


def make_proxy(root: Path) -> None:
    """Fill `root` with the module, and with what tells that any proxy answers (`GO_PROBE`)."""
    folder = root / "example.com" / "greet" / "@v"
    _describe(folder, MODULE["go.mod"])
    with zipfile.ZipFile(folder / "v1.0.0.zip", "w") as archive:
        for name, text in MODULE.items():
            archive.writestr(f"example.com/greet@v1.0.0/{name}", text)
    _describe(root / "github.com" / "google" / "uuid" / "@v", "module github.com/google/uuid\n")


def _describe(folder: Path, manifest: str) -> None:
    folder.mkdir(parents=True)
    (folder / "list").write_text("v1.0.0\n")
    (folder / "v1.0.0.info").write_text('{"Version": "v1.0.0", "Time": "2026-01-01T00:00:00Z"}')
    (folder / "v1.0.0.mod").write_text(manifest)


def solution(program: str, version: str = "v1.0.0") -> dict[str, str]:
    """The files of a solution whose `program` imports the module."""
    required = f"module service\n\ngo 1.24\n\nrequire example.com/greet {version}\n"
    return {"go.mod": required, "go.sum": SUMS, "main.go": program}
