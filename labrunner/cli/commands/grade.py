"""`lab grade`."""

from __future__ import annotations

from pathlib import Path

import click

from labrunner.cli import options
from labrunner.cli.context import solution_and_lab
from labrunner.rules.plan import select


@click.command("grade")
@click.argument("path", metavar="[PATH]", required=False, type=click.Path(path_type=Path))
@click.option(
    "--lab", "lab_id", envvar="LAB_ID", show_envvar=True, metavar="ID", help="Refuse a solution of another lab."
)
@options.runtime
@options.seed
@click.option(
    "--allow-weak-isolation",
    is_flag=True,
    envvar="LAB_ALLOW_WEAK_ISOLATION",
    show_envvar=True,
    help="Grade even where the service is not kept from this machine; the result says so.",
)
@options.report
@options.pack
def command(
    path: Path | None,
    lab_id: str | None,
    runtime: str,
    seed: str | None,
    allow_weak_isolation: bool,
    reports: tuple[str, ...],
    packs: tuple[Path, ...],
) -> int:
    """Grade a solution: every stage, every check."""
    outputs = options.parse_reports(reports)
    from labrunner.cli.interruption import listen
    from labrunner.suites.spawn import early

    listen()
    with early() as spawned:
        solution, lab = solution_and_lab(packs, path, lab_id)
        from labrunner.cli.grading import Run, fresh_seed

        run = Run(
            lab=lab,
            solution=solution,
            asked=select(lab, ()),
            seed=seed or fresh_seed(),
            runtime=runtime,
            needs_strong_isolation=not allow_weak_isolation,
            early=spawned,
        )
        return run.conduct(outputs)
