"""What goes on to the origin, and what comes back."""

from __future__ import annotations

from urllib.parse import urlsplit

from http_plumbing import Fields, Request, Response, ask, values
from store import Entry

HOP = {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}
CONDITIONS = {"if-none-match", "if-modified-since"}


def end_to_end(fields: Fields) -> Fields:
    """CA-2: without the fields of one connection."""
    named = {name.strip().lower() for value in values(fields, "connection") for name in value.split(",")}
    return [(name, value) for name, value in fields if name.lower() not in HOP | named]


class Origin:
    """Where answers come from."""

    def __init__(self, url: str, timeout: float) -> None:
        parts = urlsplit(url)
        self.authority = parts.netloc
        self.address = (parts.hostname or "", parts.port or 80)
        self.timeout = timeout

    def fetch(self, request: Request, validated: Entry | None) -> Response:
        """Forward it; with the entry's validators in place of the client's conditions.

        Raises `NoAnswer`, `TooLate`, `CutShort`.
        """
        left_out = {"host", "content-length", "expect"} | (CONDITIONS if validated else set())
        kept = [(name, value) for name, value in end_to_end(request.fields) if name.lower() not in left_out]
        fields = [("Host", self.authority), *kept, ("Via", "1.1 lab")]
        if validated:
            stored = validated.response.fields
            fields += [("If-None-Match", value) for tags in values(stored, "etag")[:1] for value in tags.split(",")[:1]]
            fields += [("If-Modified-Since", value) for value in values(stored, "last-modified")[:1]]
        response = ask(self.address, Request(request.method, request.target, fields, request.body), self.timeout)
        return Response(response.status, end_to_end(response.fields), response.body, response.reason)
