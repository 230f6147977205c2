"""A registry of images on loopback: as much of the OCI distribution specification (1.1) as pushing and pulling take."""

from __future__ import annotations

import hashlib
import http.server
import re
import shutil
import threading
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from pathlib import Path

_UPLOADS = re.compile(r"/v2/(?P<name>.+)/blobs/uploads/(?P<upload>[0-9a-f]*)")
_BLOB = re.compile(r"/v2/(?P<name>.+)/blobs/(?P<digest>sha256:[0-9a-f]{64})")
_MANIFEST = re.compile(r"/v2/(?P<name>.+)/manifests/(?P<reference>[^/]+)")
_PIECE = 1 << 20


@dataclass
class Registry:
    """What was pushed.

    Attributes:
        folder: blobs, whatever repository they were pushed to.
        manifests: type and content, by repository and by tag or digest.
        pulled: the repository of each manifest and blob that was sent. (An engine that had an image once keeps its manifest.)
    """

    folder: Path
    manifests: dict[tuple[str, str], tuple[str, bytes]] = field(default_factory=dict)
    pulled: list[str] = field(default_factory=list)

    def __enter__(self) -> str:
        """Serve; returns host and port."""
        registry = self

        class Handler(_Handler):
            room = registry

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        return f"127.0.0.1:{self._server.server_port}"

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    room: Registry

    def do_GET(self) -> None:
        """An API version, a manifest or a blob."""
        if found := _MANIFEST.fullmatch(self.path):
            key = (found["name"], found["reference"])
            if key not in self.room.manifests:
                return self._say(404)
            kind, content = self.room.manifests[key]
            self._note(found["name"])
            fields = {"Content-Type": kind, "Docker-Content-Digest": _digest(content)}
            return self._say(200, content, fields)
        if found := _BLOB.fullmatch(self.path):
            self._note(found["name"])
            return self._blob(self.room.folder / found["digest"], found["digest"])
        return self._say(200 if self.path.rstrip("/") == "/v2" else 404)

    do_HEAD = do_GET  # noqa: N815 - http.server's name

    def do_POST(self) -> None:
        """An upload begins."""
        found = _UPLOADS.fullmatch(urlsplit(self.path).path)
        if found is None:
            return self._say(404)
        upload = uuid.uuid4().hex
        (self.room.folder / upload).touch()
        return self._say(202, fields=_place(found["name"], upload, 0))

    def do_PATCH(self) -> None:
        """A piece of an upload."""
        found = _UPLOADS.fullmatch(urlsplit(self.path).path)
        if found is None:
            return self._say(404)
        file = self.room.folder / found["upload"]
        self._receive(file)
        return self._say(202, fields=_place(found["name"], found["upload"], file.stat().st_size))

    def do_PUT(self) -> None:
        """The end of an upload, or a manifest."""
        target = urlsplit(self.path)
        if found := _MANIFEST.fullmatch(target.path):
            content = self.rfile.read(int(self.headers["Content-Length"]))
            for reference in (found["reference"], _digest(content)):
                self.room.manifests[found["name"], reference] = (self.headers["Content-Type"], content)
            return self._say(201, fields={"Docker-Content-Digest": _digest(content)})
        if found := _UPLOADS.fullmatch(target.path):
            file, digest = self.room.folder / found["upload"], parse_qs(target.query)["digest"][0]
            self._receive(file)
            with file.open("rb") as data:
                if f"sha256:{hashlib.file_digest(data, 'sha256').hexdigest()}" != digest:
                    return self._say(400)
            file.rename(self.room.folder / digest)
            return self._say(201, fields={"Location": f"/v2/{found['name']}/blobs/{digest}"})
        return self._say(404)

    def _receive(self, file: Path) -> None:
        """Add the request's body to it."""
        with file.open("ab") as target:
            if self.headers.get("Transfer-Encoding") == "chunked":
                while size := int(self.rfile.readline(), 16):
                    target.write(self.rfile.read(size))
                    self.rfile.readline()
                self.rfile.readline()
                return
            left = int(self.headers.get("Content-Length") or 0)
            while left and (piece := self.rfile.read(min(left, _PIECE))):
                target.write(piece)
                left -= len(piece)

    def _note(self, repository: str) -> None:
        if self.command == "GET":
            self.room.pulled.append(repository)

    def _blob(self, file: Path, digest: str) -> None:
        if not file.exists():
            return self._say(404)
        self.send_response(200)
        self.send_header("Content-Length", str(file.stat().st_size))
        self.send_header("Docker-Content-Digest", digest)
        self.end_headers()
        if self.command == "GET":
            with file.open("rb") as content:
                shutil.copyfileobj(content, self.wfile)
        return None

    def _say(self, status: int, content: bytes = b"", fields: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(content))} | (fields or {})).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
        """Not into the tests' output."""


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _place(name: str, upload: str, size: int) -> dict[str, str]:
    received = f"0-{max(size - 1, 0)}"
    return {"Location": f"/v2/{name}/blobs/uploads/{upload}", "Docker-Upload-UUID": upload, "Range": received}
