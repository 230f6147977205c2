"""The words of this lab's checks: targets, what an answer says of itself, and stories that the model judges."""

from __future__ import annotations

import json
import random
import re
import string
import threading
from typing import TYPE_CHECKING

from labrunner.checks import Answer, Client, Reply, Service, Services, exceeded, fail, raw_request
from labrunner.checks.caching import Asked, Exchange, Got, Said, judge

if TYPE_CHECKING:
    from source import Call, Source, Step

    from labrunner.checks import Connection
    from labrunner.checks.http import HeaderFields

Heard = Answer | Reply
PLAIN = string.ascii_lowercase + string.digits
NO_FAULT = "Nothing was wrong with the origin, so nothing is in the way of its answer."
NOT_TWICE = "What is stored and fresh is not asked for again: that is what a cache is for."
UNDER_WAY = "What was fetched before the change is old, however late it arrives."
BODY = re.compile(r"answer (\d+) ")
WHOLE_BODY = re.compile(r"answer \d+ to \S+ (\S+)\n")
MEMBER = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.)*")+')
DATES = {"date", "expires", "last-modified"}
SHORT = {"Cache-Control": "asks", "Authorization": "as", "If-None-Match": "has", "X-Lang": "in"}
USUAL: dict[str, object] = {"date": 0, "status": 200, "validates": True}
"""What a story need not tell of the origin's answer."""
OWN = {502, 504}
INHERITED = ("ORIGIN_TIMEOUT_MS", "CACHE_MAX_ENTRIES")


def field_of(answer: Heard, name: str) -> str | None:
    """A field's value."""
    return answer.get(name) if isinstance(answer, Reply) else answer.headers.get(name)


def content_of(answer: Heard) -> bytes:
    """The body."""
    return answer.content if isinstance(answer, Reply) else answer.body


def told_of(answer: Heard) -> list[str]:
    """The parameters of ``lab`` in ``Cache-Status``, if that is its last member."""
    members = [each.strip() for each in MEMBER.findall(field_of(answer, "Cache-Status") or "")]
    parameters = [each.strip() for each in members[-1].split(";")] if members else [""]
    return parameters[1:] if parameters[0] == "lab" else []


def read(answer: Heard) -> Got:
    """What an answer says of itself, in the model's words."""
    told = told_of(answer)
    why = next((each.removeprefix("fwd=") for each in told if each.startswith("fwd=")), "")
    number, age = field_of(answer, "X-Answer"), field_of(answer, "Age")
    body = BODY.match(content_of(answer).decode("latin-1"))
    return Got(
        status=answer.status,
        number=int(number) if number and number.isdigit() else None,
        body=int(body[1]) if body else None,
        is_hit="hit" in told,
        why=why,
        is_stored="stored" in told,
        age=int(age) if age and age.isdigit() else None,
    )


def brief(got: Got) -> str:
    """For a story."""
    said = "hit" if got.is_hit else got.why or "own answer"
    status = "" if got.status == 200 else f"{got.status} "
    return f"{status}{said} {got.number or ''}".rstrip() + (", stored" if got.is_stored else "")


def describe(got: Got) -> str:
    """For a failure."""
    said = "a hit" if got.is_hit else f"fwd={got.why}" if got.why else "no Cache-Status of lab's"
    stored = "; stored" if got.is_stored else ""
    age = "" if got.age is None else f", Age {got.age}"
    fields = "none of the origin's answers" if got.number is None else f"the fields of answer {got.number}"
    body = "" if got.body in {None, got.number} else f" and the body of {got.body}"
    return f"{got.status}, {said}{stored}, {fields}{body}{age}"


class Site:
    """The service under test and its origin."""

    def __init__(self, service: Service, source: Source, rng: random.Random) -> None:
        self.service = service
        self.source = source
        self.rng = rng
        self.client = service.client()
        self.patience = int(service.env["ORIGIN_TIMEOUT_MS"]) / 1000

    def own(self, services: Services, **env: str | int) -> Site:
        """The same words for a service of the check's own, with other variables."""
        mine = {"ORIGIN_URL": self.source.url, **{name: self.service.env[name] for name in INHERITED}}
        return Site(services.start(mine | {name: str(value) for name, value in env.items()}), self.source, self.rng)

    def new_target(self, name: str = "page") -> str:
        """A target that nobody has asked for."""
        return f"/{''.join(self.rng.choices(PLAIN, k=12))}/{name}"

    def ask(
        self, target: str, fields: HeaderFields = (), *, method: str = "GET", body: bytes = b"", client: Client | None = None
    ) -> Answer:  # fmt: skip
        """One request, within the time that the origin has and one second more (CA-3)."""
        asking = client or self.client
        return asking.request(method, target, headers=fields, body=body, deadline=self.patience + 3.0)

    def well(self, answer: Answer) -> Answer:
        """This answer, unless it is the 504 of a stalled machine (C-17)."""
        self.must_be_well(answer)
        return answer

    def must_be_well(self, answer: Heard) -> None:
        """End this try when the answer is the 504 of a stalled machine (C-17)."""
        if answer.status == 504:
            exceeded(answer, deadline=self.patience, expected="the origin's answer", got=answer.line, why=NO_FAULT)

    def story(self, name: str = "page") -> Story:
        """A URI of its own, and what happens to it."""
        return Story(self, self.new_target(name))

    def told_again(self) -> ToldAgain:
        """A story that `lab replay` can tell again."""
        return ToldAgain(self, self.new_target("story"))


class Aside:
    """A GET in the background, by a client of its own."""

    def __init__(self, site: Site, target: str, deadline: float | None = None) -> None:
        self._client = site.service.client()
        self._target = target
        self._deadline = deadline or site.patience + 3.0
        self._came: Answer | BaseException | None = None
        self.thread = threading.Thread(target=self._ask, daemon=True)
        self.thread.start()

    def _ask(self) -> None:
        try:
            self._came = self._client.get(self._target, deadline=self._deadline)
        except BaseException as fault:  # noqa: BLE001 - raised again where the check can end by it
            self._came = fault

    def answer(self) -> Answer:
        """Wait for it."""
        self.thread.join()
        if isinstance(self._came, Answer):
            return self._came
        assert self._came is not None
        raise self._came


def must_be_after(held: int, changed: Answer, answer: Answer) -> None:
    """CA-24: after that change nothing is served of what the origin said to its requests up to that number."""
    got = read(answer)
    if (got.number or 0) <= held or (got.body is not None and got.body <= held):
        expected = "an answer that was fetched after the change"
        fail(changed, answer, expected=expected, got=describe(got), why=UNDER_WAY)


class Story:
    """One URI's exchanges, each judged by the model of a correct cache as it comes."""

    def __init__(self, site: Site, target: str) -> None:
        self.site = site
        self.target = target
        self.answers: list[Heard] = []
        self._exchanges: list[Exchange] = []
        self._step: Step = {}
        self._calls = 0

    def says(self, cache_control: str = "", *fields: tuple[str, str], **step: object) -> Story:
        """What the origin answers from now on."""
        told = [("Cache-Control", cache_control)] if cache_control else []
        self._step = {"fields": [*told, *fields], **step}
        self._tell()
        return self

    def _tell(self) -> None:
        """The origin learns of it."""
        self.site.source.plan(self.target, then=self._step)

    def _ask(self, method: str, fields: tuple[tuple[str, str], ...]) -> Heard:
        """One request."""
        return self.site.ask(self.target, list(fields), method=method)

    @property
    def shown(self) -> list[Heard]:
        """What shows a failure."""
        return self.answers[-3:]

    def get(self, why: str, *fields: tuple[str, str], method: str = "GET") -> Got:
        """One request, judged."""
        answer = self._ask(method, fields)
        self.answers.append(answer)
        calls = self.site.source.calls(self.target)
        fresh, self._calls = calls[self._calls :], len(calls)
        forwards = tuple(said(self._step, call, answer.answered) for call in fresh)
        is_refused = any("only-if-cached" in value for _, value in fields) and not forwards
        if all(each.status not in {0, *OWN} for each in forwards) and not is_refused:
            self.site.must_be_well(answer)
            if forwards and answer.answered - answer.sent >= self.site.patience:
                # The origin's answer was sent, and may have come too late for the service all the same.
                exceeded(answer, deadline=self.site.patience, expected="the origin's answer at once",
                         got=f"{answer.line}, when the origin's time was up", why=NO_FAULT)  # fmt: skip
        got = read(answer)
        if not got.why and not got.is_hit and answer.status not in OWN and method != "PURGE":
            expected, shown = (
                "Cache-Status: lab; hit or lab; fwd=..., as the last member",
                field_of(answer, "Cache-Status"),
            )
            fail(answer, expected=expected, got=f"Cache-Status: {shown}", why="It tells whether the origin was asked.")
        whole = WHOLE_BODY.fullmatch(content_of(answer).decode("latin-1"))
        if whole and whole[1] != self.target:
            fail(answer, expected=f"what is at {self.target}", got=f"what is at {whole[1]}", why=why)
        self._exchanges.append(Exchange(Asked(method, answer.sent, answer.answered, fields), got, forwards))
        verdict = judge(self._exchanges)
        if verdict is not None:
            seen = f"{describe(got)}; the origin saw {len(forwards)} of it"
            fail(*self.shown, expected=" or ".join(verdict.allowed), got=seen, why=why + self._so_far(seen))
        self._remember(method, fields, got)
        return got

    def _remember(self, method: str, fields: tuple[tuple[str, str], ...], got: Got) -> None:
        """For a failure later on."""

    def _so_far(self, seen: str) -> str:
        """What was asked before; a check's own story stands in the check."""
        return ""


class ToldAgain(Story):
    """One over a single connection, whose requests bring along what the origin shall answer.

    So the connection's transcript is all of the story, and a service and an origin that know nothing of it can be told it
    again: `lab replay` does.
    """

    def __init__(self, site: Site, target: str) -> None:
        super().__init__(site, target)
        self._connection: Connection | None = None
        self._told: list[str] = []
        self._last = ""

    def _remember(self, method: str, fields: tuple[tuple[str, str], ...], got: Got) -> None:
        """The request, what the origin would have answered, and what came."""
        self._told.append(f"{self._last}: {brief(got)}")

    def _so_far(self, seen: str) -> str:
        """The story in a few words; the last request is the one that was answered wrongly."""
        told = [*self._told, f"{self._last}: see above"]
        return " The story: " + "; ".join(f"({number}) {each}" for number, each in enumerate(told, 1)) + "."

    def _words(self, method: str, fields: tuple[tuple[str, str], ...]) -> str:
        """A request, and what the origin would answer."""
        asked = "".join(f" {SHORT.get(name, name)} {value}" for name, value in fields)
        would = [value if name == "Cache-Control" else f"{name} {value}" for name, value in self._step["fields"]]
        more = {name: value for name, value in self._step.items() if name != "fields"}
        would += [f"{name} {value}" for name, value in more.items() if USUAL.get(name, "") != value]
        return f"{method}{asked} [{', '.join(would)}]"

    def _tell(self) -> None:
        """The next request does."""

    def _ask(self, method: str, fields: tuple[tuple[str, str], ...]) -> Heard:
        """One request, on the connection of the one before it if the service left it open."""
        if self._connection is None:
            self._connection = self.site.service.connect()
        self._last = self._words(method, fields)
        lines = [f"{name}: {value}" for name, value in (*fields, ("X-Say", json.dumps(self._step)))]
        body = b"" if method in {"POST", "PUT"} else None
        self._connection.send(raw_request(self.target, *lines, method=method, body=body))
        answer = self._connection.read(method, deadline=self.site.patience + 3.0)
        if answer.says_close:
            self.close()
        return answer

    @property
    def shown(self) -> list[Heard]:
        """The last answer: its transcript holds those before it."""
        return self.answers[-1:]

    def close(self) -> None:
        """It has ended."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def said(step: Step, call: Call, done: float) -> Said:
    """What the origin answered, in the model's words."""
    pairs = step["also" if call.status == 304 and step.get("validates") and "also" in step else "fields"]
    fields = tuple((name, value) for name, value in pairs if name.lower() not in DATES)
    fields += (("ETag", step["etag"]),) if "etag" in step else ()
    return Said(
        number=call.number,
        status=call.status,
        arrived=call.arrived,
        done=done,
        method=call.method,
        seen=call.fields,
        fields=fields,
        date=step.get("date", 0),
        expires=step.get("expires"),
        is_expires_invalid=any(name.lower() == "expires" for name, _ in pairs),
        last_modified=step.get("last_modified"),
    )
