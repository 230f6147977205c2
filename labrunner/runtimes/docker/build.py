"""The build phase: from a solution to an image of it. Dependencies and builds once per content, code in each run.

What is installed or compiled runs in a container of its own, hardened and bounded as a service is, but with a network,
a file system that it can write to, and a deadline; its file system then becomes the image. Proxies and certificates are
given to the command, not to the container, so that the image remembers neither.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

import docker.errors

from labrunner.errors import EnvironmentProblem
from labrunner.model.lab import Language
from labrunner.runtimes import go_modules
from labrunner.runtimes.docker import archive, host, labels, recipes
from labrunner.runtimes.docker.engine import told
from labrunner.runtimes.docker.learner_image import build_dockerfile
from labrunner.runtimes.docker.workshop import Job, carry_out
from labrunner.runtimes.package_index import GO_PROBE, NPM_PROBE, PIP_PROBE

if TYPE_CHECKING:
    from labrunner.model.solution import Staged
    from labrunner.runtimes.docker.engine import Engine

REPOSITORY = "labrunner-build"
KEPT_BUILDS = 32
"""Cached builds; the oldest go first."""


@dataclass(frozen=True, slots=True)
class Built:
    """What can be launched.

    Attributes:
        image: its id.
        argv: program and arguments; empty for what the image itself starts.
        has_init: whether lab-init is in it.
    """

    image: str
    argv: tuple[str, ...]
    has_init: bool


class Builder:
    """Builds solutions; thread-safe.

    Args:
        engine: where.
        run: whose images of code end with it.
    """

    def __init__(self, engine: Engine, run: labels.Run) -> None:
        self._engine = engine
        self._run = run
        self._lock = threading.Lock()
        self._built: dict[str, Built] = {}
        self._mine: list[str] = []

    def build(self, staged: Staged) -> Built:
        """The image of `staged`.

        Raises:
            NotStarted: the learner's dependencies or build failed.
            EnvironmentProblem: an image of ours is missing, or the engine cannot.
        """
        with self._lock:
            if staged.digest not in self._built:
                self._built[staged.digest] = self._build(staged)
            return self._built[staged.digest]

    def of(self, staged: Staged) -> Built:
        """What `build` made."""
        return self._built[staged.digest]

    def close(self) -> None:
        """Remove the images of this run; cached builds stay."""
        images, self._mine = self._mine, []
        with told():
            for image in images:
                self._engine.api.remove_image(image, force=True)

    def _build(self, staged: Staged) -> Built:
        solution = staged.solution
        if solution.language is Language.DOCKERFILE:
            image = build_dockerfile(self._engine, staged, f"{REPOSITORY}:{staged.digest.partition(':')[2][:24]}")
            self._forget_old()
            return Built(image, solution.run, has_init=False)
        recipe = recipes.of_language(solution.language)
        if recipe is None:
            raise EnvironmentProblem(
                "A solution in the language 'other' runs with what is on this machine, so not in a container.",
                'Use --runtime process, or language = "dockerfile".',
            )
        image = self._dependencies(self.require(recipe), staged)
        code = archive.of_tree(staged.path, "app/")
        if solution.build:
            job = Job(solution.build, needs_network=solution.language is not Language.GO)
            image = self._carried_out(image, code, job)
        else:
            image = self._with_files(image, code)
        return Built(image, solution.run, has_init=True)

    def require(self, recipe: recipes.Recipe) -> str:
        """The id of an image of ours.

        Raises:
            EnvironmentProblem: it is not built yet.
        """
        found = self._engine.image_id(recipe.tag)
        if found is None:
            raise EnvironmentProblem(
                f"The image '{recipe.name}' that containers start from is not built yet.",
                "Run `lab images build` once (or use --runtime process).",
            )
        return found

    def _dependencies(self, base: str, staged: Staged) -> str:
        """`base` with what the solution's own language says that it requires."""
        if staged.solution.language is Language.PYTHON:
            names, job = frozenset({"requirements.txt"}), _pip(staged)
        elif staged.solution.language is Language.TYPESCRIPT:
            names, job = frozenset({"package.json", "package-lock.json", ".npmrc"}), _npm(staged)
        else:
            names, job = go_modules.files(staged.path), _go()
        if job is None or not names:
            return base
        return self._carried_out(base, archive.of_tree(staged.path, "app/", only=names), job)

    def _carried_out(self, base: str, files: bytes, job: Job) -> str:
        """`base` with `files` after `job`; remembered by what went into it."""
        digest = hashlib.sha256(json.dumps([base, job.argv, hashlib.sha256(files).hexdigest()]).encode())
        tag = f"{REPOSITORY}:{digest.hexdigest()[:24]}"
        found = self._engine.image_id(tag)
        if found is None:
            found = carry_out(self._engine, self._run, base, files, job, tag)
            self._forget_old()
        return found

    def _with_files(self, image: str, files: bytes) -> str:
        """`image` and some more files, for this run only. Nothing is started for it."""
        api = self._engine.api
        with told():
            container = api.create_container(image, command=["/bin/true"], labels=self._run.labels)["Id"]
            try:
                api.put_archive(container, "/", files)
                made = str(api.commit(container, conf={"Labels": self._run.labels | {labels.CACHE: ""}})["Id"])
            finally:
                api.remove_container(container, force=True, v=True)
        self._mine.append(made)
        return made

    def _forget_old(self) -> None:
        with told():
            found = self._engine.api.images(filters={"label": [labels.CACHE]})
            cached = [image for image in found if image["Labels"].get(labels.CACHE)]
            for image in sorted(cached, key=lambda image: image["Created"], reverse=True)[KEPT_BUILDS:]:
                with contextlib.suppress(docker.errors.APIError):  # one that is in use stays
                    self._engine.api.remove_image(image["Id"], force=False)


def _pip(staged: Staged) -> Job | None:
    path = staged.path / "requirements.txt"
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else []
    if not any(line.strip() and not line.lstrip().startswith("#") for line in lines):
        return None
    return Job(("pip", "install", "--no-input", "--quiet", "--no-cache-dir", "--disable-pip-version-check",
                "--requirement", "requirements.txt"), probe=("pip", *PIP_PROBE, "--dest", "/tmp/probe"))  # fmt: skip  # noqa: S108


def _npm(staged: Staged) -> Job | None:
    try:
        wanted = json.loads((staged.path / "package.json").read_bytes())
        is_needed = bool(wanted.get("dependencies"))
    except FileNotFoundError:
        return None
    except (ValueError, AttributeError):
        is_needed = True  # npm says best what is wrong with it
    if not is_needed:
        return None
    command = "ci" if (staged.path / "package-lock.json").is_file() else "install"
    argv = ("npm", command, "--omit=dev", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error")
    # Away from the learner's .npmrc, which may name an index of its own.
    return Job(argv, probe=("npm", "--prefix", "/tmp", *NPM_PROBE))  # noqa: S108


def _go() -> Job:
    # Away from the learner's go.mod, with which the probe would fail as well.
    probe = ("go", "list", "-C", "/tmp", *GO_PROBE)  # noqa: S108
    return Job(go_modules.DOWNLOAD, probe=probe, environment=host.modules())
