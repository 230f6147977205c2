"""A stand-in for the hosted service: reads workflows and actions as it does, and executes every `run` step for real.

Not executed are GitHub's own actions (checkout, artifacts, attest): what they do here is a few lines each, below.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tests.ci.expressions import evaluated, filled

HANGS = 900.0
"""Seconds; against a hang, not a promise of speed."""
FAILURE = "failure"
SUCCESS = "success"
SKIPPED = "skipped"


def load(path: Path) -> dict[str, Any]:
    """A workflow or an action."""
    page = YAML(typ="safe", pure=True).load(path.read_text())
    assert isinstance(page, dict)
    return page


@dataclass
class Step:
    """What became of one."""

    name: str
    outcome: str
    log: str = ""


@dataclass
class Job:
    """What became of one.

    Attributes:
        commands: lines in the logs that the service obeys.
        summary: the job's summary, as Markdown.
        permissions: that its token has.
    """

    name: str
    result: str = SUCCESS
    steps: list[Step] = field(default_factory=list)
    outputs: dict[str, str] = field(default_factory=dict)
    summary: str = ""
    permissions: dict[str, str] = field(default_factory=dict)

    @property
    def log(self) -> str:
        """All steps'."""
        return "\n".join(step.log for step in self.steps)

    @property
    def commands(self) -> list[str]:
        """As actions/runner finds them: ``::`` after blanks, or ``##[`` anywhere; none while they are stopped."""
        found, word = [], ""
        for line in self.log.splitlines():
            bare = line.lstrip()
            if word:
                word = "" if bare == f"::{word}::" else word
            elif bare.startswith("::stop-commands::"):
                word = bare.removeprefix("::stop-commands::")
            elif bare.startswith("::") or "##[" in bare:
                found.append(bare)
        return found


@dataclass
class Service:
    """The service, with the repositories that it knows.

    Attributes:
        root: a folder for everything.
        repositories: bare or not, by ``owner/name``.
        labrunner: ``owner/name`` of the repository that holds the actions.
        settings: ``secrets`` and ``vars`` by job-independent name.
        attested: names and digests.
        given: results of jobs that are not run.
        is_installed: labrunner was installed on this machine by an earlier job of the same commit; not done again.
    """

    root: Path
    repositories: dict[str, Path]
    labrunner: str
    secrets: dict[str, str] = field(default_factory=dict)
    vars: dict[str, str] = field(default_factory=dict)
    artifacts: dict[str, Path] = field(default_factory=dict)
    attested: dict[str, str] = field(default_factory=dict)
    is_installed: bool = False
    given: dict[str, str] = field(default_factory=dict)
    jobs: dict[str, Job] = field(default_factory=dict)

    def push(
        self, repository: str, commit: str, workflow: str, name: str = "main", given: dict[str, str] | None = None
    ) -> dict[str, Job]:
        """Run `workflow` of `repository` at `commit`, as after a push; returns all jobs that ran, by name.

        Args:
            repository: ``owner/name``.
            commit: what was pushed.
            workflow: its path.
            name: of the branch or tag.
            given: results of jobs that are not run.
        """
        self.jobs, self.artifacts, self.attested, self.given = {}, {}, {}, given or {}
        owner = repository.split("/", maxsplit=1)[0]
        github = {
            "repository": repository, "repository_owner": owner, "sha": commit, "run_id": "4711", "run_attempt": "1",
            "event_name": "push", "token": "the-token", "actor": owner, "event": {}, "ref_name": name,
        }  # fmt: skip
        page = load(self.tree(repository, commit) / workflow)
        self._workflow(page, {"github": github, "inputs": {}}, repository, commit)
        return self.jobs

    def tree(self, repository: str, commit: str) -> Path:
        """A checkout of that commit."""
        target = self.root / "trees" / repository.replace("/", "+") / commit
        if not target.exists():
            source = self.repositories[repository]
            subprocess.run(["git", "clone", "--quiet", str(source), str(target)], check=True, capture_output=True)
            subprocess.run(["git", "checkout", "--quiet", commit], cwd=target, check=True, capture_output=True)
        return target

    # -- workflows and jobs -----------------------------------------------------------------------------------------

    def _workflow(self, page: dict[str, Any], contexts: dict[str, Any], repository: str, commit: str) -> None:
        contexts = contexts | {"secrets": self.secrets, "vars": self.vars, "runner": {"temp": str(self.root / "temp")}}
        contexts["env"] = {name: filled(str(value), contexts) for name, value in page.get("env", {}).items()}
        needs: dict[str, Any] = {}
        for name, job in page["jobs"].items():
            if name in self.given:
                needs[name] = {"result": self.given[name], "outputs": {}}
                continue
            mine = contexts | {"needs": needs, "steps": {}, "matrix": {}}
            named = job.get("needs", [])
            before = [needs[need]["result"] for need in ([named] if isinstance(named, str) else named)]
            condition = str(job.get("if", "")).removeprefix("${{").removesuffix("}}")
            wanted = evaluated(condition, mine) if condition else all(result == SUCCESS for result in before)
            if not wanted:
                needs[name] = {"result": SKIPPED, "outputs": {}}
                continue
            if "uses" in job:
                self._call(job, mine)
                needs[name] = {"result": SUCCESS, "outputs": {}}
                continue
            rows = filled(str(job.get("strategy", {}).get("matrix", {}).get("submission", "")), mine) or [None]
            made = [self._job(name, job, mine | {"matrix": {"submission": row}}, (repository, commit)) for row in rows]
            worst = SUCCESS if all(item.result == SUCCESS for item in made) else FAILURE
            needs[name] = {"result": worst, "outputs": made[-1].outputs}

    def _call(self, job: dict[str, Any], contexts: dict[str, Any]) -> None:
        """A reusable workflow: `github` stays the caller's."""
        place, commit = job["uses"].split("@")
        owner, name, path = place.split("/", 2)
        page = load(self.tree(f"{owner}/{name}", commit) / path)
        spec = page["on"]["workflow_call"]["inputs"]
        given = {key: filled(_written(value), contexts) for key, value in job.get("with", {}).items()}
        inputs = {key: given.get(key, item.get("default", "")) for key, item in spec.items()}
        assert set(given) <= set(spec)
        assert all(inputs[key] for key, item in spec.items() if item.get("required"))
        for inner in page["jobs"].values():
            for scope, level in (inner.get("permissions") or {}).items():
                assert job["permissions"].get(scope) == level, "a called job cannot have more than its caller"
        self._workflow(page, {"github": contexts["github"], "inputs": inputs}, f"{owner}/{name}", commit)

    def _job(self, name: str, job: dict[str, Any], contexts: dict[str, Any], source: tuple[str, str]) -> Job:
        made = Job(name, permissions=job.get("permissions") or {})
        self.jobs[f"{name}" if name not in self.jobs else f"{name} {len(self.jobs)}"] = made
        run = _Run(self, made, contexts, source)
        run.steps(job["steps"], contexts, contexts["env"])
        made.outputs = {key: str(filled(str(value), contexts) or "") for key, value in job.get("outputs", {}).items()}
        made.summary = run.summary.read_text() if run.summary.exists() else ""
        return made


class _Run:
    """One job on a machine of its own: a workspace, and files for outputs, path and summary."""

    def __init__(self, service: Service, job: Job, contexts: dict[str, Any], source: tuple[str, str]) -> None:
        self._service = service
        self._job = job
        self._source = source
        self.workspace = service.root / "work" / f"{len(service.jobs)}-{job.name}"
        shutil.rmtree(self.workspace, ignore_errors=True)
        self.workspace.mkdir(parents=True)
        self.temp = service.root / "temp"
        self.temp.mkdir(exist_ok=True)
        self.summary = self.workspace.with_name(f"{self.workspace.name}.summary")
        self.summary.unlink(missing_ok=True)
        self._path = ""
        self._github = contexts["github"]

    def steps(self, steps: list[dict[str, Any]], contexts: dict[str, Any], variables: dict[str, str]) -> bool:
        """All of them; returns whether none failed."""
        is_well = True
        for number, step in enumerate(steps):
            condition = str(step.get("if", "")).removeprefix("${{").removesuffix("}}")
            wanted = evaluated(condition, contexts) if condition else is_well
            if not wanted:
                continue
            env = {name: str(filled(str(value), contexts) or "") for name, value in (step.get("env") or {}).items()}
            outputs: dict[str, str] = {}
            name = str(step.get("name") or step.get("uses") or number)
            if "run" in step:
                assert "${{" not in step["run"], "F10: values come by the environment"
                passed = self._run(name, step, variables | env, contexts, outputs)
            else:
                passed = self._uses(name, step, contexts, variables | env, outputs)
            if "id" in step:
                contexts["steps"][step["id"]] = {"outputs": outputs}
            if not passed and not step.get("continue-on-error"):
                is_well, self._job.result = False, FAILURE
        return is_well

    def _run(
        self, name: str, step: dict[str, Any], env: dict[str, str], contexts: dict[str, Any], outputs: dict[str, str]
    ) -> bool:
        if name == "Install labrunner" and self._service.is_installed:
            self._path = f"{self.temp / 'labrunner' / 'bin'}"
            return True
        files = {key: self.workspace.with_name(f"{self.workspace.name}.{key}") for key in ("output", "path")}
        for file in files.values():
            file.write_text("")
        where = Path(str(filled(step.get("working-directory", str(self.workspace)), contexts)))
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", step["run"]], cwd=where, check=False,
            env=self._environment(env, files), capture_output=True, timeout=HANGS, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        log = (done.stdout + done.stderr).decode("utf-8", "backslashreplace")
        self._job.steps.append(Step(name, SUCCESS if not done.returncode else FAILURE, log))
        for line in files["output"].read_text().splitlines():
            key, _, value = line.partition("=")
            outputs[key] = value
        if added := files["path"].read_text().strip():
            self._path = f"{added}:{self._path}".rstrip(":")
        return not done.returncode

    def _environment(self, env: dict[str, str], files: dict[str, Path]) -> dict[str, str]:
        """What the service sets, and of this machine no more than its tools need."""
        kept = {name: value for name, value in os.environ.items() if name in _OF_THE_MACHINE or name.startswith("PIP_")}
        github = {
            "GITHUB_REPOSITORY": self._github["repository"], "GITHUB_SHA": self._github["sha"], "GITHUB_RUN_ID": "4711",
            "GITHUB_WORKSPACE": str(self.workspace), "GITHUB_OUTPUT": str(files["output"]), "GITHUB_ACTIONS": "true",
            "GITHUB_PATH": str(files["path"]), "GITHUB_STEP_SUMMARY": str(self.summary), "RUNNER_TEMP": str(self.temp),
            "PIP_CACHE_DIR": os.environ.get("PIP_CACHE_DIR", str(Path.home() / ".cache" / "pip")),
            "CI": "true", "HOME": str(self._service.root), "LAB_CACHE": os.environ["LAB_CACHE"],
        }  # fmt: skip
        path = f"{self._path}:{os.environ['PATH']}".lstrip(":")
        return kept | github | {"PATH": path} | env

    def _uses(
        self, name: str, step: dict[str, Any], contexts: dict[str, Any], env: dict[str, str], outputs: dict[str, str]
    ) -> bool:
        given = {key: filled(_written(value), contexts) for key, value in (step.get("with") or {}).items()}
        place, _, commit = str(step["uses"]).partition("@")
        if place.startswith(("$/", f"{self._service.labrunner}/")):
            return self._action(place, commit, given, contexts, outputs)
        assert re.fullmatch(r"[0-9a-f]{40}", commit), f"{place} is not pinned"
        match place:
            case "actions/checkout":
                self._checkout(given)
            case "actions/upload-artifact":
                self._upload(given)
            case "actions/download-artifact":
                self._download(given)
            case "actions/attest":
                self._service.attested |= self._subjects(given)
            case _:
                raise AssertionError(f"the action {place} is not known here")
        self._job.steps.append(Step(name, SUCCESS))
        return True

    def _action(
        self, place: str, commit: str, given: dict[str, Any], contexts: dict[str, Any], outputs: dict[str, str]
    ) -> bool:
        """A composite action of ours: its steps, with its own inputs; GITHUB_ACTION_PATH is where it lies."""
        repository, at = self._source if place.startswith("$/") else (self._service.labrunner, commit)
        folder = self._service.tree(repository, at) / place.removeprefix("$/").removeprefix(f"{repository}/")
        page = load(folder / "action.yml")
        spec = page.get("inputs") or {}
        assert set(given) <= set(spec), f"{place} has no input {set(given) - set(spec)}"
        inner = contexts | {"steps": {}}
        inner["inputs"] = {
            key: given[key] if key in given else filled(str(item.get("default", "")), contexts)
            for key, item in spec.items()
        }
        passed = self.steps(page["runs"]["steps"], inner, {"GITHUB_ACTION_PATH": str(folder)})
        outputs.update(
            {key: str(filled(item["value"], inner) or "") for key, item in (page.get("outputs") or {}).items()}
        )
        return passed

    def _checkout(self, given: dict[str, Any]) -> None:
        assert given.get("persist-credentials") == "false", "F3: no token is left on the machine"
        repository = str(given.get("repository") or self._github["repository"])
        commit = str(given.get("ref") or self._github["sha"])
        target = self.workspace / str(given.get("path") or ".")
        shutil.copytree(self._service.tree(repository, commit), target, symlinks=True, dirs_exist_ok=True)

    def _subjects(self, given: dict[str, Any]) -> dict[str, str]:
        if "subject-digest" in given:
            return {str(given["subject-name"]): str(given["subject-digest"])}
        found = [file for pattern in str(given["subject-path"]).split() for file in self.workspace.glob(pattern)]
        return {file.name: digest(file) for file in found}

    def _upload(self, given: dict[str, Any]) -> None:
        source = self.workspace / str(given["path"])
        target = self._service.root / "artifacts" / str(given["name"])
        shutil.rmtree(target, ignore_errors=True)
        if source.is_dir():
            shutil.copytree(source, target)
        elif source.exists():
            target.mkdir(parents=True)
            shutil.copy(source, target)
        self._service.artifacts[str(given["name"])] = target

    def _download(self, given: dict[str, Any]) -> None:
        target = self.workspace / str(given.get("path") or ".")
        if "name" in given:
            shutil.copytree(self._service.artifacts[str(given["name"])], target, dirs_exist_ok=True)
            return
        prefix = str(given["pattern"]).removesuffix("*")
        for name, folder in self._service.artifacts.items():
            if name.startswith(prefix) and folder.exists():
                shutil.copytree(folder, target / name, dirs_exist_ok=True)


_OF_THE_MACHINE = {"LANG", "LC_ALL", "TMPDIR", "DOCKER_HOST", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"} | {
    name for name in os.environ if name.lower() in {"http_proxy", "https_proxy", "no_proxy"}
}


def _written(value: Any) -> str:
    """As YAML writes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def digest(path: Path) -> str:
    """``sha256:<hex>``."""
    return f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"
