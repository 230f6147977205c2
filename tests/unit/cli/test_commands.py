"""The command line, in this process: names, helps, options; what needs a run is in tests/integration."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from labrunner.cli.app import COMMANDS, SECTIONS, app
from labrunner.cli.options import REPORT_FORMATS, parse_reports
from labrunner.errors import EnvironmentProblem, ExitCode, LabError, LabInvalid, UsageError

REFERENCE = Path(__file__).parents[3] / "graders" / "rate-limiting" / "references" / "python"
FOLDER = Path(__file__).parents[3] / "labrunner" / "cli" / "commands"


def _command(name: str) -> click.Command:
    found = app.get_command(click.Context(app), name)
    assert found is not None
    return found


def test_the_table_lists_every_command_there_is() -> None:
    """`lab --help` imports no command, so the table must name each file, and each file must be named."""
    assert sorted(COMMANDS) == sorted(path.stem for path in FOLDER.glob("*.py") if path.stem != "__init__")


@pytest.mark.parametrize("name", COMMANDS)
def test_the_tables_short_help_is_the_commands_own(name: str) -> None:
    """Two texts that say one thing, held equal here."""
    assert _command(name).get_short_help_str(limit=200) == COMMANDS[name].short
    assert _command(name).name == name


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_every_command_has_help(name: str, flag: str) -> None:
    """Short and long, with its first sentence, and every option explained or named by its default."""
    result = CliRunner().invoke(app, [name, flag])
    assert result.exit_code == 0
    assert COMMANDS[name].short in result.output.replace("\n  ", " ")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_also_an_environment_variable(name: str) -> None:
    """LAB_..., and the help says so."""
    for parameter in _command(name).params:
        if isinstance(parameter, click.Option):
            assert isinstance(parameter.envvar, str), parameter.name
            assert parameter.envvar.startswith("LAB_")
            assert parameter.show_envvar


def test_no_two_options_share_a_variable_unless_they_are_one() -> None:
    """LAB_SEED means the same everywhere."""
    meanings: dict[object, set[str]] = {}
    for name in COMMANDS:
        for parameter in _command(name).params:
            if isinstance(parameter, click.Option):
                meanings.setdefault(parameter.envvar, set()).add(parameter.opts[0])
    assert all(len(options) == 1 for options in meanings.values())


def test_help_comes_in_sections() -> None:
    """Learn, Grade, Author, Machine, in this order, each command in one."""
    output = CliRunner().invoke(app, ["--help"]).output
    places = [output.index(f"\n{section}:") for section in SECTIONS]
    assert places == sorted(places)
    for name, entry in COMMANDS.items():
        assert entry.section in SECTIONS
        assert re.search(rf"^  {name} +{re.escape(entry.short[:30])}", output, re.MULTILINE)


def test_the_version_is_told() -> None:
    """Name and number."""
    assert re.fullmatch(r"lab \d+\.\d+\.\d+\n", CliRunner().invoke(app, ["--version"]).output)


@pytest.mark.parametrize("typed, hint", [("tset", "Did you mean 'test'?"), ("zzz", "See `lab --help`.")])
def test_a_mistyped_command_gets_did_you_mean(typed: str, hint: str) -> None:
    """As mistyped labs and checks do."""
    result = CliRunner().invoke(app, [typed])
    assert result.exit_code == ExitCode.USAGE
    assert hint in result.output


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_can_be_installed(shell: str) -> None:
    """A script for each shell, for the command `lab`."""
    result = CliRunner().invoke(app, ["completion", shell])
    assert result.exit_code == 0
    assert "_LAB_COMPLETE" in result.output


@pytest.mark.parametrize(
    "words, incomplete, expected",
    [
        (["start"], "rate", "rate-limiting"),
        (["validate"], "rate", "rate-limiting"),
        (["test"], "first", "first-limit"),
        (["test"], "first-limit/he", "first-limit/healthy"),
        (["hint"], "headers/retry-after-", "headers/retry-after-ms"),
        (["spec"], "rl-1", "RL-1"),
    ],
)
def test_names_are_completed(words: list[str], incomplete: str, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Labs anywhere; stages, checks and rules in a solution."""
    monkeypatch.chdir(REFERENCE)
    completed = ShellComplete(app, {}, "lab", "_LAB_COMPLETE").get_completions(words, incomplete)
    assert expected in [item.value for item in completed]


@pytest.mark.parametrize("words", [["test"], ["hint"], ["spec"]])
def test_outside_a_solution_nothing_is_completed(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key pressed in the wrong place is no error."""
    monkeypatch.chdir(tmp_path)
    assert ShellComplete(app, {}, "lab", "_LAB_COMPLETE").get_completions(words, "") == []


@pytest.mark.parametrize(
    "values, expected",
    [
        ((), []),
        (("json",), [("json", None)]),
        (("json=-",), [("json", None)]),
        (("json=a/b=c.json", "json"), [("json", Path("a/b=c.json")), ("json", None)]),
    ],
)
def test_reports_are_parsed(values: tuple[str, ...], expected: list[tuple[str, Path | None]]) -> None:
    """FORMAT for standard output, FORMAT=FILE."""
    assert parse_reports(values) == expected


@pytest.mark.parametrize("values", [("xml",), ("",), ("json=",), ("json", "json=-"), ("=x",)])
def test_reports_that_cannot_be_are_refused(values: tuple[str, ...]) -> None:
    """Unknown, without a file, two in one place."""
    with pytest.raises(UsageError):
        parse_reports(values)


def test_every_report_format_has_its_renderer() -> None:
    """What --report offers can be written."""
    from labrunner.reports.formats import FORMATS  # noqa: PLC0415 - heavy

    assert sorted(FORMATS) == sorted(REPORT_FORMATS)


def _all_errors(kind: type[LabError]) -> list[type[LabError]]:
    return [kind, *(deeper for direct in kind.__subclasses__() for deeper in _all_errors(direct))]


def test_the_tree_of_errors_is_drawn_as_it_is() -> None:
    """The top of errors.py shows each class with its exit code."""
    drawn = (FOLDER.parents[1] / "errors.py").read_text().split('"""')[1]
    for error in _all_errors(LabError):
        if error.__module__ == "labrunner.errors" and error is not LabError:
            assert re.search(rf"- {error.__name__} +{error.exit_code.value} ", drawn), error.__name__


@pytest.mark.parametrize("error, code", [(UsageError, 2), (LabInvalid, 3), (EnvironmentProblem, 4)])
def test_an_error_knows_its_exit_code(error: type[LabError], code: int) -> None:
    """Scripts branch on it."""
    assert error("what", "hint").exit_code == code
