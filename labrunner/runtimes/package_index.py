"""After a failed install: is it the package, or does the index not answer? See docs/decisions/0005."""

from __future__ import annotations

from labrunner.errors import EnvironmentProblem

PIP_PROBE = ("download", "--quiet", "--no-deps", "--disable-pip-version-check", "pip")
"""Asks pip's index for a package that is surely there; ``--dest`` is added."""
NPM_PROBE = ("view", "npm", "version")
"""The same for npm."""
GO_PROBE = ("-m", "github.com/google/uuid@latest")
"""The same for Go, after ``go list`` and a folder that is no module; asked anew each time, for no cache holds a latest."""


def does_not_answer(said: str) -> EnvironmentProblem:
    """The error to raise when the probe failed, too; `said` is its last line."""
    return EnvironmentProblem(
        f"The solution's packages cannot be installed, for the package index does not answer: {said}",
        "Look at the network and the installer's own settings; nothing is said about the solution.",
    )
