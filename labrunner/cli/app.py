"""The group `lab`. `lab --help` imports no command: their names, sections and short helps stand in one table."""

from __future__ import annotations

import importlib
from typing import Any, NamedTuple

import click

from labrunner import __version__
from labrunner.errors import near


class Entry(NamedTuple):
    """A command in the table: its section in `--help`, and its short help (a test compares it with the command's)."""

    section: str
    short: str


COMMANDS = {
    "list": Entry("Learn", "List the labs."),
    "start": Entry("Learn", "Begin a lab in a new directory."),
    "test": Entry("Learn", "Test your solution, up to the first stage that does not pass."),
    "watch": Entry("Learn", "Test your solution again each time you save a file."),
    "run": Entry("Learn", "Start your service and stream its log, to try it by hand."),
    "hint": Entry("Learn", "Give one more hint for a check."),
    "replay": Entry("Learn", "Send the request of a failure again, to a fresh service."),
    "spec": Entry("Learn", "Show the rules of the lab, or one of them."),
    "status": Entry("Learn", "Show how far you have come."),
    "reset": Entry("Learn", "Bring back the scaffold's files, keeping a backup."),
    "grade": Entry("Grade", "Grade a solution: every stage, every check."),
    "report": Entry("Grade", "Show a stored result, or write it in other formats."),
    "verify": Entry("Grade", "Find out whether a result is what it claims to be."),
    "sign": Entry("Grade", "Sign an envelope that was made where the key is not."),
    "keys": Entry("Grade", "Make an instructor's key, and the seeds that come from it."),
    "ci": Entry("Grade", "Have each push graded."),
    "new": Entry("Author", "Begin a lab of your own: small, complete, and valid."),
    "validate": Entry("Author", "Prove that a lab's grader is right."),
    "images": Entry("Machine", "Build and list the images that containers start from."),
    "doctor": Entry("Machine", "Find out what is wrong with this machine."),
    "completion": Entry("Machine", "Print the shell's completion script."),
}
SECTIONS = ("Learn", "Grade", "Author", "Machine")


class LazyGroup(click.Group):
    """Imports a command when it is used, and shows sections in `--help`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"labrunner.cli.commands.{cmd_name}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with a suggestion for a mistyped name."""
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            similar = near(name, COMMANDS)
            hint = f" Did you mean '{similar[0]}'?" if similar else " See `lab --help`."
            raise click.UsageError(f"There is no command '{name}'.{hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """One list per section."""
        width = max(map(len, COMMANDS))
        for section in SECTIONS:
            with formatter.section(section):
                rows = [
                    (name.ljust(width), entry.short) for name, entry in COMMANDS.items() if entry.section == section
                ]
                formatter.write_dl(rows)


def _settings() -> dict[str, Any]:
    return {"help_option_names": ["-h", "--help"]}


@click.group(cls=LazyGroup, context_settings=_settings())
@click.version_option(__version__, prog_name="lab", message="%(prog)s %(version)s")
def app() -> None:
    """Learn backend engineering by building services that are really tested.

    Begin with `lab list`, then `lab start ID`, then `lab test` in the new directory.
    """
