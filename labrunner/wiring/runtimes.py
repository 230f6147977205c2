"""Which runtime a run gets. Nothing heavy is loaded for one that is not picked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labrunner.errors import EnvironmentProblem
from labrunner.model.lab import Language

if TYPE_CHECKING:
    from pathlib import Path

    from labrunner.ports.runtime import Runtime

CHOICES = ("auto", "docker", "process")


def load(choice: str) -> None:
    """Import now what `pick` would import."""
    if choice != "process":
        import labrunner.runtimes.docker.runtime
    if choice != "docker":
        import labrunner.runtimes.process.runtime  # noqa: F401


def pick(
    choice: str,
    language: Language,
    cache: Path,
    work: Path,
    *,
    companions: tuple[str, ...] = (),
    with_load: bool = False,
    strict: bool = False,
) -> Runtime:
    """The runtime for a solution in `language`.

    Args:
        choice: one of `CHOICES`.
        language: of the solution.
        companions: what its lab may start beside it.
        with_load: whether its lab has a load stage.
        cache: where builds are kept between runs.
        work: the run's private folder.
        strict: never fall back from Docker without being told to (a grade).

    Raises:
        EnvironmentProblem: the runtime that was asked for cannot be had.
    """
    if choice == "auto":
        why_not = without_docker(language, companions, with_load=with_load)
        if why_not is not None and strict:
            raise why_not
        choice = "docker" if why_not is None else "process"
    if choice == "docker":
        from labrunner.runtimes.docker.runtime import DockerRuntime

        return DockerRuntime()
    if language is Language.DOCKERFILE:
        raise EnvironmentProblem("A solution with a Dockerfile of its own runs in the Docker runtime only.",
                                 "Use --runtime docker; `lab doctor` says what it lacks.")  # fmt: skip
    from labrunner.runtimes.process.runtime import ProcessRuntime

    return ProcessRuntime(cache, work)


def without_docker(
    language: Language, companions: tuple[str, ...] = (), *, with_load: bool = False
) -> EnvironmentProblem | None:
    """Why a solution in `language` with such companions, and load, cannot run in containers here; None when it can."""
    if language is Language.OTHER:
        return EnvironmentProblem(
            "A solution in the language 'other' runs with what is on this machine, so not in a container.",
            'Use --runtime process, or language = "dockerfile".',
        )
    from labrunner.companions.known import images
    from labrunner.runtimes.docker import address, recipes

    try:
        where = address.reach()
        lacking = recipes.missing(where.url, recipes.needed(language, (*images(companions), *(["load"] * with_load))))
    except EnvironmentProblem as fault:
        return fault
    if lacking:
        names = ", ".join(recipe.name for recipe in lacking)
        return EnvironmentProblem(f"Docker is here, but the images are not built yet ({names}).",
                                  "Type `lab images build` once.")  # fmt: skip
    return None


def fallback(choice: str, language: Language, companions: tuple[str, ...] = (), *, with_load: bool = False) -> str:
    """One line for a user whom ``auto`` gives the process runtime: what that means and what to type; else nothing."""
    why_not = without_docker(language, companions, with_load=with_load) if choice == "auto" else None
    if why_not is None or language is Language.OTHER:
        return ""
    return (
        f"Without containers (process runtime): nothing is kept from this machine. {why_not.message} {why_not.hint}\n"
    )
