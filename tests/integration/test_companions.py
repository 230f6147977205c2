"""Companions and faults on loopback: real Redis, a real fault proxy, a lab's own downstream."""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from labrunner.catalog.packs import Catalog
from labrunner.companions.known import Known
from labrunner.errors import EnvironmentProblem
from labrunner.faults.fault import Cut, Delay, HalfOpen, Lost, Pause
from labrunner.faults.patient import Patient
from labrunner.ports import CannotBeDone, ControlFailed
from labrunner.runtimes.process import segments
from labrunner.runtimes.process.tree import descendants, state
from tests import command
from tests.command import is_alive, survivors, that_mention, until
from tests.integration.conftest import copy_of
from tests.postgres import query

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labrunner.runtimes.process.companion import ProcessCompanion
    from labrunner.runtimes.process.runtime import ProcessRuntime

PACK = Path(__file__).parents[1] / "companion_pack"
GRADER = PACK / "graders" / "depot"
KNOWN = Known(GRADER, ("redis", "postgres", "odd-origin"))
REDIS = KNOWN.kind("redis", {})
POSTGRES = KNOWN.kind("postgres", {})


@pytest.fixture
def redis(runtime: ProcessRuntime) -> ProcessCompanion:
    """A ready one."""
    started = runtime.companion(REDIS, name="redis-1")
    started.wait_ready()
    return started


@pytest.fixture
def proxied(runtime: ProcessRuntime, redis: ProcessCompanion) -> Patient:
    """Redis behind a fault proxy."""
    proxy = runtime.companion(KNOWN.proxy(redis.address, REDIS, "/"), name="proxy")
    proxy.wait_ready()
    return Patient(redis, proxy)


@pytest.fixture
def origin(runtime: ProcessRuntime) -> ProcessCompanion:
    """The depot's own companion."""
    started = runtime.companion(KNOWN.kind("odd-origin", {"text": "hello"}), name="origin")
    started.wait_ready()
    return started


class Talk:
    """A connection to Redis that lives through faults."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._socket = socket.create_connection(address, 30)

    def send(self, words: str) -> None:
        self._socket.sendall(f"{words}\r\n".encode())

    def read(self, timeout: float = 30) -> str:
        self._socket.settimeout(timeout)
        return self._socket.recv(1000).decode()

    def close(self) -> None:
        self._socket.close()


@contextlib.contextmanager
def _talk(address: tuple[str, int]) -> Iterator[Talk]:
    talk = Talk(address)
    yield talk
    talk.close()


def _silent(talk: Talk) -> bool:
    with contextlib.suppress(TimeoutError):
        talk.read(0.1)
        return False
    return True


# --- Redis ---------------------------------------------------------------------------------------


def test_a_killed_redis_comes_back_empty_at_the_same_address(redis: ProcessCompanion) -> None:
    """Its address stays, what it held is gone (RL-25), and nothing is left of the old one."""
    url = redis.url
    with _talk(redis.address) as talk:
        talk.send("SET a 1")
        assert talk.read() == "+OK\r\n"
    redis.kill()
    assert not [pid for pid in descendants(redis.pid) if is_alive(pid)]
    assert redis.epitaph() == "was killed by SIGKILL"
    assert not redis.answers(1.0)
    redis.start_again()
    redis.wait_ready()
    with _talk(redis.address) as talk:
        talk.send("GET a")
        assert talk.read() == "$-1\r\n"
    assert redis.url == url


def test_a_paused_redis_is_stopped_and_carries_out_later_what_it_was_sent(redis: ProcessCompanion) -> None:
    """C-14: state T, connections open and silent, then it goes on where it was."""
    with _talk(redis.address) as talk:
        patient = Patient(redis)
        patient.suffer(Pause())
        (pid,) = descendants(redis.pid)
        assert state(pid) == "T"
        talk.send("INCR a")
        assert _silent(talk)
        patient.heal(30)
        assert talk.read() == ":1\r\n"


def test_without_a_proxy_nothing_is_cut_off_here(redis: ProcessCompanion) -> None:
    """The author is told what it takes."""
    with pytest.raises(CannotBeDone, match="behind_proxy=True"):
        Patient(redis).suffer(Cut())


def test_a_program_that_cannot_be_had_is_one_sentence(runtime: ProcessRuntime, monkeypatch: pytest.MonkeyPatch) -> None:
    """And costs the run nothing but that companion."""
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr("labrunner.companions.redis.WHEEL", ("no_such_package_of_ours",))
    with pytest.raises(EnvironmentProblem, match="needs Redis"):
        runtime.companion(REDIS, name="redis-1")
    runtime.witness()


def test_one_that_ends_at_once_is_told_with_its_last_words(runtime: ProcessRuntime, redis: ProcessCompanion) -> None:
    """Here: its port is taken, which no run of ours does."""

    class Late:
        name, image, is_controlled, refuses_root = "redis", "redis", False, False

        def __getattr__(self, name: str) -> Any:
            return getattr(REDIS, name)

        def program(self, place: Any) -> Any:
            return REDIS.program(type(place)(place.host, redis.address[1], place.folder, in_container=False))

        def answers(self, *_: object) -> bool:
            return False

    companion = runtime.companion(Late(), name="late")
    with pytest.raises(EnvironmentProblem, match=r"'late' did not become ready: .*(?i:address already in use)"):
        companion.wait_ready()


# --- PostgreSQL ----------------------------------------------------------------------------------


def test_several_postgres_side_by_side(runtime: ProcessRuntime) -> None:
    """Each its own data, from one prepared directory; as SD-1 wants them."""
    with ThreadPoolExecutor(3) as pool:
        servers = list(pool.map(lambda number: runtime.companion(POSTGRES, name=f"postgres-{number}"), range(3)))
        list(pool.map(lambda server: server.wait_ready(), servers))
    for number, server in enumerate(servers):
        query(server.address, f"create table t as select {number} as a")
    assert [query(server.address, "select a from t") for server in servers] == [["0"], ["1"], ["2"]]
    settings = ("max_connections", "max_prepared_transactions", "server_encoding")
    shown = [query(servers[0].address, f"show {name}") for name in settings]
    assert shown == [["100"], ["64"], ["UTF8"]]
    assert query(servers[0].address, "select datcollate from pg_database where datname = current_database()") == ["C"]


def test_what_postgres_committed_outlives_its_kill(runtime: ProcessRuntime) -> None:
    """Prepared transactions too."""
    server = runtime.companion(POSTGRES, name="postgres-1")
    server.wait_ready()
    query(server.address, "create table t as select 1 as a")
    query(server.address, "begin; insert into t values (2); prepare transaction 'in doubt'")
    server.kill()
    assert not server.answers(1.0)
    server.start_again()
    server.wait_ready()
    assert query(server.address, "select count(*) from t") == ["1"]
    query(server.address, "commit prepared 'in doubt'")
    assert query(server.address, "select count(*) from t") == ["2"]


@pytest.mark.skipif(not segments.TABLE.exists(), reason="nothing tells which segments there are")
@pytest.mark.parametrize("end", ["kill", "close"])
def test_no_shared_memory_is_left_of_a_postgres(runtime: ProcessRuntime, end: str) -> None:
    """The kernel has a few thousand segments for all of the machine, and a killed server cannot remove its own."""
    server = runtime.companion(POSTGRES, name="postgres-1")
    server.wait_ready()
    made_by = str(descendants(server.pid)[0])
    assert made_by in _makers_of_segments()
    getattr(server, end)()
    assert made_by not in _makers_of_segments()


def _makers_of_segments() -> list[str]:
    return [line.split()[4] for line in segments.TABLE.read_text().splitlines()[1:]]


def test_a_paused_postgres_is_silent_and_goes_on(runtime: ProcessRuntime) -> None:
    """The kernel accepts for it; a session begins when it is let go on."""
    server = runtime.companion(POSTGRES, name="postgres-1")
    server.wait_ready()
    patient = Patient(server)
    patient.suffer(Pause())
    assert not server.answers(0.3)
    patient.heal(30)
    assert query(server.address, "select 1") == ["1"]


# --- the fault proxy -----------------------------------------------------------------------------


def test_a_proxy_passes_everything(proxied: Patient) -> None:
    """A megabyte there and back, in order."""
    assert proxied.proxy is not None
    value = "".join(chr(65 + number % 26) for number in range(1_000_000))
    with _talk(proxied.proxy.address) as talk:
        talk.send(f"*3\r\n$3\r\nSET\r\n$1\r\na\r\n${len(value)}\r\n{value}")
        assert talk.read() == "+OK\r\n"
        talk.send("GET a")
        told = ""
        while not told.endswith("\r\n") or len(told) < len(value):
            told += talk.read()
    assert told == f"${len(value)}\r\n{value}\r\n"


def test_a_cut_holds_for_old_and_new_connections_and_heals(proxied: Patient) -> None:
    """Nothing passes meanwhile; what waited passes afterwards."""
    assert proxied.proxy is not None
    with _talk(proxied.proxy.address) as old:
        old.send("PING")
        assert old.read() == "+PONG\r\n"
        proxied.suffer(Cut())
        old.send("INCR a")
        with _talk(proxied.proxy.address) as new:
            new.send("INCR a")
            assert _silent(old)
            assert _silent(new)
            with _talk(proxied.target.address) as direct:
                direct.send("EXISTS a")
                assert direct.read() == ":0\r\n"
            proxied.heal(30)
            assert {old.read(), new.read()} == {":1\r\n", ":2\r\n"}


def test_a_delay_is_each_ways(proxied: Patient) -> None:
    """Every byte arrives later: a round trip takes at least twice as long."""
    assert proxied.proxy is not None
    with _talk(proxied.proxy.address) as talk:
        proxied.suffer(Delay(0.05))
        began = time.monotonic()
        talk.send("PING")
        assert talk.read() == "+PONG\r\n"
        assert time.monotonic() - began >= 0.1
        proxied.heal(30)


@pytest.mark.parametrize("lost, carried_out", [(Lost.ANSWERS, ":1\r\n"), (Lost.REQUESTS, ":0\r\n")])
def test_half_open(proxied: Patient, lost: Lost, carried_out: str) -> None:
    """An answer that is lost was given all the same; a request that is lost was not carried out."""
    assert proxied.proxy is not None
    with _talk(proxied.proxy.address) as talk, _talk(proxied.target.address) as direct:
        proxied.suffer(HalfOpen(lost))
        talk.send("SET a 1")
        assert _silent(talk)

        def asked() -> str:
            direct.send("EXISTS a")
            return direct.read()

        if lost is Lost.ANSWERS:
            until(lambda: asked() == carried_out, "the request to be carried out")
        assert asked() == carried_out
        proxied.heal(30)


def test_a_reset_is_a_reset(proxied: Patient) -> None:
    """RST, not an orderly end; and the next connection is as good as new."""
    assert proxied.proxy is not None
    proxy = proxied.proxy
    with _talk(proxy.address) as talk:
        talk.send("PING")
        assert talk.read() == "+PONG\r\n"
        until(lambda: proxy.control("GET", "/")["connections"] == 1, "who asked whether it is ready to be gone")
        assert proxied.reset() == 1
        with pytest.raises(ConnectionResetError):
            talk.read()
    assert proxied.answers(30)


def test_behind_a_proxy_a_killed_target_is_gone_too(proxied: Patient) -> None:
    """Old connections break, new ones are broken off at once; then it is back."""
    assert proxied.proxy is not None
    with _talk(proxied.proxy.address) as talk:
        talk.send("PING")
        talk.read()
        proxied.kill()
        with contextlib.suppress(ConnectionResetError):
            assert talk.read() == ""
    assert not proxied.answers(5.0)
    proxied.target.start_again()
    proxied.wait_back(30)


# --- a lab's own companion -----------------------------------------------------------------------


def test_it_is_controlled_over_its_own_channel(origin: ProcessCompanion) -> None:
    """What is told there shows in what it serves; what its author does not know is refused with his words."""
    client = http.client.HTTPConnection(*origin.address, timeout=30)
    client.request("GET", "/x")
    assert client.getresponse().read() == b"hello"
    origin.control("POST", "/say", {"text": "bye"})
    client.request("GET", "/y")
    assert client.getresponse().read() == b"bye"
    client.close()
    assert origin.control("GET", "/calls") == {"calls": ["/x", "/y"]}
    with pytest.raises(ControlFailed, match="the origin knows no POST /nothing"):
        origin.control("POST", "/nothing")


def test_an_answer_is_held_back_until_told(origin: ProcessCompanion) -> None:
    """C-22: order instead of clocks, so the channel must not wait for what the companion serves."""
    origin.control("POST", "/hold", True)
    with socket.create_connection(origin.address, 30) as client:
        client.sendall(b"GET /x HTTP/1.0\r\n\r\n")
        until(lambda: origin.control("GET", "/calls") == {"calls": ["/x"]}, "the call")
        client.settimeout(0.1)
        with pytest.raises(TimeoutError):
            client.recv(10)
        origin.control("POST", "/hold", False)
        client.settimeout(30)
        assert client.recv(10).startswith(b"HTTP/1.0")


def test_nobody_without_the_token_controls_it(origin: ProcessCompanion, work: Path) -> None:
    """And nobody but its own user can reach the socket: its folder is closed, its environment unreadable."""
    (path,) = work.glob("origin-*/control")
    assert path.parent.stat().st_mode & 0o077 == 0
    folder = os.open(path.parent, os.O_PATH)
    with socket.socket(socket.AF_UNIX) as stranger:
        stranger.connect(f"/proc/self/fd/{folder}/control")
        stranger.sendall(b"GET /calls HTTP/1.0\r\n\r\n")
        assert stranger.recv(100).startswith(b"HTTP/1.1 403")
    os.close(folder)
    (pid,) = descendants(origin.pid)
    assert Path(f"/proc/{pid}/environ").stat().st_uid == 0


def test_an_own_companion_that_cannot_be_loaded(runtime: ProcessRuntime, tmp_path: Path) -> None:
    """Its author reads the traceback's last lines."""
    (tmp_path / "companions").mkdir()
    (tmp_path / "companions" / "bad.py").write_text("import nothing_of_that_name\n")
    companion = runtime.companion(Known(tmp_path, ("bad",)).kind("bad", {}), name="bad")
    with pytest.raises(EnvironmentProblem, match="No module named 'nothing_of_that_name'"):
        companion.wait_ready()


# --- a whole lab ---------------------------------------------------------------------------------


@pytest.fixture
def depot(tmp_path: Path) -> Path:
    """A solution of the lab whose checks start companions and hurt them."""
    return copy_of(Catalog((PACK,)).lab("depot").grader / "references" / "python", tmp_path / "depot")


def test_a_lab_with_companions_and_faults(depot: Path, cache: Path) -> None:
    """Each check passes; how soon the service served again is told; nothing is left."""
    done = command.lab("test", "--all", "--pack", str(PACK), cwd=depot)
    assert done.code == 0, done.out + done.err
    assert "Served again after a fault:" in done.out
    assert "s later  faults/bears-pause" in done.out
    assert not that_mention(str(cache / "runs"))


@pytest.mark.parametrize("beside", [(), ("--with", "redis")])
def test_lab_run_starts_what_the_lab_shares_and_what_is_asked_for(depot: Path, beside: tuple[str, ...]) -> None:
    """The variables are told, so that a second instance can be started by hand."""
    process = command.start("run", "--port", _free_port(), *beside, "--pack", str(PACK), cwd=depot)
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line.decode())
        if "Ready at" in lines[-1]:
            break
    family = command.processes(process.pid)
    process.terminate()
    command.finish(process)
    told = "".join(lines)
    assert "ODD_ORIGIN_URL=http://127.0.0.1:" in told, told
    assert ("REDIS_URL=redis://127.0.0.1:" in told) == bool(beside)
    until(lambda: not survivors(family), "the end of everything")


def test_lab_run_knows_the_labs_companions(depot: Path) -> None:
    """Another name is a mistake, told with the right ones."""
    done = command.lab("run", "--with", "rediss", "--pack", str(PACK), cwd=depot)
    assert done.code == 2
    assert "There is no companion 'rediss'." in done.err
    assert "Did you mean redis?" in done.err


def _free_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return str(server.getsockname()[1])


def test_no_companion_survives_the_runners_own_death(depot: Path, cache: Path) -> None:
    """H5: SIGKILL amid the checks, and Redis, proxies and the origin end by themselves, whatever they suffer."""
    process = command.start("test", "--all", "--pack", str(PACK), cwd=depot)
    until(lambda: any(_is_redis(pid) for pid, _ in command.processes(process.pid)), "a Redis")
    process.kill()
    process.communicate()
    until(lambda: not that_mention(str(cache / "runs")), "the end of everything")


def _is_redis(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/exe").resolve().name in {"redis-server", "valkey-server", "redis-check-rdb"}
    except OSError:
        return False


# --- checks that end badly -----------------------------------------------------------------------

BAD_ENDS = """
import os, time
from labrunner.checks import Companions

def test_bears_kill(companions: Companions) -> None:
    companions.start("redis").pause()
    raise ValueError("in the middle")

def test_bears_pause(companions: Companions) -> None:
    companions.start("redis", behind_proxy=True).cut()
    os._exit(1)

def test_bears_cut(companions: Companions) -> None:
    companions.start("postgress")

def test_bears_delay(companions: Companions) -> None:
    redis = companions.start("redis")
    with redis.paused():
        redis.cut()

def test_hurt_itself(companions: Companions) -> None:
    companions.shared("odd-origin").kill()
"""


def test_whatever_becomes_of_a_check_its_companions_end(tmp_path: Path, depot: Path, cache: Path) -> None:
    """One raises, one dies, one asks for what there is not, one hurts twice, one hurts what is shared: all errored."""
    bad = copy_of(PACK, tmp_path / "pack")
    (bad / "graders/depot/test_02_faults.py").write_text(BAD_ENDS)
    done = command.lab("test", "--all", "--pack", str(bad), cwd=depot)
    assert done.code == 5, done.out
    told = " ".join(done.out.split())
    assert "lab.toml names no companion 'postgress'" in told
    assert "one fault at a time" in told
    assert "only what the check itself started" in told
    assert "5 errored" in told
    assert not that_mention(str(cache / "runs"))
