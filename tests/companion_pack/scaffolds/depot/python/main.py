"""Asks the origin, counts in Redis; a store that does not answer is 503."""

import json
import os
import socket
import sys
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

TIMEOUT = 1.0


def count():
    where = urlsplit(os.environ["REDIS_URL"])
    with socket.create_connection((where.hostname, where.port), TIMEOUT) as connection:
        connection.settimeout(TIMEOUT)
        connection.sendall(b"INCR depot\r\n")
        data = b""
        while not data.endswith(b"\r\n"):
            more = connection.recv(100)
            if not more:
                raise OSError("Redis went away")
            data += more
        return int(data[1:])


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        try:
            self.answer(200, self.route())
        except OSError as fault:
            self.answer(503, {"title": str(fault), "status": 503})

    def route(self):
        if self.path == "/count":
            return {"count": count()}
        if self.path == "/ask":
            with urllib.request.urlopen(f"{os.environ['ODD_ORIGIN_URL']}/it", timeout=5) as answer:
                return {"said": answer.read().decode()}
        return {}

    def answer(self, status, content):
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        sys.stderr.write("asked\n")


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


Server((os.environ["HOST"], int(os.environ["PORT"])), Handler).serve_forever()
