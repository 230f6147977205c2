"""`lab run`."""

from __future__ import annotations

import threading
from pathlib import Path
from urllib.parse import urlsplit

import click

from labrunner.cli import options
from labrunner.cli.context import solution_and_lab
from labrunner.cli.refusal import not_started
from labrunner.errors import ExitCode
from labrunner.solution.progress import Progress


@click.command("run")
@click.option(
    "--port",
    default=8000,
    type=click.IntRange(1, 65535),
    envvar="LAB_PORT",
    show_envvar=True,
    show_default=True,
    help="Where it listens, on 127.0.0.1.",
)
@click.option(
    "--with",
    "beside",
    metavar="COMPANION",
    multiple=True,
    envvar="LAB_WITH",
    show_envvar=True,
    help="Start this beside it, e.g. redis, and tell it where (REDIS_URL). Repeatable.",
)
@options.runtime
@options.seed
@options.pack
def command(port: int, beside: tuple[str, ...], runtime: str, seed: str | None, packs: tuple[Path, ...]) -> int:
    """Start your service and stream its log, to try it by hand.

    Its environment is that of the last test, so that the requests in a failure can be sent again. A variable of the lab
    that you set yourself goes before: POLICIES='...' lab run. Of what a lab's later stages run beside your service,
    you choose: lab run --with redis.
    """
    solution, lab = solution_and_lab(packs)
    chosen = seed or Progress(solution.path).standing().seed
    from labrunner.cli.interruption import listen
    from labrunner.ports.runtime import NotStarted
    from labrunner.wiring.runs import fresh_seed, running

    nobody_reads = threading.Event()

    def show(line: str) -> None:
        try:
            click.echo(f"| {line}")
        except BrokenPipeError:  # in a thread, where nobody else would hear of it
            nobody_reads.set()

    listen()
    try:
        with running(lab, solution, chosen or fresh_seed(), runtime, port, show, beside) as session:
            for name, value in session.environment.items():
                click.echo(f"{name}={value}")
            click.secho(f"Ready at {session.url} (Ctrl-C ends it). In another terminal:", bold=True)
            where = urlsplit(session.url)
            for line in lab.service.try_lines:
                shown = line.replace("$URL", session.url).replace("$HOST", str(where.hostname))
                click.echo(f"  {shown.replace('$PORT', str(where.port))}")
            epitaph = session.wait(nobody_reads)
            if epitaph is None:
                raise BrokenPipeError
            click.echo(f"The service {epitaph}.")
    except NotStarted as refusal:
        not_started(refusal.startup)
    return ExitCode.FAILED
