"""`lab images`: content-addressed, built once, listed."""

from __future__ import annotations

import dataclasses
import io
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from labrunner.runtimes.docker import archive, recipes
from labrunner.runtimes.docker.builds import BuildTooLong, build_image
from labrunner.runtimes.docker.engine import connect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labrunner.runtimes.docker.address import Address
    from labrunner.runtimes.docker.engine import Engine


@pytest.fixture
def engine() -> Iterator[Engine]:
    """A connection of the test's own."""
    made = connect()
    yield made
    made.close()


def _lab(*arguments: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "labrunner", "images", *arguments]
    return subprocess.run(argv, capture_output=True, text=True, timeout=600, check=False)


def test_building_again_builds_nothing(where: Address, engine: Engine) -> None:
    """Each image is there already, and stays the one it was; piped output is plain."""
    before = {name: engine.image_id(recipe.tag) for name, recipe in recipes.RECIPES.items()}
    done = _lab("build")
    assert done.returncode == 0
    assert done.stderr == ""
    assert done.stdout.count("is there already") == len(recipes.RECIPES)
    assert "\x1b" not in done.stdout
    assert {name: engine.image_id(recipe.tag) for name, recipe in recipes.RECIPES.items()} == before


def test_the_list_names_every_image_with_its_size(where: Address) -> None:
    """Name, size and tag of each."""
    done = _lab("list")
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert [line.split()[1] for line in lines] == list(recipes.RECIPES)
    assert all(line.split()[0] == "✓" and " MB " in line for line in lines)


def test_an_unknown_image_is_a_usage_error(where: Address) -> None:
    """With a suggestion."""
    done = _lab("build", "pyhton")
    assert done.returncode == 2
    assert "There is no image 'pyhton'." in done.stderr
    assert "Did you mean python?" in done.stderr


def test_the_tag_follows_the_recipe_and_what_is_below_it() -> None:
    """Another recipe, or another base, is another image."""
    python = recipes.RECIPES["python"]
    tags = {python.tag, dataclasses.replace(python, extra="more").tag, dataclasses.replace(python, parent="go").tag}
    assert len(tags) == 3
    assert recipes.RECIPES["python"].tag == python.tag


def test_images_hold_no_trace_of_the_hosts_certificates(where: Address, engine: Engine) -> None:
    """No variable of an image points to what was there for its build alone."""
    for recipe in recipes.RECIPES.values():
        environment = engine.api.inspect_image(recipe.tag)["Config"]["Env"]
        assert not [line for line in environment if "CERT" in line or line.upper().startswith(("HTTP", "NO_PROXY"))], (
            recipe.name
        )


def test_services_cannot_write_their_own_keeper(where: Address, engine: Engine) -> None:
    """lab-init belongs to root in every language's image."""
    stat = _inside(engine, "python", ["stat", "-c", "%U %a", "/opt/lab/lab-init"])
    assert stat == "root 755"


def _inside(engine: Engine, name: str, command: list[str]) -> str:
    made = engine.client.containers.run(recipes.RECIPES[name].tag, command, remove=True, network_mode="none")
    return str(made.decode().strip())


def test_a_build_of_an_image_ends_at_its_deadline(where: Address, engine: Engine) -> None:
    """A step that hangs does not hang `lab images build`."""
    dockerfile = f"FROM {recipes.RECIPES['base'].tag}\nLABEL labrunner.image=test\nRUN sleep 600\n"
    context = io.BytesIO(archive.of_files({"Dockerfile": (dockerfile.encode(), 0o644)}))
    with pytest.raises(BuildTooLong):
        build_image(engine, context, deadline=2.0, labels={})
