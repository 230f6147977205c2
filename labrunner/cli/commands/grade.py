"""`lab grade`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from labrunner.cli import options
from labrunner.cli.marking import Marking, marking
from labrunner.cli.subject import subject

if TYPE_CHECKING:
    from labrunner.model.envelope import Subject


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
@options.folder
@options.pack
@marking
@subject
@click.option("--envelope", type=click.Path(path_type=Path), envvar="LAB_ENVELOPE", show_envvar=True, metavar="FILE",
              help="Also write the result with whose it is, to be signed or attested.")  # fmt: skip
@click.option("--key", type=click.Path(path_type=Path), envvar="LAB_KEY", show_envvar=True, metavar="FILE",
              help="An instructor's key (`lab keys new`): makes the seed, and signs the envelope.")  # fmt: skip
@click.option("--store", type=click.Path(path_type=Path), envvar="LAB_STORE", show_envvar=True, metavar="DIR",
              help="Keep results by content here, and grade nothing that was graded before.")  # fmt: skip
def command(
    path: Path | None,
    lab_id: str | None,
    packs: tuple[Path, ...],
    reports: tuple[str, ...],
    marking: Marking,
    subject: Subject,
    **given: Any,
) -> int:
    """Grade a solution: every stage, every check."""
    outputs = options.parse_reports(reports)
    from labrunner.cli.interruption import listen
    from labrunner.suites.spawn import early

    listen()
    with early() as spawned:
        from labrunner.cli.context import solution_and_lab
        from labrunner.rules.plan import select

        solution, lab = solution_and_lab(marking.packs(packs), path, marking.lab_id(lab_id))
        lab = marking.applied(lab)
        from labrunner.cli.graded import conduct
        from labrunner.cli.grading import Run
        from labrunner.model.effort import Effort
        from labrunner.wiring.handing import Handing, seed_for
        from labrunner.wiring.runs import Wish

        handing = Handing(subject, given["envelope"], given["key"], given["store"])
        wish = Wish(
            lab=lab,
            solution=solution,
            asked=select(lab, marking.stages),
            seed=seed_for(handing, lab, given["seed"]),
            runtime=given["runtime"],
            needs_strong_isolation=not given["allow_weak_isolation"],
            terms=marking.terms,
            early=spawned,
            effort=Effort.THOROUGH,
            is_last=True,
        )
        return conduct(Run(wish, given["folder"]), outputs, handing)
