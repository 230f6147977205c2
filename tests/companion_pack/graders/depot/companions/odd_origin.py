"""An origin that answers as it is told, and knows who called."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def start(host, port, settings):
    """Listen; returns what answers the control channel."""
    state = {"text": settings.get("text", "nothing was said")}
    calls = []
    may_answer = threading.Event()
    may_answer.set()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            calls.append(self.path)
            may_answer.wait()
            body = state["text"].encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments):
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

    server = Server((host, port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def control(method, path, body):
        if (method, path) == ("GET", "/calls"):
            return {"calls": list(calls)}
        if (method, path) == ("POST", "/say"):
            state["text"] = body["text"]
            return None
        if (method, path) == ("POST", "/hold"):
            (may_answer.clear if body else may_answer.set)()
            return None
        raise LookupError(f"the origin knows no {method} {path}: {json.dumps(body)}")

    return control
