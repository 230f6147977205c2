"""`lab images`."""

from __future__ import annotations

import click

from labrunner.errors import ExitCode


@click.group("images")
def command() -> None:
    """Build and list the images that containers start from."""


@command.command("build")
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option(
    "--bootstrap",
    is_flag=True,
    envvar="LAB_BOOTSTRAP",
    show_envvar=True,
    help="Make Debian with mmdebstrap (as root) instead of pulling it from an image registry.",
)
def build(names: tuple[str, ...], bootstrap: bool) -> int:
    """Build the images that are missing (all, or those named). Takes the network, and a few minutes at first."""
    from labrunner.wiring.images import build as build_images

    build_images(names, bootstrap=bootstrap)
    return ExitCode.OK


@command.command("list")
def show() -> int:
    """List the images, and which of them are built."""
    from labrunner.wiring.images import listing

    for row in listing():
        symbol, colour = ("\u2713", "green") if row.megabytes is not None else ("\u00b7", None)
        size = "not built" if row.megabytes is None else f"{row.megabytes:,} MB"
        click.echo(f"{click.style(symbol, fg=colour)} {row.name:<11} {size:>10}   {click.style(row.tag, dim=True)}")
    return ExitCode.OK
