"""`lab test`."""

from __future__ import annotations

from pathlib import Path

import click

from labrunner.cli import completing, options


@click.command("test")
@click.argument("names", metavar="[STAGE | STAGE/CHECK]...", nargs=-1, shell_complete=completing.stages_and_checks)
@options.every_stage
@options.runtime
@options.seed
@options.report
@options.pack
def command(
    names: tuple[str, ...],
    is_all: bool,
    runtime: str,
    seed: str | None,
    reports: tuple[str, ...],
    packs: tuple[Path, ...],
) -> int:
    """Test your solution, up to the first stage that does not pass.

    STAGE is a stage's number or name, STAGE/CHECK one check; what they need is run too.
    """
    outputs = options.parse_reports(reports)
    from labrunner.cli.interruption import listen
    from labrunner.suites.spawn import early

    listen()
    # Before anything is looked up or imported: the grader's process takes longest to get ready.
    with early() as spawned:
        from labrunner.cli.context import solution_and_lab
        from labrunner.rules.plan import select
        from labrunner.solution.progress import Progress

        solution, lab = solution_and_lab(packs)
        asked = select(lab, names)
        progress = Progress(solution.path)
        with progress.lock():
            from labrunner.cli.grading import Run
            from labrunner.wiring.runs import Wish, fresh_seed

            wish = Wish(
                lab=lab,
                solution=solution,
                asked=asked,
                seed=seed or fresh_seed(),
                runtime=runtime,
                stop_early=not names and not is_all,
                start_tries=1,
                early=spawned,
                is_last=True,
            )
            return Run(wish).conduct(outputs, progress=progress)
