"""`lab verify`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from labrunner.catalog import assignment as assignments
from labrunner.cli import options
from labrunner.errors import ExitCode, UsageError


def _file(*names: str, envvar: str, help: str) -> options.Decorator:  # noqa: A002 - click's word
    return click.option(
        *names, type=click.Path(path_type=Path), envvar=envvar, show_envvar=True, metavar="FILE", help=help
    )


def _text(*names: str, envvar: str, metavar: str, help: str) -> options.Decorator:  # noqa: A002 - click's word
    return click.option(*names, default="", envvar=envvar, show_envvar=True, metavar=metavar, help=help)


@click.command("verify")
@click.argument("envelope", metavar="ENVELOPE", type=click.Path(path_type=Path))
@_file("--public-key", envvar="LAB_PUBLIC_KEY", help="The instructor's (.pub): the envelope must be signed with it.")
@_text("--signer-workflow", envvar="LAB_SIGNER_WORKFLOW", metavar="OWNER/REPO/.github/workflows/FILE",
       help="The instructor's: GitHub must attest that it made the envelope.")  # fmt: skip
@_text("--signer-digest", envvar="LAB_SIGNER_DIGEST", metavar="HASH", help="The commit of that workflow.")
@_file("--bundle", envvar="LAB_BUNDLE", help="The attestation as a file, instead of asking GitHub.")
@_text("--owner", envvar="LAB_OWNER", metavar="NAME", help="Whose result it must be.")
@_text("--repository", envvar="LAB_REPOSITORY", metavar="OWNER/NAME", help="The repository that it must be of.")
@_text("--commit", envvar="LAB_COMMIT", metavar="HASH", help="The commit that it must be of.")
@click.option("--solution", type=click.Path(path_type=Path), envvar="LAB_SOLUTION", show_envvar=True, metavar="DIR",
              help="The solution that it must be of, file by file.")  # fmt: skip
@_text("--lab", "lab_id", envvar="LAB_ID", metavar="ID", help="The lab that it must be of.")
@_file("--assignment", "assignment_file", envvar="LAB_ASSIGNMENT", help="The assignment that it must be graded for.")
@click.option("--other-version", is_flag=True, envvar="LAB_OTHER_VERSION", show_envvar=True,
              help="Accept a lab and grader whose content is not that of those installed here.")  # fmt: skip
@click.option("--allow-weak-isolation", is_flag=True, envvar="LAB_ALLOW_WEAK_ISOLATION", show_envvar=True,
              help="Accept a grade that was not made in containers.")  # fmt: skip
@options.pack
def command(envelope: Path, assignment_file: Path | None, packs: tuple[Path, ...], **given: Any) -> int:
    """Find out whether a result is what it claims to be.

    Exit code 0: it is; 1: it is not, and the message says why.
    """
    if not given["public_key"] and not given["signer_workflow"]:
        raise UsageError(
            "Nothing was named that could prove the result.",
            "Add --public-key FILE (signed by the instructor) or --signer-workflow NAME (attested by GitHub).",
        )
    assignment = assignments.read(assignment_file) if assignment_file else None
    pack = assignments.pack_of(assignment, assignment_file) if assignment and assignment_file else None
    from labrunner.cli.results import bytes_of
    from labrunner.wiring.verifying import Wanted, verify

    proved = verify(bytes_of(envelope), envelope, Wanted(**given), (*packs, pack) if pack else packs, assignment)
    for line in proved:
        click.echo(line)
    return ExitCode.OK
