"""Stage proxy: everything passes unchanged, and an origin that does not answer is told of."""

from __future__ import annotations

from source import BEYOND_ASCII, Step, sized
from vocabulary import Aside, Site

from labrunner.checks import (
    Answer,
    Broken,
    Client,
    Companion,
    Companions,
    Services,
    exceeded,
    fail,
    note_deadline,
    note_recovery,
    wait,
)

STOP_SECONDS = 5.0
TARRY_SECONDS = 1.0
SHORT_MS = 700
RECOVERY_SECONDS = 5.0
UNCHANGED = "Who asks through a proxy sees what the origin says, and the origin what was asked."
OUTAGE = "The client is told that the origin is at fault, and does not wait for ever."
BACK = "An outage ends, and nobody should have to restart the cache then."
CUT = "A client that takes half an answer for a whole one loses data and does not know it."


def test_healthy(client: Client) -> None:
    """C-3: it says that it is ready."""
    client.get("/healthz").expect(200, why="Nobody sends requests to a service that does not say it is ready.")


def test_forwards(site: Site) -> None:
    """CA-1: method, target, fields and body as received; Host and Via as the contract says."""
    authority = site.source.url.removeprefix("http://")
    for method in ("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
        target = site.new_target(f"a%2Fb//c/../d?x=%20&y=a+b&empty=&{method.lower()}")
        site.source.plan(target, {"status": 201, "fields": [["X-Kind", "plain"], ["X-Two", "1"], ["X-Two", "2"]]})
        body = b'{"n": 1}' if method in {"POST", "PUT", "PATCH"} else b""
        fields = [("X-Asked", "a"), ("X-Asked", "b"), ("Via", "1.0 before")]
        answer = site.well(site.ask(target, fields, method=method, body=body)).expect(201, why=UNCHANGED)
        calls = site.source.calls(target)
        if len(calls) != 1 or calls[0].method != method:
            got = f"{[call.method for call in calls]} at that target"
            fail(answer, expected=f"one {method} {target} at the origin", got=got, why=UNCHANGED)
        seen = calls[0]
        must_be(answer, f"body {body!r} at the origin", seen.body.encode(), body)
        must_be(answer, "X-Asked at the origin: a, b", flat(seen.values("X-Asked")), ["a", "b"])
        must_be(answer, f"Host: {authority} at the origin", seen.values("Host"), [authority])
        must_be(answer, "Via: 1.0 before, 1.1 lab at the origin", flat(seen.values("Via")), ["1.0 before", "1.1 lab"])
        must_be(answer, "X-Two: 1, 2", flat(answer.headers.get_all("X-Two")), ["1", "2"])
        must_be(answer, "X-Kind: plain", answer.headers.get_all("X-Kind"), ["plain"])


def flat(lines: list[str]) -> list[str]:
    """A list's members, however they stand in lines."""
    return [member.strip() for line in lines for member in line.split(",")]


def must_be(answer: Answer, expected: str, got: object, wanted: object) -> None:
    """The origin and the client saw what was sent."""
    if got != wanted:
        fail(answer, expected=expected, got=repr(got), why=UNCHANGED)


def test_bodies(site: Site) -> None:
    """CA-1: bodies of either framing, of the largest size and of any bytes pass as they are; some answers have none."""
    for size, framing in ((0, "length"), (70_000, "chunked"), (40_000, "close"), (2 << 20, "length")):
        target = site.new_target()
        site.source.plan(target, {"size": size, "framing": framing})
        answer = site.well(site.ask(target)).expect(200, why=UNCHANGED)
        if len(answer.body) != size:
            fail(answer, expected=f"{size} bytes", got=f"{len(answer.body)} bytes", why=UNCHANGED)
        must_have_bytes(answer, "from the origin", answer.body, sized(site.source.calls(target)[-1].number, size))
    target = site.new_target()
    sent = BEYOND_ASCII * ((1 << 20) // len(BEYOND_ASCII))
    answer = site.well(site.ask(target, method="POST", body=sent))
    seen = site.source.calls(target)[0]
    must_be(answer, f"{len(sent)} bytes at the origin", seen.size, len(sent))
    begin = seen.body.encode("latin-1")
    must_have_bytes(answer, "at the origin", begin, sent[: len(begin)])
    for status in (204, 304):
        target = site.new_target()
        site.source.plan(target, {"status": status, "fields": [["ETag", '"x"']]})
        site.well(site.ask(target, {"If-None-Match": '"x"'})).expect(status, why=UNCHANGED)


def must_have_bytes(answer: Answer, where: str, got: bytes, wanted: bytes) -> None:
    """A body is bytes, and no text."""
    if got != wanted:
        at = next((at for at, (one, other) in enumerate(zip(got, wanted, strict=False)) if one != other), len(got))
        expected, shown = wanted[at : at + 4].hex(" "), got[at : at + 4].hex(" ")
        why = f"{UNCHANGED} A body is bytes, and need not be text in UTF-8."
        fail(answer, expected=f"byte {at} and after {where}: {expected}", got=shown, why=why)


def test_one_hop(site: Site) -> None:
    """CA-2: fields about one connection are not forwarded, either way."""
    target = site.new_target()
    hop = [["Connection", "x-theirs"], ["X-Theirs", "1"], ["Keep-Alive", "timeout=9"], ["X-Kept", "1"]]
    site.source.plan(target, {"fields": [*hop, ["Trailer", "x-t"], ["Upgrade", "lab/1"]]})
    mine = [("Connection", "x-mine, keep-alive"), ("X-Mine", "1"), ("X-Other", "1"), ("Keep-Alive", "timeout=9")]
    answer = site.well(site.ask(target, [*mine, ("TE", "x-te"), ("Proxy-Connection", "x-proxy")]))
    answer.expect(200, why=UNCHANGED)
    seen = site.source.calls(target)[0]
    must_be(answer, "no X-Mine at the origin", seen.values("X-Mine"), [])
    for name in ("Connection", "Keep-Alive", "TE", "Proxy-Connection"):  # it may have some of its own there, too
        if any(mark in value for value in seen.values(name) for mark in ("x-mine", "timeout=9", "x-te", "x-proxy")):
            fail(answer, expected=f"no {name} of the client's at the origin", got=str(seen.values(name)), why=UNCHANGED)
    must_be(answer, "X-Other: 1 at the origin", seen.values("X-Other"), ["1"])
    for name in ("X-Theirs", "Trailer", "Upgrade"):
        must_be(answer, f"no {name} from the origin", answer.headers.get_all(name), [])
    must_be(answer, "X-Kept: 1", answer.headers.get_all("X-Kept"), ["1"])
    for name in ("Connection", "Keep-Alive"):  # the service may have a connection of its own to speak of
        named = ", ".join(answer.headers.get_all(name))
        if "x-theirs" in named or "timeout=9" in named:
            fail(answer, expected=f"no {name} of the origin's", got=f"{name}: {named}", why=UNCHANGED)


def test_unreachable(site: Site, services: Services) -> None:
    """CA-3: an origin that drops the request, is no HTTP, or is not there is 502."""
    for ends in ("drop", "garbage"):
        target = site.new_target()
        site.source.plan(target, then={"ends": ends})
        site.well(site.ask(target)).expect(502, why=OUTAGE)
    own = site.own(services, ORIGIN_URL="http://127.0.0.1:1")
    own.client.get("/healthz").expect(200, why="It is well itself.")
    own.well(own.ask("/any")).expect(502, why=OUTAGE)


def test_outage(site: Site, services: Services, companions: Companions) -> None:
    """CA-3: an origin that stands still, dies, and is back; C-3: the service is well all the time."""
    origin = companions.start("origin")
    own = site.own(services, ORIGIN_URL=origin.url, ORIGIN_TIMEOUT_MS=SHORT_MS)
    limit = SHORT_MS / 1000 + 1.0
    site.well(own.client.get(own.new_target())).expect(200, why=UNCHANGED)
    with origin.paused():
        answer = own.client.get(own.new_target()).expect(504, why=OUTAGE)
        must_be_within(answer, limit)
    must_recover(own, origin)
    origin.kill()
    answer = own.client.get(own.new_target())
    if answer.status not in {502, 504}:  # whether nobody refuses is the network's affair
        fail(answer, expected="502 or 504", got=answer.line, why=OUTAGE)
    must_be_within(answer, limit)
    own.client.get("/healthz").expect(200, why="It is well itself.")
    origin.restart()
    must_recover(own, origin)


def must_be_within(answer: Answer, limit: float) -> None:
    """A deadline of CA-3."""
    took = answer.answered - answer.sent
    note_deadline(took, limit)
    if took > limit:
        expected, got = f"{answer.status} within {limit:.1f} s", f"{took:.1f} s"
        exceeded(answer, deadline=limit, expected=expected, got=got, why=OUTAGE)


def must_recover(site: Site, origin: Companion) -> None:
    """Answered by the origin again; a connection from before its death may have to be found broken first."""
    while (answer := site.client.get(site.new_target())).status != 200:
        if answer.sent > origin.back_at + RECOVERY_SECONDS:
            exceeded(
                answer, deadline=RECOVERY_SECONDS, expected="200 once the origin is back", got=answer.line, why=BACK
            )
        wait(0.05)
    note_recovery(max(0.0, answer.answered - origin.back_at))


def test_too_slow(site: Site, services: Services) -> None:
    """CA-3: no complete field section in time is 504, however many bytes come."""
    own = site.own(services, ORIGIN_TIMEOUT_MS=SHORT_MS)
    for ends in ("hang", "half-head", "trickle"):
        target = own.new_target()
        own.source.plan(target, then={"ends": ends})
        answer = own.client.get(target).expect(504, why=OUTAGE)
        took = answer.answered - answer.sent
        if took < SHORT_MS / 1000 - 0.01:
            fail(answer, expected=f"504 after {SHORT_MS} ms", got=f"after {took * 1000:.0f} ms", why=OUTAGE)
        must_be_within(answer, SHORT_MS / 1000 + 1.0)


def test_cut_short(site: Site, services: Services) -> None:
    """CA-3: a body that ends short, is reset or stalls is no whole answer for the client."""
    own = site.own(services, ORIGIN_TIMEOUT_MS=SHORT_MS)
    steps: list[Step] = [{"ends": ends, "size": 90_000} for ends in ("short", "reset", "stall")]
    for step in [*steps, {"ends": "short", "size": 90_000, "framing": "chunked"}]:
        target = own.new_target()
        own.source.plan(target, then=step)
        must_be_short(own, target)


def must_be_short(site: Site, target: str) -> None:
    """502, or an answer that breaks off."""
    try:
        answer = site.service.client().get(target, deadline=site.patience + 5.0)
    except Broken:
        return
    if answer.status == 504:
        site.well(answer)
    if answer.status != 502:
        fail(answer, expected="an answer that visibly ends short, or 502",
             got=f"{answer.line}, complete with {len(answer.body)} bytes", why=CUT)  # fmt: skip


def test_no_retry(site: Site) -> None:
    """CA-4: a request that is not GET or HEAD reaches the origin at most once."""
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
        warm, target = site.new_target(), site.new_target()
        site.well(site.ask(warm))  # a connection that may be kept
        site.source.plan(target, then={"ends": "drop"})
        answer = site.ask(target, method=method, body=b"" if method in {"DELETE", "OPTIONS"} else b"x")
        site.well(answer).expect(502, why=OUTAGE)
        count = len(site.source.calls(target))
        if count > 1:
            got = f"{count} of them"
            fail(
                answer,
                expected=f"one {method} at the origin",
                got=got,
                why="What was done once is not done again unasked.",
            )


def test_graceful_stop(site: Site, services: Services) -> None:
    """C-6: after SIGTERM it finishes what is in flight, and exits with 0, in time."""
    own = site.own(services)
    target = own.new_target()
    own.source.plan(target, {"slow": TARRY_SECONDS})
    asking = Aside(own, target)
    own.source.reached(target)
    end = own.service.stop(within=STOP_SECONDS)
    why = "Every deployment ends with SIGTERM; a service that must be killed, or drops what it began, loses answers."
    if end.code is None:
        expected = f"an end within {STOP_SECONDS:.0f} s of SIGTERM"
        exceeded(deadline=STOP_SECONDS, expected=expected, got="it still ran and was killed", why=why)
    if end.code != 0:
        got = f"exit code {end.code}" if end.code > 0 else f"killed by signal {-end.code}: nothing handles SIGTERM"
        fail(expected="exit code 0 after SIGTERM", got=got, why=why)
    try:
        answer = asking.answer()
    except Broken:
        fail(expected="200 for the request that was in flight when SIGTERM came", got="no answer", why=why)
    own.well(answer).expect(200, why)
