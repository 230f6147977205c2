"""`lab validate`."""

from __future__ import annotations

from pathlib import Path

import click

from labrunner.catalog.packs import Catalog
from labrunner.cli import completing, options
from labrunner.errors import ExitCode


@click.command("validate")
@click.argument("ids", metavar="[ID]...", nargs=-1, shell_complete=completing.labs)
@click.option("--runs", default=3, type=click.IntRange(1, 10_000), show_default=True, envvar="LAB_RUNS", show_envvar=True,
              help="How often each correct solution is graded.")  # fmt: skip
@click.option("--jobs", default=2, type=click.IntRange(1, 64), show_default=True, envvar="LAB_JOBS", show_envvar=True,
              help="Solutions graded at once.")  # fmt: skip
@options.runtime
@options.seed
@options.pack
def command(ids: tuple[str, ...], runs: int, jobs: int, runtime: str, seed: str | None, packs: tuple[Path, ...]) -> int:
    """Prove that a lab's grader is right.

    References and accepted solutions must pass, the scaffold must earn its baseline, and each mutant must fail the
    checks it names and no others.
    """
    catalog = Catalog(packs)
    labs = [catalog.lab(name) for name in ids] or catalog.labs()
    from labrunner.cli.validation import validate

    valid = [validate(lab, runs=runs, jobs=jobs, runtime=runtime, seed=seed) for lab in labs]
    return ExitCode.OK if all(valid) else ExitCode.LAB_INVALID
