"""What is wrong with the machine is told together with what to do next."""

from __future__ import annotations

import ast
from pathlib import Path

import click
import pytest

import labrunner
from labrunner.cli.app import app
from labrunner.errors import EnvironmentProblem
from labrunner.runtimes.process.supervised import SupervisorGone

SOURCES = Path(labrunner.__file__).parent
KINDS = {EnvironmentProblem.__name__, SupervisorGone.__name__}


def test_every_problem_of_the_machine_has_a_next_step() -> None:
    """Wherever `EnvironmentProblem`, or one of its kind, is raised: a sentence, and a hint."""
    for path in SOURCES.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in KINDS:
                assert len(node.args) + len(node.keywords) == 2, f"{path}:{node.lineno} has no hint"


@pytest.mark.parametrize("name", sorted(app.list_commands(click.Context(app))))
def test_every_option_says_what_it_does(name: str) -> None:
    """`lab COMMAND --help` leaves no option without words."""
    context = click.Context(app)
    command = app.get_command(context, name)
    assert command is not None
    group = command.commands.values() if isinstance(command, click.Group) else ()
    for each in (command, *group):
        for option in each.params:
            if isinstance(option, click.Option) and not option.hidden:
                assert option.help, f"lab {name}: {option.opts}"
