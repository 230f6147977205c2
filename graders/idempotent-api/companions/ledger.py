"""The ledger of the lab idempotent-api: moves money at every request, and misbehaves as it is told.

Standard library only. Services speak to it as the contract says (IA-1 to IA-4). Over the control channel:

    POST /plan     {"account": A, "charges": [step, ...], "closes": [step, ...]}: what becomes of the next requests
    POST /records  {"accounts": [A, ...]}: {"records": [{"calls", "charges", "closes", "pending"}, ...]}, all that was
                   seen of each
    POST /await    {"account": A, "what": "arrived" | "acted" | "answered", "kind": "charge" | "close", "count": n,
                    "timeout": seconds}: answers as soon as so many requests got so far; {"reached": bool, "now": t}
    POST /release  {"account": A}: what is held goes on

A step is a JSON object:

    answer  "charged" (the default), "declined", "unavailable", "hang" (no answer), "drop" (the connection is closed),
            "drip" (201, and a body that takes longer than anybody may wait), "cut" (201, and half a body);
            of a close "closed", "unavailable", "hang", "drop"
    moves   of a charge without a complete answer: "now" (the default; "drip" and "cut" know no other), "never", "late";
            of a close likewise whether it closes
    late    seconds until a late charge is carried out, unless its reference is closed by then
    hold    "before" acting or "after" it: wait until released, 20 s at the most
    slow    seconds that it takes before it acts
    tarry   seconds that it takes between acting and answering

A charge request under a closed reference uses no step up. Once an account's steps are used up, everything goes well.
An account that nobody made a plan for has one by its name: of ``storm MOOD ...``, the first charge request is declined,
unavailable, or its connection is dropped (``charged``: after money moved, ``nothing``: before). A reference belongs to
the account that it came with first.
Times are those of `time.monotonic`, which all processes of one machine share.
"""

import contextlib
import json
import re
import socket
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

LONGEST_HOLD = 20.0
LONGEST_LINE = 8192
HANGS = 20.0
DRIP_SECONDS = 0.1
SILENT = frozenset({"hang", "drop", "drip", "cut"})
"""Answers that are none, or no complete one."""
REFERENCE = re.compile(r"[A-Za-z0-9_-]{1,128}")
CLOSE = re.compile(r"/references/([^/]+)/close")
JOURNAL = "ledger.jsonl"
MOOD = re.compile(r"storm (\w+) ")
Step = dict[str, Any]
MOODS: dict[str, Step] = {
    "declined": {"answer": "declined"},
    "unavailable": {"answer": "unavailable"},
    "charged": {"answer": "drop", "moves": "now"},
    "nothing": {"answer": "drop", "moves": "never"},
}


class Account:
    """What belongs to one account: its plan, and what was seen of it."""

    def __init__(self, name: str) -> None:
        mood = MOOD.match(name)
        self.plan: dict[str, list[Step]] = {"charge": [MOODS[mood[1]]] if mood else [], "close": []}
        self.calls: list[dict[str, Any]] = []
        self.charges: list[dict[str, Any]] = []
        self.closes: list[dict[str, Any]] = []
        self.pending = 0
        self.holding = threading.Event()

    def record(self) -> dict[str, Any]:
        """All that was seen of it."""
        return {"calls": self.calls, "charges": self.charges, "closes": self.closes, "pending": self.pending}


class Ledger:
    """Every account, and the money that was moved; durable, as banks are."""

    def __init__(self, folder: Path) -> None:
        self.changed = threading.Condition()
        self.accounts: dict[str, Account] = {}
        self.owner: dict[str, str] = {}
        self.moved: dict[str, list[dict[str, Any]]] = {}
        self.closed: set[str] = set()
        self.count = 0
        path = folder / JOURNAL
        for line in path.read_text().splitlines() if path.exists() else ():
            self.remember(json.loads(line))
        self.journal = path.open("a", buffering=1)

    def account(self, name: str) -> Account:
        """The account of that name, a new one when nobody spoke of it before."""
        if name not in self.accounts:
            self.accounts[name] = Account(name)
        return self.accounts[name]

    def account_of(self, reference: str) -> Account:
        """The account that the reference came with."""
        return self.account(self.owner.get(reference, ""))

    def remember(self, entry: dict[str, Any]) -> None:
        """Take a line of the journal as true."""
        reference = entry["reference"]
        if entry["what"] == "charge":
            self.owner.setdefault(reference, entry["account"])
            shown = {name: entry[name] for name in ("charge_id", "amount", "currency", "account")}
            self.moved.setdefault(reference, []).append(shown)
            self.account(entry["account"]).charges.append({"reference": reference, "at": entry["at"], **shown})
            self.count += 1
        elif reference not in self.closed:
            self.closed.add(reference)
            self.account_of(reference).closes.append({"reference": reference, "at": entry["at"]})

    def commit(self, entry: dict[str, Any]) -> None:
        """Write it down, then take it as true."""
        self.journal.write(json.dumps(entry) + "\n")
        self.remember(entry)
        self.changed.notify_all()

    # --- what services ask for; each under the lock ----------------------------------------------------------------

    def arrive(self, kind: str, reference: str, account: str) -> tuple[Account, Step, dict[str, Any]]:
        """Note that a request is here, and look up what becomes of it."""
        with self.changed:
            found = self.account(self.owner.setdefault(reference, account)) if account else self.account_of(reference)
            is_closed = reference in self.closed
            steps = found.plan[kind]
            # Who resolves after a stall may meet the closed reference: what comes next is planned for the fresh one.
            step = {} if not steps or (is_closed and kind == "charge") else steps.pop(0)
            call = {
                "kind": kind,
                "reference": reference,
                "arrived": time.monotonic(),
                "was_closed": is_closed,
                "acted": None,
                "answered": None,
            }
            found.calls.append(call)
            self.changed.notify_all()
            return found, step, call

    def note(self, call: dict[str, Any], what: str) -> None:
        """Note how far a request got."""
        with self.changed:
            call[what] = time.monotonic()
            self.changed.notify_all()

    def move(self, order: dict[str, Any]) -> str | None:
        """Move money, unless the reference is closed; returns the charge's id."""
        with self.changed:
            if order["reference"] in self.closed:
                return None
            charge = f"ch_{self.count}_{time.monotonic_ns() % 10**6}"
            self.commit({"what": "charge", "charge_id": charge, "at": time.monotonic(), **order})
            return charge

    def move_late(self, account: Account, order: dict[str, Any], seconds: float) -> None:
        """Move it some time later, once."""
        with self.changed:
            account.pending += 1

        def act() -> None:
            self.move(order)
            with self.changed:
                account.pending -= 1

        timer = threading.Timer(seconds, act)
        timer.daemon = True
        timer.start()

    def close(self, reference: str) -> None:
        """Nothing happens under it any more."""
        with self.changed:
            if reference not in self.closed:
                self.commit({"what": "close", "reference": reference, "at": time.monotonic()})

    def listed(self, reference: str) -> list[dict[str, Any]]:
        """The charges under it."""
        with self.changed:
            return list(self.moved.get(reference, ()))

    # --- what the grader asks for ----------------------------------------------------------------------------------

    def obey(self, method: str, target: str, body: Any) -> Any:
        """One control request."""
        match method, target:
            case "POST", "/plan":
                return self.take_plan(body)
            case "POST", "/records":
                with self.changed:
                    return {"records": [self.account(name).record() for name in body["accounts"]]}
            case "POST", "/await":
                return self.wait_for(body)
            case "POST", "/release":
                with self.changed:
                    self.account(body["account"]).holding.set()
                return {"now": time.monotonic()}
            case _:
                raise LookupError(f"the ledger knows no {method} {target}")

    def take_plan(self, body: dict[str, Any]) -> dict[str, Any]:
        """What becomes of an account's next requests."""
        with self.changed:
            account = self.account(body["account"])
            account.plan = {"charge": list(body.get("charges", ())), "close": list(body.get("closes", ()))}
            account.holding = threading.Event()
        return {}

    def wait_for(self, body: dict[str, Any]) -> dict[str, Any]:
        """Wait until so many of an account's requests got so far."""

        def is_reached() -> bool:
            calls = self.account(body["account"]).calls
            mine = [call for call in calls if call["kind"] == body["kind"]]
            wanted: int = body["count"]
            return sum(call[body["what"]] is not None for call in mine) >= wanted

        with self.changed:
            return {"reached": self.changed.wait_for(is_reached, body["timeout"]), "now": time.monotonic()}


class Handler(BaseHTTPRequestHandler):
    """One connection of a service's."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    ledger: Ledger

    def do_POST(self) -> None:
        """Charge, or close."""
        body = self.read_body()
        if self.path == "/charges":
            self.charge(body)
        elif found := CLOSE.fullmatch(self.path):
            self.close_reference(found[1])
        else:
            self.reply(404, {"title": "unknown path", "status": 404})

    def do_GET(self) -> None:
        """What was charged under a reference so far."""
        target = urlsplit(self.path)
        reference = parse_qs(target.query).get("reference", [""])[0]
        if target.path != "/charges":
            self.reply(404, {"title": "unknown path", "status": 404})
        else:
            self.reply(200, {"charges": self.ledger.listed(reference)})

    def handle_expect_100(self) -> bool:
        """``100 Continue`` is of use only when it leaves at once; what is written is buffered."""
        goes_on = super().handle_expect_100()
        self.wfile.flush()
        return goes_on

    def read_body(self) -> bytes:
        """All of it, in chunks or with its length told (RFC 9112, 6.3); one that ends early breaks the connection."""
        if "chunked" not in (self.headers.get("Transfer-Encoding") or "").lower():
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline(LONGEST_LINE).split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline(LONGEST_LINE)
        while self.rfile.readline(LONGEST_LINE).strip():
            pass  # trailers say nothing that matters here
        return body

    def charge(self, body: bytes) -> None:
        """IA-1, IA-2."""
        order = read_order(body)
        if order is None:
            self.reply(400, {"title": "no such order can be carried out", "status": 400})
            return
        account, step, call = self.ledger.arrive("charge", order["reference"], order["account"])
        self.hold(account, step, "before")
        answer, moves = step.get("answer", "charged"), step.get("moves", "now")
        charge = None
        if call["was_closed"]:
            answer = "closed"
        elif answer == "charged" or (answer in SILENT and moves == "now"):
            charge = self.ledger.move(order)
            answer = answer if charge else "closed"
        elif answer in SILENT and moves == "late":
            self.ledger.move_late(account, order, step["late"])
        self.ledger.note(call, "acted")
        self.hold(account, step, "after")
        if answer == "charged":
            self.reply(201, {"charge_id": charge}, call)
        elif answer in {"declined", "unavailable", "closed"}:
            status = {"declined": 402, "unavailable": 503, "closed": 409}[answer]
            self.reply(status, {"title": answer, "status": status}, call)
        elif answer in {"drip", "cut"}:
            self.reply_in_part(answer, charge)
        else:
            self.go_silent(answer)

    def close_reference(self, reference: str) -> None:
        """IA-3."""
        account, step, call = self.ledger.arrive("close", reference, "")
        self.hold(account, step, "before")
        answer = step.get("answer", "closed")
        if answer == "closed" or (answer in {"hang", "drop"} and step.get("moves", "now") == "now"):
            self.ledger.close(reference)
        self.ledger.note(call, "acted")
        self.hold(account, step, "after")
        if answer == "closed":
            self.reply(200, {"charges": self.ledger.listed(reference)}, call)
        elif answer == "unavailable":
            self.reply(503, {"title": answer, "status": 503}, call)
        else:
            self.go_silent(answer)

    def hold(self, account: Account, step: Step, when: str) -> None:
        """Wait as the step says."""
        if when == "before" and "slow" in step:
            time.sleep(step["slow"])
        if when == "after" and "tarry" in step:
            time.sleep(step["tarry"])
        if step.get("hold") == when:
            account.holding.wait(LONGEST_HOLD)

    def go_silent(self, how: str) -> None:
        """No answer: the connection is closed, or stays open until the service closes it."""
        if how == "hang":
            self.connection.settimeout(HANGS)
            with contextlib.suppress(OSError):
                self.connection.recv(1)
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def reply_in_part(self, how: str, charge: str | None) -> None:
        """A 201 of which less arrives than its head says: half a body, or blanks before it, one by one."""
        body = json.dumps({"charge_id": charge}).encode()
        if how == "drip":
            body = b" " * round(HANGS / DRIP_SECONDS) + body
        self.send_head(201, body)
        with contextlib.suppress(OSError):  # it ends with the connection, at the latest
            if how == "cut":
                self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            give_up = time.monotonic() + HANGS
            while how == "drip" and time.monotonic() < give_up:
                self.connection.sendall(b" ")
                time.sleep(DRIP_SECONDS)
        self.go_silent("drop")

    def send_head(self, status: int, body: bytes) -> None:
        """Of an answer with that body."""
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()

    def reply(self, status: int, content: Any, call: dict[str, Any] | None = None) -> None:
        """Send it in one piece."""
        body = json.dumps(content).encode()
        self.send_head(status, body)
        with contextlib.suppress(OSError):  # whoever asked may have been killed
            self.wfile.write(body)
            self.wfile.flush()
        if call is not None:
            self.ledger.note(call, "answered")

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - http.server's name
        """Its record is its log."""


class Server(ThreadingHTTPServer):
    """Without asking a name server for our own name."""

    request_queue_size = 1024
    daemon_threads = True

    def server_bind(self) -> None:
        """Bind at once."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_name, self.server_port = "ledger", 0

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that broke is the business of whoever broke it."""


def read_order(body: bytes) -> dict[str, Any] | None:
    """What a charge request asks for; None when it cannot be carried out."""
    try:
        told = json.loads(body)
        order = {name: told[name] for name in ("reference", "amount", "currency", "account")}
        is_good = REFERENCE.fullmatch(order["reference"]) is not None
    except (ValueError, KeyError, TypeError):
        return None
    return order if is_good else None


def start(host: str, port: int, settings: dict[str, Any]) -> Callable[[str, str, Any], Any]:
    """Listen; returns what obeys the control channel."""
    ledger = Ledger(_folder())
    handler = type("Bound", (Handler,), {"ledger": ledger})
    server = Server((host, port), handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 3600}, daemon=True).start()
    return ledger.obey


def _folder() -> Path:
    """Its own folder, or in a container what it may write to; either outlives a kill."""
    try:
        Path(JOURNAL).open("a").close()
    except OSError:
        return Path("/tmp")  # noqa: S108 - of its own container
    return Path()
