"""`lab sign`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from labrunner.errors import ExitCode


@click.command("sign")
@click.argument("envelope", metavar="ENVELOPE", type=click.Path(path_type=Path))
@click.option("--key", required=True, type=click.Path(path_type=Path), envvar="LAB_KEY", show_envvar=True,
              metavar="FILE", help="An instructor's key.")  # fmt: skip
@click.option("--output", type=click.Path(path_type=Path), envvar="LAB_OUTPUT", show_envvar=True, metavar="FILE",
              help="Where to write it; in place, without.")  # fmt: skip
@click.option("--owner", default="", envvar="LAB_OWNER", show_envvar=True, metavar="NAME", help="Whose it must be.")
@click.option("--repository", default="", envvar="LAB_REPOSITORY", show_envvar=True, metavar="OWNER/NAME",
              help="The repository that it must be of.")  # fmt: skip
@click.option("--commit", default="", envvar="LAB_COMMIT", show_envvar=True, metavar="HASH",
              help="The commit that it must be of.")  # fmt: skip
@click.option("--lab", default="", envvar="LAB_ID", show_envvar=True, metavar="ID", help="The lab that it must be of.")
@click.option("--seed", default="", envvar="LAB_SEED", show_envvar=True, metavar="SEED",
              help="The seed that the run must have used.")  # fmt: skip
def command(envelope: Path, key: Path, output: Path | None, **wanted: Any) -> int:
    """Sign an envelope that was made where the key is not.

    What is asked for must be what it says: else it is not signed (exit code 1).
    """
    from labrunner.cli.results import bytes_of
    from labrunner.solution.progress import write_whole
    from labrunner.trust import claims, keys
    from labrunner.trust import envelope as envelopes

    opened = envelopes.opened(bytes_of(envelope), str(envelope))
    claims.compare(opened.envelope, claims.Claims(**wanted))
    signer = keys.read(key)
    write_whole(output or envelope, envelopes.signed(opened, signer))
    click.echo(f"Signed with {signer.public.fingerprint}.")
    return ExitCode.OK
