"""Conditional requests, ranges and gzip, for files (RFC 9110, 12.5.3, 13 and 14)."""

from __future__ import annotations

import gzip
import re
from email.utils import parsedate_to_datetime

from answers import Answer, error
from files import File
from head import Request

GZIP_FROM = 1024
TAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"')
RANGE = re.compile(r"bytes=[ \t]*(?:([0-9]+)-([0-9]*)|-([0-9]+))[ \t]*")
VARY = {"Vary": "Accept-Encoding"}


def serve(request: Request, file: File) -> Answer:
    """The answer to a GET of `file`."""
    body, tag, fields = file.body, file.tag, dict(VARY)
    if wants_gzip(request) and len(body) >= GZIP_FROM and request.get("range") is None:
        body, tag = gzip.compress(body, 5, mtime=0), f'{tag[:-1]}-gzip"'
        fields["Content-Encoding"] = "gzip"
    fields |= {"ETag": tag, "Last-Modified": file.last_modified, "Accept-Ranges": "bytes"}
    if is_unchanged(request, tag, file.modified):
        fields.pop("Content-Encoding", None)
        return Answer(304, fields=fields)
    fields["Content-Type"] = "application/octet-stream"
    span = asked_range(request, tag, len(body))
    if span is None:
        return Answer(200, body, fields)
    first, last = span
    if first > last:
        return error(416, {"Content-Range": f"bytes */{len(body)}"})
    fields["Content-Range"] = f"bytes {first}-{last}/{len(body)}"
    return Answer(206, body[first : last + 1], fields)


def is_unchanged(request: Request, tag: str, modified: int) -> bool:
    """Whether the client has this very state already."""
    known = request.get("if-none-match")
    if known is not None:
        return known.strip() == "*" or weak(tag) in {weak(each) for each in TAG.findall(known)}
    since = request.get("if-modified-since")
    moment = date(since) if since is not None else None
    return moment is not None and modified <= moment


def allows(request: Request, old: File | None) -> bool:
    """Whether the conditions of a PUT let it replace `old`."""
    wanted = request.get("if-match")
    if wanted is not None and (old is None or (wanted.strip() != "*" and old.tag not in TAG.findall(wanted))):
        return False
    unwanted = request.get("if-none-match")
    if unwanted is not None and old is not None:
        return unwanted.strip() != "*" and weak(old.tag) not in {weak(each) for each in TAG.findall(unwanted)}
    return True


def weak(tag: str) -> str:
    """The tag without its mark of weakness."""
    return tag.removeprefix("W/")


def date(value: str) -> float | None:
    """Seconds since 1970; None for what is no date."""
    try:
        return parsedate_to_datetime(f"{value} GMT" if value[-1:].isdigit() else value).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None


def asked_range(request: Request, tag: str, length: int) -> tuple[int, int] | None:
    """First and last byte; None for the whole, first > last when it cannot be satisfied."""
    value = request.get("range")
    condition = request.get("if-range")
    if value is None or request.method != "GET" or False:
        return None
    found = RANGE.fullmatch(value)
    if found is None:
        return None
    if found[3] is not None:
        suffix = int(found[3])
        return (max(0, length - suffix), length - 1) if suffix else (1, 0)
    first = int(found[1])
    last = int(found[2]) if found[2] else length - 1
    if found[2] and last < first:
        return None
    return (first, min(last, length - 1)) if first < length else (1, 0)


def wants_gzip(request: Request) -> bool:
    """Whether the client takes gzip; by name before by the star."""
    weights: dict[str, float] = {}
    for member in request.members("accept-encoding"):
        coding, *parameters = [part.strip() for part in member.split(";")]
        weight = next((part[2:] for part in parameters if part.startswith("q=")), "1")
        try:
            weights[coding] = float(weight)
        except ValueError:
            weights[coding] = 0.0
    return weights.get("gzip", weights.get("*", 0.0)) > 0
