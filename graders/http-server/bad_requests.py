"""Requests that a server must refuse, and some that look so but are right: one table, with the sections that say so.

Each case is wrong in one way only. The first two of the answer's possible outcomes are written as:

* `refused`: the statuses with which it may be refused; the connection then ends, and nothing after it is answered.
* `served`: what the body of a 200 must be, where the contract lets the server (or makes it) serve the request.

Whatever the server takes the case for, `POISON` hides in it, or comes after it, and must never be answered where the
case is refused; where it is served, only what lies beyond its body is.
"""

from __future__ import annotations

from dataclasses import dataclass

from labrunner.checks import raw_request

POISON = raw_request("/echo/poison")


@dataclass(frozen=True)
class Case:
    """One request.

    Attributes:
        name: what is wrong with it, for people.
        section: of RFC 9112 unless it says otherwise.
        data: what is sent, all at once; POISON comes after it.
        refused: statuses.
        served: the body of a 200; None where it must be refused.
    """

    name: str
    section: str
    data: bytes
    refused: tuple[int, ...] = (400,)
    served: bytes | None = None


def get(*lines: str, start: str = "GET / HTTP/1.1", host: str = "Host: lab") -> bytes:
    """A head of these lines; those of `lines` are sent as they are, latin-1."""
    head = [start, *([host] if host else []), *lines]
    return "".join(f"{line}\r\n" for line in head).encode("latin-1") + b"\r\n"


def post(*lines: str, body: bytes = b"", start: str = "POST /echo HTTP/1.1") -> bytes:
    """``POST /echo`` with these lines and what comes after them."""
    return get(*lines, start=start) + body


CHUNKED = "Transfer-Encoding: chunked"
ONE_CHUNK = b"5\r\nhello\r\n0\r\n\r\n"
ENDLESS = b"hello\r\n0\r\n\r\n" + POISON + b"a" * (1_200_000)
"""More than 1 MiB of a huge chunk, so that a server that counts what arrives must have refused it, too. One whose numbers
overflow sees a chunk of five bytes, the end of the body, and a request."""
ENDED = b"0\r\n\r\n" + POISON
"""A chunk's data; whoever takes the line with its size for data sees the last chunk, and a request."""
KELVIN = "chun\u212aed".encode().decode("latin-1")
HIDDEN = f"{len(POISON):x}\r\n".encode() + POISON + b"\r\n0\r\n\r\n"

REQUEST_LINES = (
    Case("two spaces after the method", "3", get(start="GET  / HTTP/1.1")),
    Case("two spaces before the version", "3", get(start="GET /  HTTP/1.1")),
    Case("a space at the end of the line", "3", get(start="GET / HTTP/1.1 ")),
    Case("a space at the start of the line", "3", get(start=" GET / HTTP/1.1")),
    Case("a tab instead of a space", "3", get(start="GET\t/ HTTP/1.1")),
    Case("a space in the target", "3.2", get(start="GET /a b HTTP/1.1")),
    Case("no version", "3", get(start="GET /")),
    Case("no target", "3", get(start="GET HTTP/1.1")),
    Case("a method that is no token", "9110, 5.6.2", get(start="G(T / HTTP/1.1")),
    Case("a version in lower case", "2.3", get(start="GET / http/1.1")),
    Case("a version without a dot", "2.3", get(start="GET / HTTP/11")),
    Case("a version with a letter", "2.3", get(start="GET / HTTP/1.x")),
    Case("another protocol", "2.3", get(start="GET / HTTQ/1.1")),
    Case("NUL in the target", "3.2", get(start="GET /\0 HTTP/1.1")),
    Case("a bare CR in the line", "2.2", get(start="GET /\r HTTP/1.1")),
)
VERSIONS = (
    Case("major version 2", "9110, 15.6.6", get(start="GET / HTTP/2.0"), (505,)),
    Case("major version 3", "9110, 15.6.6", get(start="GET / HTTP/3.1"), (505,)),
    Case("minor version 2", "9110, 2.5", get(start="GET / HTTP/1.2"), (), b"ok\n"),
)
HOSTS = (
    Case("no Host", "3.2", get(host="")),
    Case("two equal Hosts", "3.2", get("Host: lab")),
    Case("two Hosts in other case", "3.2", get("hOST: other")),
    Case("no Host in a request with a target in absolute-form", "3.2", get(host="", start="GET http://lab/ HTTP/1.1")),
)
FIELDS = (
    Case("a space before the colon", "5.1", get("X-A : 1")),
    Case("a tab before the colon", "5.1", get("X-A\t: 1")),
    Case("a blank before the first field", "2.2", get("Host: lab", host=" X-A: 1")),
    Case("obs-fold", "5.2", get("X-A: 1", " 2")),
    Case("obs-fold with a tab", "5.2", get("X-A: 1", "\t2")),
    Case("an empty name", "9110, 5.1", get(": 1")),
    Case("a line without a colon", "5", get("X-A")),
    Case("a space in a name", "9110, 5.1", get("X A: 1")),
    Case("a name that is no token", "9110, 5.1", get("X(A): 1")),
    Case("a name beyond ASCII", "9110, 5.1", get("X-\xe9: 1")),
    Case("NUL in a value", "9110, 5.5", get("X-A: 1\0")),
    Case("NUL in a name", "9110, 5.1", get("X-\0A: 1")),
    Case("a bare CR in a value", "2.2", get("X-A: 1\r2")),
    Case("a bare CR as the end of a line", "2.2", get("X-A: 1\rX-B: 2")),
    Case("bare LF as the ends of all lines", "2.2", b"GET / HTTP/1.1\nHost: lab\n\n", (400,), b"ok\n"),
    Case("a bare LF as the end of one line", "2.2", b"GET / HTTP/1.1\r\nHost: lab\nX-A: 1\r\n\r\n", (400,), b"ok\n"),
)
LENGTHS = (
    Case("a plus sign", "6.3", post("Content-Length: +5", body=b"hello")),
    Case("a minus sign", "6.3", post("Content-Length: -5", body=b"hello")),
    Case("minus zero", "6.3", post("Content-Length: -0")),
    Case("hexadecimal", "6.3", post("Content-Length: 0x5", body=b"hello")),
    Case("a fraction", "6.3", post("Content-Length: 5.0", body=b"hello")),
    Case("an underscore", "6.3", post("Content-Length: 1_0", body=b"hello worl")),
    Case("two numbers", "6.3", post("Content-Length: 5 5", body=b"hello")),
    Case("an empty value", "6.3", post("Content-Length:")),
    Case("letters", "6.3", post("Content-Length: five", body=b"hello")),
    Case("digits beyond ASCII", "6.3", post("Content-Length: \u0665".encode().decode("latin-1"), body=b"hello")),
    Case("a superscript digit", "6.3", post("Content-Length: \xb2", body=b"he")),
    Case("a list of different lengths", "6.3", post("Content-Length: 5, 6", body=b"hello")),
    Case("different lengths, the smaller first", "6.3",
         post("Content-Length: 0", f"Content-Length: {len(POISON)}", body=POISON)),
    Case("different lengths, the larger first", "6.3",
         post(f"Content-Length: {len(POISON)}", "Content-Length: 0", body=POISON)),
    Case("equal lengths in two lines", "6.3",
         post("Content-Length: 5", "Content-Length: 5", body=b"hello"), (400,), b"hello"),
    Case("equal lengths in a list", "6.3", post("Content-Length: 5, 5", body=b"hello"), (400,), b"hello"),
    Case("leading zeros", "9110, 8.6", post("Content-Length: 0010", body=b"hello worl"), (), b"hello worl"),
    Case("thirty leading zeros", "9110, 8.6", post(f"Content-Length: {'0' * 30}5", body=b"hello"), (), b"hello"),
    Case("a length after a bare LF", "2.2", post("X-A: 1\nContent-Length: 5", body=b"hello"), (400,), b"hello"),
)  # fmt: skip
CODINGS = (
    Case("CL.TE", "6.3", post("Content-Length: 5", CHUNKED, body=b"0\r\n\r\n")),
    Case("CL.TE with a request in the chunk", "6.3", post("Content-Length: 4", CHUNKED, body=HIDDEN)),
    Case("TE.CL", "6.3", post(CHUNKED, "Content-Length: 4", body=HIDDEN)),
    Case("TE.CL with length zero", "6.3", post(CHUNKED, "Content-Length: 0", body=ONE_CHUNK)),
    Case("TE.TE: chunked twice in a list", "6.1", post("Transfer-Encoding: chunked, chunked", body=ONE_CHUNK)),
    Case("TE.TE: chunked twice in two lines", "6.1", post(CHUNKED, CHUNKED, body=ONE_CHUNK)),
    Case("TE.TE: chunked, then another", "6.3", post(CHUNKED, "Transfer-Encoding: x-thing", body=ONE_CHUNK), (400, 501)),
    Case("TE.TE: chunked before gzip", "6.3", post("Transfer-Encoding: chunked, gzip", body=ONE_CHUNK), (400, 501)),
    Case("TE.TE: identity after chunked", "6.3",
         post(CHUNKED, "Transfer-Encoding: identity", body=ONE_CHUNK), (400, 501)),
    Case("gzip before chunked", "6.1", post("Transfer-Encoding: gzip, chunked", body=ONE_CHUNK), (501,)),
    Case("gzip before chunked, in two lines", "6.1", post("Transfer-Encoding: gzip", CHUNKED, body=ONE_CHUNK), (501,)),
    Case("identity alone", "6.1", post("Transfer-Encoding: identity"), (400, 501)),
    Case("a coding that only begins so", "6.1", post("Transfer-Encoding: chunkedx", body=ONE_CHUNK), (400, 501)),
    Case("a coding that only ends so", "6.1", post("Transfer-Encoding: xchunked", body=ONE_CHUNK), (400, 501)),
    Case("chunked in quotes", "6.1", post('Transfer-Encoding: "chunked"', body=ONE_CHUNK), (400, 501)),
    Case("a space before the colon", "5.1", post("Transfer-Encoding : chunked", body=ONE_CHUNK)),
    Case("the coding in a folded line", "5.2", post("Transfer-Encoding:", " chunked", body=ONE_CHUNK)),
    Case("the coding in a line that folds the one before", "5.2",
         post(" Transfer-Encoding: chunked", body=ONE_CHUNK)),
    Case("the coding after a bare LF", "2.2",
         post("X-A: 1\nTransfer-Encoding: chunked", body=ONE_CHUNK), (400,), b"hello"),
    Case("the coding after a bare CR", "2.2", post("X-A: 1\rTransfer-Encoding: chunked", body=ONE_CHUNK)),
    Case("the coding after NUL", "9110, 5.5", post("Transfer-Encoding: \0chunked", body=ONE_CHUNK)),
    Case("a no-break space before the coding", "9110, 5.6.3",
         post("Transfer-Encoding: \xa0chunked", body=ONE_CHUNK), (400, 501)),
    Case("a control character after the coding", "9110, 5.6.3",
         post("Transfer-Encoding: chunked\x85", body=ONE_CHUNK), (400, 501)),
    Case("a vertical tab before the coding", "9110, 5.5",
         post("Transfer-Encoding: \x0bchunked", body=ONE_CHUNK), (400, 501)),
    Case("a letter whose small form is k", "9110, 5.6.2",
         post(f"Transfer-Encoding: {KELVIN}", body=ONE_CHUNK), (400, 501)),
    Case("a coding in HTTP/1.0", "6.1", post(CHUNKED, body=ONE_CHUNK, start="POST /echo HTTP/1.0")),
    Case("chunked in capitals", "7", post("Transfer-Encoding: CHUNKED", body=ONE_CHUNK), (), b"hello"),
    Case("chunked after a tab", "5", post("Transfer-Encoding:\tchunked ", body=ONE_CHUNK), (), b"hello"),
)  # fmt: skip
CHUNKS = (
    Case("a size with a plus sign", "7.1", post(CHUNKED, body=b"+5\r\nhello\r\n0\r\n\r\n")),
    Case("a size with a minus sign", "7.1", post(CHUNKED, body=b"-5\r\nhello\r\n0\r\n\r\n")),
    Case("a size with 0x", "7.1", post(CHUNKED, body=b"0x5\r\nhello\r\n0\r\n\r\n")),
    Case("a size with an underscore", "7.1", post(CHUNKED, body=b"0_5\r\nhello\r\n0\r\n\r\n")),
    Case("a size that is no number", "7.1", post(CHUNKED, body=b"g\r\nhello\r\n0\r\n\r\n")),
    Case("an empty size", "7.1", post(CHUNKED, body=b"\r\nhello\r\n0\r\n\r\n")),
    Case("an extension without a size", "7.1", post(CHUNKED, body=b";a=b\r\nhello\r\n0\r\n\r\n")),
    Case("a blank before the size", "7.1", post(CHUNKED, body=b" 5\r\nhello\r\n0\r\n\r\n")),
    Case("a chunk longer than its size", "7.1", post(CHUNKED, body=b"4\r\nhello\r\n0\r\n\r\n")),
    Case("a chunk that hides a request", "7.1", post(CHUNKED, body=b"3\r\nabc" + POISON + b"\r\n0\r\n\r\n")),
    Case("another byte instead of CR", "7.1", post(CHUNKED, body=b"5\r\nhelloX\n0\r\n\r\n")),
    Case("a bare CR in the size's line", "2.2", post(CHUNKED, body=b"5\r;a\r\nhello\r\n0\r\n\r\n")),
    Case("a size of 2^64 + 5", "7.1", post(CHUNKED, body=b"10000000000000005\r\n" + ENDLESS), (400, 413)),
    Case("a size of 2^32 + 5", "7.1", post(CHUNKED, body=b"100000005\r\n" + ENDLESS), (400, 413)),
    Case("a size of 2^64 - 1", "7.1", post(CHUNKED, body=b"ffffffffffffffff\r\n" + ENDLESS), (400, 413)),
    Case("a size of 2^63 + 5", "7.1", post(CHUNKED, body=b"8000000000000005\r\n" + ENDLESS), (400, 413)),
    Case("bare LF after the size", "7.1", post(CHUNKED, body=b"5\nhello\r\n0\r\n\r\n"), (400,), b"hello"),
    Case("bare LF after the data", "7.1", post(CHUNKED, body=b"5\r\nhello\n0\r\n\r\n"), (400,), b"hello"),
    Case("bare LF in an extension", "7.1.1",
         post(CHUNKED, body=b"2;\nxx\r\n%x\r\n" % len(ENDED) + ENDED + b"\r\n0\r\n\r\n"), (400,), b"xx" + ENDED),
)  # fmt: skip
TOO_LARGE = (
    Case("a length one above 1 MiB", "9110, 15.5.14", post(f"Content-Length: {1024 * 1024 + 1}"), (413,)),
    Case("a length of 2^63", "9110, 15.5.14", post(f"Content-Length: {2**63}"), (400, 413)),
    Case("a length of 2^64 + 5", "9110, 8.6", post(f"Content-Length: {2**64 + 5}", body=b"hello"), (400, 413)),
    Case("a length of 100 digits", "9110, 8.6", post(f"Content-Length: {'9' * 100}"), (400, 413)),
    Case("a length that is too large, with Expect", "9110, 10.1.1",
         post("Content-Length: 2000000", "Expect: 100-continue"), (413,)),
)  # fmt: skip
TABLE = REQUEST_LINES + VERSIONS + HOSTS + FIELDS + LENGTHS + CODINGS + CHUNKS + TOO_LARGE
