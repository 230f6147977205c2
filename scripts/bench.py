"""`make bench`: every speed promise as a ratio, measured in one run, interleaved. Absolute figures drift; ratios hold.

lab --help, lab list    against a bare click program
wall / critical path    of a passing solution: what the runner adds to start, declared waits and answers
ready wait              against a bare poll of the same service
load generator          CPU time per request against wrk; latency while the service is frozen, against arithmetic
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from labrunner.catalog.packs import Catalog
from labrunner.model.lab import Language
from labrunner.model.solution import Staged
from labrunner.runtimes.process.runtime import ProcessRuntime
from labrunner.solution import manifest
from labrunner.wiring.runtimes import without_docker

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parent.parent
LAB = Path(sys.executable).with_name("lab")
HELLO = "import click\n@click.command()\ndef hello(): click.echo('hello')\nhello()\n"
REFERENCE = ROOT / "graders" / "rate-limiting" / "references" / "python"


def main() -> int:
    """Print the table; returns 1 when a target is missed."""
    with tempfile.TemporaryDirectory(prefix="lab-bench-") as folder:
        rows = [
            *_command_line(Path(folder)),
            *_suite(Path(folder)),
            *_readiness(Path(folder)),
            *_containers(Path(folder)),
            *_load_generator(),
        ]
    print(f"{'measure':44} {'ratio':>7} {'target':>8}   figures")
    for name, ratio, target, figures in rows:
        verdict = "ok" if ratio <= target else "MISSED"
        print(f"{name:44} {ratio:7.2f} {'<= ' + format(target, '.2f'):>8}   {figures}  {verdict}")
    return int(any(ratio > target for _, ratio, target, _ in rows))


Row = tuple[str, float, float, str]


def _command_line(folder: Path) -> list[Row]:
    hello = folder / "hello.py"
    hello.write_text(HELLO)
    programs = {
        "bare": [sys.executable, str(hello)],
        "--help": [sys.executable, str(LAB), "--help"],
        "list": [sys.executable, str(LAB), "list"],
    }
    seconds = _interleaved({name: _runner(argv) for name, argv in programs.items()}, rounds=15)
    bare = seconds["bare"]
    return [
        (
            f"lab {name} / bare click program",
            seconds[name] / bare,
            1.5,
            f"{seconds[name] * 1e3:.0f} / {bare * 1e3:.0f} ms",
        )
        for name in ("--help", "list")
    ]


def _runner(argv: list[str]) -> Callable[[], None]:
    def run() -> None:
        subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)

    return run


def _interleaved(actions: dict[str, Callable[[], None]], rounds: int) -> dict[str, float]:
    """Median seconds of each action; each round runs all of them once."""
    seconds: dict[str, list[float]] = {name: [] for name in actions}
    for _ in range(rounds):
        for name, action in actions.items():
            began = time.perf_counter()
            action()
            seconds[name].append(time.perf_counter() - began)
    return {name: statistics.median(values) for name, values in seconds.items()}


def _suite(folder: Path) -> list[Row]:
    """The whole of `lab test 1 2 3`, from typing it to the prompt, against what no runner could avoid."""
    timings = _whole_tests(folder / "process", "process", times=6)
    # The first run builds the environment, which is charged to nobody.
    ratio = statistics.median(wall / timing["critical_path"] for wall, timing in timings[1:])
    wall, path = (
        statistics.median(found) for found in zip(*((w, t["critical_path"]) for w, t in timings[1:]), strict=True)
    )
    return [("lab test 1 2 3, wall / critical path", ratio, 1.15, f"{wall:.2f} / {path:.2f} s")]


def _whole_tests(folder: Path, runtime: str, times: int) -> list[tuple[float, dict[str, float]]]:
    """Seconds from typing `lab test 1 2 3` to the prompt, and the result's own timing, of each of `times` runs."""
    shutil.copytree(REFERENCE, folder)
    result = folder / "result.json"
    argv = [str(LAB), "test", "1", "2", "3", "--runtime", runtime, "--report", f"json={result}"]
    timings = []
    for _ in range(times):
        began = time.perf_counter()
        subprocess.run(
            argv, check=True, cwd=folder, stdout=subprocess.DEVNULL, env=os.environ | {"LAB_STATE": str(folder)}
        )
        timings.append((time.perf_counter() - began, json.loads(result.read_bytes())["timing"]))
    return timings


def _readiness(folder: Path) -> list[Row]:
    """`wait_ready` of the process runtime against a bare, tight poll of the same program."""
    lab = Catalog().lab("rate-limiting")
    solution = manifest.read(REFERENCE)
    work = folder / "work"
    work.mkdir()
    runtime = ProcessRuntime(folder / "cache", work)
    staged = Staged(solution, REFERENCE, "sha256:bench")
    runtime.build(staged)
    policies = {"a": {"algorithm": "fixed-window", "limit": 5, "window_ms": 1000}}
    environment = {"POLICIES": json.dumps(policies)}
    waits: list[float] = []

    def ours() -> None:
        service = runtime.launch(staged, environment, name=f"bench{len(waits)}")
        waits.append(service.wait_ready(lab.service))
        service.close()

    bare: list[float] = []

    def plain() -> None:
        bare.append(_bare_start(environment))

    for _ in range(15):
        ours()
        plain()
    runtime.close()
    extra = statistics.median(waits) - statistics.median(bare)
    figures = f"{statistics.median(waits) * 1e3:.0f} / {statistics.median(bare) * 1e3:.0f} ms"
    # The target is 15 ms over the service's own readiness; as a ratio of that allowance.
    return [("extra ready wait / 15 ms allowed", max(extra, 0.0) / 0.015, 1.0, figures)]


def _containers(folder: Path) -> list[Row]:
    """Where an engine answers and the images are there; else nothing is measured, and that is said."""
    if (why_not := without_docker(Language.PYTHON)) is not None:
        print(f"containers are not measured: {why_not.message}", file=sys.stderr)
        return []
    ours, plain = _container_starts()
    timings = _whole_tests(folder / "docker", "docker", times=4)[1:]
    beside = statistics.median(wall - timing["critical_path"] + timing["ready"] for wall, timing in timings)
    return [
        ("container start / plain docker-py", ours / plain, 1.10, f"{ours * 1e3:.0f} / {plain * 1e3:.0f} ms"),
        ("containers, beside waits / create-to-200", beside / plain, 6.0, f"{beside:.2f} / {plain:.2f} s"),
    ]


def _load_generator() -> list[Row]:
    """Where wrk is installed; else its row is left out, and that is said."""
    from load_measures import frozen_p99, generator_against_wrk

    lab = Catalog().lab("rate-limiting")
    measured, expected = frozen_p99(lab)
    off = abs(measured / expected - 1)
    figures = f"{measured * 1e3:.0f} / {expected * 1e3:.0f} ms"
    rows = [("open-model p99 while frozen, off by / 5 %", off / 0.05, 1.0, figures)]
    if found := generator_against_wrk(lab):
        ours, theirs = found
        rows.append(("load generator CPU per request / wrk", ours / theirs, 3.0, f"{ours:.1f} / {theirs:.1f} us"))
    else:
        print("the load generator is not compared with wrk, which is not installed", file=sys.stderr)
    return rows


def _container_starts() -> tuple[float, float]:
    """Median seconds from launch to the first 200: through the runtime, and by plain docker-py with the same image."""
    from labrunner.runtimes.docker.engine import connect
    from labrunner.runtimes.docker.runtime import DockerRuntime

    lab = Catalog().lab("rate-limiting")
    staged = Staged(manifest.read(REFERENCE), REFERENCE, "sha256:bench")
    runtime, engine = DockerRuntime(), connect()
    runtime.build(staged)
    image = runtime._builder.of(staged).image
    policies = json.dumps({"a": {"algorithm": "fixed-window", "limit": 5, "window_ms": 1000}})
    numbers = itertools.count()

    def ours() -> None:
        service = runtime.launch(staged, {"POLICIES": policies}, name=f"bench{next(numbers)}")
        service.wait_ready(lab.service)
        ended.append(service.close)

    def plain() -> None:
        api = engine.api
        host = api.create_host_config(port_bindings={8000: ("127.0.0.1", None)}, init=True)
        variables = {"POLICIES": policies, "HOST": "0.0.0.0", "PORT": "8000"}  # noqa: S104 - inside the container
        made = api.create_container(image, ["python3", "main.py"], environment=variables, ports=[8000], host_config=host,
                                    working_dir="/app", entrypoint=[])["Id"]  # fmt: skip
        ended.append(lambda: api.remove_container(made, force=True))
        api.start(made)
        port = int(api.inspect_container(made)["NetworkSettings"]["Ports"]["8000/tcp"][0]["HostPort"])
        while not _answers(port):
            time.sleep(0.002)

    ended: list[Callable[[], None]] = []
    seconds: dict[str, list[float]] = {"ours": [], "plain": []}
    try:
        for _ in range(9):
            for name, action in (("ours", ours), ("plain", plain)):
                began = time.perf_counter()
                action()
                seconds[name].append(time.perf_counter() - began)
                ended.pop()()
    finally:
        for end in ended:
            end()
        runtime.close()
        engine.close()
    # The first start of each waits for what is made once a run.
    return statistics.median(seconds["ours"][1:]), statistics.median(seconds["plain"][1:])


def _bare_start(environment: dict[str, str]) -> float:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    base = getattr(sys, "_base_executable", sys.executable)
    variables = environment | {"HOST": "127.0.0.1", "PORT": str(port), "PATH": os.defpath}
    began = time.perf_counter()
    process = subprocess.Popen([base, "main.py"], cwd=REFERENCE, env=variables, stderr=subprocess.DEVNULL)
    try:
        while not _answers(port):
            time.sleep(0.001)
        return time.perf_counter() - began
    finally:
        process.kill()
        process.wait()


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 1) as connection:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            return connection.recv(12).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(main())
