"""What `lab images` does."""

from __future__ import annotations

from dataclasses import dataclass

from labrunner.errors import UnknownName
from labrunner.reports.steps import Steps
from labrunner.runtimes.docker import address, recipes


@dataclass(frozen=True, slots=True)
class Row:
    """One image.

    Attributes:
        megabytes: its size with all that it stands on; None when it is not built.
    """

    name: str
    tag: str
    megabytes: int | None


def build(names: tuple[str, ...], *, bootstrap: bool) -> None:
    """Build what is missing, and show how it goes.

    Raises:
        UnknownName: there is no image of that name.
        EnvironmentProblem: no engine, no network, no room.
    """
    for name in names:
        if name not in recipes.RECIPES:
            raise UnknownName("image", name, list(recipes.RECIPES), hint="See `lab images list`.")
    from labrunner.runtimes.docker import images
    from labrunner.runtimes.docker.engine import connect

    engine = connect()
    try:
        with Steps() as steps:
            for recipe in images.chosen(names):
                step = steps.begin(recipe.name)
                made = images.build(engine, recipe, force_bootstrap=bootstrap, listener=step.tell)
                step.end("is there already" if made.seconds is None else f"built in {made.seconds:.0f} s")
    finally:
        engine.close()


def listing() -> list[Row]:
    """All images, built or not.

    Raises:
        EnvironmentProblem: no engine, or a sick one.
    """
    where = address.reach()
    rows = []
    for recipe in recipes.RECIPES.values():
        found = recipes.described(where.url, recipe.tag)
        rows.append(Row(recipe.name, recipe.tag, found["Size"] // 1_000_000 if found else None))
    return rows
