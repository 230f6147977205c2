"""Does it answer in the very bytes of a known server? For a person to look at, never a failure.

Whoever writes a server may choose the words of another by chance, and who wants to hide one changes them.
"""

from __future__ import annotations

import re

from vocabulary import Server

from labrunner.checks import note_review, raw_request

PATIENCE = 1.0
"""Seconds; what does not answer by then is not recognised."""
MALFORMED = (b"GET / HTTP/1.1 x\r\n\r\n", b"GET / HTTP/1.1\r\nHo st: lab\r\n\r\n")
"""What libraries refuse by themselves, in words of their own."""
SERVER = re.compile(
    rb"(?mi)^server: *((?:nginx|apache|caddy|basehttp|simplehttp|wsgiserver|werkzeug|gunicorn|uvicorn|hypercorn|daphne|waitress"
    rb"|tornadoserver|cherrypy|cheroot|twistedweb|cowboy|jetty|lighttpd|openresty|envoy|litespeed|fasthttp|hyper)\b[^\r\n]*|"
    rb"[^\r\n]*\baiohttp/[^\r\n]*)"
)
"""The field Server as these send it."""
REFUSALS = (
    ("Node's http", rb"HTTP/1\.1 (?:400 Bad Request|431 Request Header Fields Too Large)\r\nConnection: close\r\n\r\n"),
    ("Go's net/http", rb"HTTP/1\.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n400.*"),
    ("Python's http.server", rb".*<title>Error response</title>.*<h1>Error response</h1>.*<p>Error code: .*"),
    ("uvicorn", rb".*\r\n\r\n(?:[0-9a-f]+\r\n)?Invalid HTTP request received\..*"),
    ("gunicorn", rb".*<title>Bad Request</title>.*<h1><p>Bad Request</p></h1>.*"),
    ("nginx", rb".*<hr><center>nginx.*"),
    ("Apache httpd", rb".*<!DOCTYPE HTML PUBLIC \"-//IETF//DTD HTML 2\.0//EN\">.*"),
)  # fmt: skip
"""How these refuse what is malformed; the whole answer."""


def look(server: Server) -> None:
    """Ask for one page and send what is malformed; note what is recognised."""
    for sent in (raw_request("/", "Connection: close"), *MALFORMED):
        with server.connect() as connection:
            told = connection.send(sent).rest(PATIENCE)
        if found := SERVER.search(told):
            note_review(f"it says that it is {found[1].decode('latin-1')!r}, in the field Server")
        for name, refusal in REFUSALS:
            if re.fullmatch(refusal, told, re.DOTALL):
                note_review(f"it refuses a malformed request in the very bytes of {name}")
