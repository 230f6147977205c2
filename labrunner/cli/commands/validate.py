"""`lab validate`."""

from __future__ import annotations

import os
from pathlib import Path

import click

from labrunner.authoring.wanted import Mode
from labrunner.catalog.folders import core
from labrunner.catalog.packs import Catalog
from labrunner.cli import completing, options
from labrunner.errors import UsageError
from labrunner.rules.plan import select


@click.command("validate")
@click.argument("ids", metavar="[ID]...", nargs=-1, shell_complete=completing.labs)
@click.option("--runs", type=click.IntRange(1, 10_000), envvar="LAB_RUNS", show_envvar=True,
              help="How often each correct solution is graded; 3, or 1 with --quick.")  # fmt: skip
@click.option("--quick", is_flag=True, envvar="LAB_QUICK", show_envvar=True,
              help="References and two accepted solutions once; each mutant by the checks it names and a tenth of the others.")  # fmt: skip
@click.option("--full", is_flag=True, envvar="LAB_FULL", show_envvar=True,
              help="In both runtimes, one after the other; solutions that must pass are looked at hardest.")  # fmt: skip
@click.option("--mutants", type=click.IntRange(0, 10_000), envvar="LAB_MUTANTS", show_envvar=True,
              help="Only so many, by turns: the commit's hash chooses.")  # fmt: skip
@click.option("--correct", type=click.IntRange(1, 10_000), envvar="LAB_CORRECT", show_envvar=True,
              help="Only so many references and accepted solutions, by turns; the first reference always.")  # fmt: skip
@click.option("--case", "cases", multiple=True, metavar="KIND/NAME", envvar="LAB_CASE", show_envvar=True,
              help="Only this solution, e.g. mutant/off-by-one; may be repeated.")  # fmt: skip
@click.option("--check", metavar="STAGE/CHECK", envvar="LAB_CHECK", show_envvar=True,
              help="With --case: only this check, in the foreground, with pytest's own output.")  # fmt: skip
@click.option("--pdb", is_flag=True, envvar="LAB_PDB", show_envvar=True,
              help="With --check: a debugger where the check ends.")  # fmt: skip
@click.option("--jobs", type=click.IntRange(1, 64), envvar="LAB_JOBS", show_envvar=True,
              help="Solutions graded at once; one more than there are cores, two for each with --quick.")  # fmt: skip
@click.option("--resume", is_flag=True, envvar="LAB_RESUME", show_envvar=True,
              help="Go on with a validation that was broken off.")  # fmt: skip
@click.option("--update-transcripts", is_flag=True, envvar="LAB_UPDATE_TRANSCRIPTS", show_envvar=True,
              help="Record anew what learners see, and print the difference.")  # fmt: skip
@click.option("--patience", default=120.0, type=click.FloatRange(1, 3600), show_default=True, envvar="LAB_PATIENCE",
              show_envvar=True, help="Seconds after which a check that says nothing hangs.")  # fmt: skip
@options.runtime
@options.seed
@options.report
@options.pack
def command(  # noqa: PLR0913, PLR0917 - click calls it with one argument per option
    ids: tuple[str, ...],
    runs: int | None,
    quick: bool,
    full: bool,
    mutants: int | None,
    correct: int | None,
    cases: tuple[str, ...],
    check: str | None,
    pdb: bool,
    jobs: int | None,
    resume: bool,
    update_transcripts: bool,
    patience: float,
    runtime: str,
    seed: str | None,
    reports: tuple[str, ...],
    packs: tuple[Path, ...],
) -> int:
    """Prove that a lab's grader is right.

    References and accepted solutions must pass, the scaffold must earn its baseline, and each mutant must fail the
    checks it names and no others.
    """
    outputs = options.parse_reports(reports)
    from labrunner.cli.interruption import listen

    listen()
    packs = packs or here()
    catalog = Catalog(packs)
    names = [catalog.known(name) for name in ids] or catalog.names()
    if check is not None:
        if len(cases) != 1 or len(names) != 1 or not ids:
            raise UsageError(
                "--check is of one lab and one --case.", "Say lab validate ID --case KIND/NAME --check STAGE/CHECK."
            )
        lab = catalog.lab(names[0])
        (check_id,) = [each for each in select(lab, (check,)) if each == check] or [""]
        if not check_id:
            raise UsageError(f"{check} is no single check.", "Say STAGE/CHECK.")
        from labrunner.model.effort import Effort
        from labrunner.wiring.validating import in_foreground

        effort = Effort.EXHAUSTIVE if full else Effort.BRISK
        return in_foreground(lab, cases[0], check, runtime, seed, with_pdb=pdb, effort=effort)
    if quick and full:
        raise UsageError("--quick and --full contradict each other.", "Give one of them.")
    if pdb:
        raise UsageError("--pdb needs a check.", "Say lab validate ID --case KIND/NAME --check STAGE/CHECK --pdb.")
    from labrunner.wiring.validating import Asked, Validating

    mode = Mode.QUICK if quick else Mode.FULL if full else Mode.USUAL
    asked = Asked(
        mode, runtime, runs or (1 if mode is Mode.QUICK else 3), jobs or at_once(mode), seed, mutants,
        cases, packs, patience, resume, update_transcripts, correct,
    )  # fmt: skip
    validating = Validating(catalog, asked, outputs)
    return validating.update_transcripts(names) if update_transcripts else validating.conduct(names)


def at_once(mode: Mode) -> int:
    """Solutions graded at once, unless told: checks mostly wait, and a quick validation does without wide margins."""
    cores = os.cpu_count() or 1
    return 2 * cores if mode is Mode.QUICK else cores + 1


def here() -> tuple[Path, ...]:
    """The current directory, where it is a pack of its author's."""
    is_pack = all(Path(tree).is_dir() for tree in ("labs", "graders")) and Path.cwd() != core().root
    return (Path.cwd(),) if is_pack else ()
