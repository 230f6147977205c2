"""`lab sign`."""

from __future__ import annotations

from pathlib import Path

import click

from labrunner.errors import ExitCode


@click.command("sign")
@click.argument("envelope", metavar="ENVELOPE", type=click.Path(path_type=Path))
@click.option("--key", required=True, type=click.Path(path_type=Path), envvar="LAB_KEY", show_envvar=True,
              metavar="FILE", help="An instructor's key.")  # fmt: skip
@click.option("--output", type=click.Path(path_type=Path), envvar="LAB_OUTPUT", show_envvar=True, metavar="FILE",
              help="Where to write it; in place, without.")  # fmt: skip
def command(envelope: Path, key: Path, output: Path | None) -> int:
    """Sign an envelope that was made where the key is not."""
    from labrunner.cli.results import bytes_of
    from labrunner.solution.progress import write_whole
    from labrunner.trust import envelope as envelopes
    from labrunner.trust import keys

    opened = envelopes.opened(bytes_of(envelope), str(envelope))
    signer = keys.read(key)
    write_whole(output or envelope, envelopes.signed(opened, signer))
    click.echo(f"Signed with {signer.public.fingerprint}.")
    return ExitCode.OK
