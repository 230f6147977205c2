"""The wheel, built from a copy of the checkout and used with the checkout out of reach."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.command import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[2]
IGNORED = ("labs/rate-limiting/.DS_Store", "graders/rate-limiting/__pycache__/test_x.cpython-311.pyc",
           "scaffolds/rate-limiting/python/.lab/result.json", "labrunner/rules/__pycache__/x.pyc",
           "graders/rate-limiting/references/python/node_modules/x.js")  # fmt: skip


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what the wheel is made of, with litter that .gitignore knows."""
    folder = tmp_path_factory.mktemp("checkout")
    litter = shutil.ignore_patterns("__pycache__", ".*_cache")
    for name in ("labrunner", "labs", "graders", "scaffolds"):
        shutil.copytree(ROOT / name, folder / name, ignore=litter)
    for name in ("pyproject.toml", ".gitignore", "README.md", "LICENSE"):
        shutil.copyfile(ROOT / name, folder / name)
    for name in IGNORED:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("litter")
    return folder


@pytest.fixture(scope="module")
def wheel(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built with the backend that is here, from nothing but the copy."""
    target = tmp_path_factory.mktemp("wheel")
    subprocess.run([sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(target), str(checkout)],
                   check=True, capture_output=True, timeout=300)  # fmt: skip
    (found,) = target.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh virtual environment with the wheel; its dependencies are lent by a .pth line, which saves minutes."""
    folder = tmp_path_factory.mktemp("venv") / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, timeout=300)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", str(wheel)]
    subprocess.run(pip, check=True, capture_output=True, timeout=300)
    site = folder / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    (site / "lent.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    return folder


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Nothing that could lead back to the checkout."""
    home = tmp_path_factory.mktemp("home")
    return {"HOME": str(home), "PATH": os.defpath, "LAB_CACHE": str(home / "cache"), "LAB_STATE": str(home / "state")}


def _lab(installed: Path, *arguments: str, cwd: Path, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(installed / "bin" / "lab"), *arguments], cwd=cwd, env=env, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=PATIENCE * 2, check=False)  # fmt: skip


def test_the_wheel_holds_the_pack_and_no_litter(wheel: Path, checkout: Path) -> None:
    """Labs, graders and scaffolds below labrunner/_pack; no ignored file, no other top-level package."""
    names = set(zipfile.ZipFile(wheel).namelist())
    for name in ("labs/rate-limiting/lab.toml", "labs/rate-limiting/README.md"):
        assert f"labrunner/_pack/{name}" in names
    assert any(name.startswith("labrunner/_pack/graders/rate-limiting/test_01_") for name in names)
    assert any(name.startswith("labrunner/_pack/scaffolds/rate-limiting/python/") for name in names)
    for name in IGNORED:
        assert name not in names
        assert f"labrunner/_pack/{name}" not in names
    assert {name.split("/")[0].split("-")[0] for name in names} == {"labrunner"}
    assert all((checkout / name.removeprefix("labrunner/_pack/")).is_file() for name in names if "_pack/" in name)


def test_every_file_of_the_pack_is_in_the_wheel(wheel: Path, checkout: Path) -> None:
    """Nothing that .gitignore does not know is forgotten, whatever it is called."""
    names = set(zipfile.ZipFile(wheel).namelist())
    for top in ("labs", "graders", "scaffolds"):
        for path in (checkout / top).rglob("*"):
            name = str(path.relative_to(checkout))
            if path.is_file() and name not in IGNORED:
                assert f"labrunner/_pack/{name}" in names


def test_the_checkout_is_not_in_reach(installed: Path, environment: dict[str, str], tmp_path: Path) -> None:
    """Else the tests below would prove nothing."""
    program = "import labrunner, labrunner.catalog.folders as p; print(labrunner.__file__); print(p.core().root)"
    done = subprocess.run([str(installed / "bin" / "python"), "-c", program], cwd=tmp_path, env=environment,
                          capture_output=True, text=True, timeout=PATIENCE, check=True)  # fmt: skip
    module, root = done.stdout.split()
    assert Path(module).is_relative_to(installed)
    assert Path(root) == Path(module).parent / "_pack"


def test_a_learner_starts_and_tests_with_the_wheel(
    installed: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    """In another directory, without the checkout: the scaffold is tested, and what it lacks is told."""
    started = _lab(installed, "start", "rate-limiting", cwd=tmp_path, env=environment)
    assert started.returncode == 0, started.stderr
    tested = _lab(installed, "test", cwd=tmp_path / "rate-limiting", env=environment)
    assert tested.returncode == 1, tested.stdout + tested.stderr
    assert "Expected" in tested.stdout
    assert "lab hint" in tested.stdout
    assert _lab(installed, "list", cwd=tmp_path, env=environment).returncode == 0


def test_digests_are_equal_in_checkout_and_wheel(
    checkout: Path, installed: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    """Though pip has compiled what it installed."""
    program = (
        "import sys, pathlib\nfrom labrunner.catalog.digest import of_tree\n"
        "root = pathlib.Path(sys.argv[1])\n"
        "print(of_tree(root / 'labs', root / 'scaffolds'), of_tree(root / 'graders'))\n"
    )

    def digests(root: Path) -> str:
        return subprocess.run([str(installed / "bin" / "python"), "-c", program, str(root)], cwd=tmp_path,
                              env=environment, capture_output=True, text=True, timeout=PATIENCE, check=True).stdout  # fmt: skip

    for name in IGNORED:
        (checkout / name).unlink(missing_ok=True)
    pack = next(installed.glob("lib/python*/site-packages/labrunner/_pack"))
    assert digests(checkout) == digests(pack)


def test_load_is_measured_with_the_wheel(installed: Path, environment: dict[str, str], tmp_path: Path) -> None:
    """The generator's program and the lab's load.py are in it: every answer of the reference is recorded, and right."""
    # Without the checks that it needs, any of which a busy machine may leave undecided.
    asked = ("--case", "reference/python", "--check", "load/no-over-admission", "--runtime", "process")
    tested = _lab(installed, "validate", "rate-limiting", *asked, cwd=tmp_path, env=environment)
    assert "load/no-over-admission passed" in tested.stdout, tested.stdout + tested.stderr
