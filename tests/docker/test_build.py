"""The build phase: dependencies and builds once per content, in every language, and clear words when they fail."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

import pytest

from labrunner.errors import EnvironmentProblem
from labrunner.model.lab import Language
from labrunner.model.status import Reason
from labrunner.ports.runtime import NotStarted
from labrunner.runtimes.docker import archive, labels, learner_image, recipes, wire, workshop
from labrunner.runtimes.docker.engine import connect
from tests import go_module
from tests.docker.harness import PROGRAMS, READY, get, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from labrunner.runtimes.docker.address import Address
    from labrunner.runtimes.docker.engine import Engine
    from labrunner.runtimes.docker.runtime import DockerRuntime
    from tests.docker.harness import Stager

NODE = """
import { createServer } from "node:http";
const port: number = Number(process.env.PORT);
const server = createServer((request, response) => response.end(JSON.stringify({ answer: "typescript" })));
process.on("SIGTERM", () => server.close(() => process.exit(0)));
server.listen(port, process.env.HOST);
"""
GO = """package main

import (
	"net/http"
	"os"
)

func main() {
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { w.Write([]byte(`{"answer": "go"}`)) })
	http.ListenAndServe(os.Getenv("HOST")+":"+os.Getenv("PORT"), nil)
}
"""
GO_MOD = "module service\n\ngo 1.24\n"
GO_WITH_MODULE = GO.replace("import (", 'import (\n\t"example.com/greet"').replace(
    '"go"}`', '"` + greet.Hello() + `"}`'
)


@pytest.fixture
def engine() -> Iterator[Engine]:
    """A connection of the test's own."""
    made = connect()
    yield made
    made.close()


def _cached(where: Address) -> set[str]:
    found = wire.labelled(where.url, "images", labels.CACHE, 30)
    return {image["Id"] for image in found if image["Labels"][labels.CACHE]}


def test_typescript_runs_as_it_is(runtime: DockerRuntime, stage: Stager) -> None:
    """`node main.ts` needs no build step."""
    staged = stage(
        {"main.ts": NODE, "package.json": '{"type": "module"}'}, language=Language.TYPESCRIPT, run=("node", "main.ts")
    )
    runtime.build(staged)
    service = runtime.launch(staged, {}, name="service")
    service.wait_ready(READY)
    assert get(service, "/") == {"answer": "typescript"}
    assert service.stop(10).code == 0


def test_go_is_built_without_a_network_and_runs(runtime: DockerRuntime, stage: Stager, where: Address) -> None:
    """The standard library and a warm cache are all that a build takes; a second one takes nothing."""
    staged = stage({"main.go": GO, "go.mod": GO_MOD}, language=Language.GO, run=("./service",), build=go_module.BUILD)
    runtime.build(staged)
    service = runtime.launch(staged, {}, name="service")
    service.wait_ready(READY)
    assert get(service, "/") == {"answer": "go"}
    before = _cached(where)
    runtime.build(dataclasses.replace(staged, digest="sha256:another"))
    assert _cached(where) == before


@pytest.fixture
def with_proxy(
    where: Address, engine: Engine, runtime: DockerRuntime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """The image for Go with a module proxy in it, as a folder: no container may reach this machine, or needs to."""
    go_module.make_proxy(tmp_path / "proxy")
    mark = f"labrunner-test.{tmp_path.name}"  # what is made from an image inherits its labels
    container = engine.api.create_container(recipes.RECIPES["go"].tag)["Id"]
    try:
        engine.api.put_archive(container, "/", archive.of_tree(tmp_path / "proxy", "proxy/"))
        image = engine.api.commit(container, conf={"Labels": {mark: ""}})["Id"]
    finally:
        engine.api.remove_container(container)
    monkeypatch.setattr(runtime._builder, "require", lambda recipe: image)
    monkeypatch.setenv("GOSUMDB", "off")
    monkeypatch.setenv("GOPROXY", "file:///proxy")
    yield
    runtime.close()
    for made in sorted(engine.api.images(filters={"label": mark}), key=lambda each: each["Created"], reverse=True):
        engine.api.remove_image(made["Id"])


@pytest.mark.usefixtures("with_proxy")
def test_go_modules_are_fetched_once_and_linked_without_a_network(
    runtime: DockerRuntime, stage: Stager, where: Address
) -> None:
    """What ``go.mod`` requires is in the service, and other code with the same requirements fetches nothing."""
    files = go_module.solution(GO_WITH_MODULE)
    staged = stage(files, language=Language.GO, run=("./service",), build=go_module.BUILD)
    before = _cached(where)
    runtime.build(staged)
    assert len(_cached(where) - before) == 2
    service = runtime.launch(staged, {}, name="service")
    service.wait_ready(READY)
    assert get(service, "/") == {"answer": "hello"}
    service.close()
    files["main.go"] += "\n// changed\n"
    runtime.build(stage(files, language=Language.GO, run=("./service",), build=go_module.BUILD))
    assert len(_cached(where) - before) == 3


@pytest.mark.usefixtures("with_proxy")
def test_a_module_that_does_not_exist(runtime: DockerRuntime, stage: Stager) -> None:
    """BUILD_FAILED with Go's own last lines."""
    files = go_module.solution(GO_WITH_MODULE, "v1.0.1")
    with pytest.raises(NotStarted) as caught:
        runtime.build(stage(files, language=Language.GO, run=("./service",), build=go_module.BUILD))
    assert caught.value.startup.reason is Reason.BUILD_FAILED
    assert caught.value.startup.failure.got == "`go mod download` ended with code 1"
    assert any("example.com/greet@v1.0.1" in line for line in caught.value.startup.failure.log)


def test_what_is_in_vendor_is_not_fetched(
    runtime: DockerRuntime, stage: Stager, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A solution that brings its modules along is built without any proxy, as in the other runtime."""
    monkeypatch.setenv("GOPROXY", "off")
    files = go_module.solution(GO_WITH_MODULE)
    files["vendor/modules.txt"] = "# example.com/greet v1.0.0\n## explicit; go 1.24\nexample.com/greet\n"
    files["vendor/example.com/greet/greet.go"] = go_module.MODULE["greet.go"]
    runtime.build(stage(files, language=Language.GO, run=("./service",), build=go_module.BUILD))


def test_a_compilers_words_are_shown(runtime: DockerRuntime, stage: Stager) -> None:
    """BUILD_FAILED, the command, and the lines that name the mistake."""
    staged = stage({"main.go": GO.replace("os.Getenv", "os.Getnev"), "go.mod": GO_MOD}, language=Language.GO,
                   run=("./service",), build=go_module.BUILD)  # fmt: skip
    with pytest.raises(NotStarted) as caught:
        runtime.build(staged)
    startup = caught.value.startup
    assert startup.reason is Reason.BUILD_FAILED
    assert startup.failure.got == "`go build -o service .` ended with code 1"
    assert any("undefined: os.Getnev" in line for line in startup.failure.log)


def test_requirements_are_installed_once_and_code_changes_cost_nothing(
    runtime: DockerRuntime, stage: Stager, where: Address
) -> None:
    """A package from requirements.txt can be imported; other code with the same requirements installs nothing."""
    requirements = {"requirements.txt": "# what it needs\nh11==0.16.0\n"}
    program = "import h11\n" + (PROGRAMS / "probe.py").read_text()
    runtime.build(staged := stage({"main.py": program, **requirements}))
    service = runtime.launch(staged, {}, name="service")
    service.wait_ready(READY)
    before = _cached(where)
    runtime.build(stage({"main.py": f"{program}\n# changed", **requirements}))
    assert _cached(where) == before


def test_the_image_remembers_neither_proxies_nor_certificates(
    runtime: DockerRuntime, stage: Stager, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are for the build alone: no variable, no file of them is in what runs."""
    monkeypatch.setenv("no_proxy", "example.invalid")
    staged = stage({"main.py": (PROGRAMS / "probe.py").read_text(), "marker": "kept"}, build=("env",))
    runtime.build(staged)
    service = runtime.launch(staged, {}, name="service")
    service.wait_ready(READY)
    found = get(service, "/all")
    assert not {name for name in found["environment"] if "proxy" in name.lower() or "CERT" in name}
    image = engine.api.inspect_container(service.container_id)["Image"]
    assert not [line for line in engine.api.inspect_image(image)["Config"]["Env"] if "proxy" in line.lower()]


def test_a_package_that_does_not_exist(runtime: DockerRuntime, stage: Stager) -> None:
    """BUILD_FAILED with pip's own last lines, and nothing left behind."""
    staged = stage({"main.py": "", "requirements.txt": "h11==99.99.99\n"})
    with pytest.raises(NotStarted) as caught:
        runtime.build(staged)
    assert caught.value.startup.reason is Reason.BUILD_FAILED
    assert any("h11==99.99.99" in line for line in caught.value.startup.failure.log)


def test_a_build_that_hangs_ends_at_its_deadline(where: Address, engine: Engine) -> None:
    """BUILD_TIMEOUT, with what it said until then."""
    base = engine.image_id(recipes.RECIPES["base"].tag)
    assert base is not None
    job = workshop.Job(("sh", "-c", "echo fetching; sleep 600"), deadline=15.0)
    with pytest.raises(NotStarted) as caught:
        workshop.carry_out(engine, labels.Run(), base, b"\0" * 1024, job, "labrunner-build:never")
    assert caught.value.startup.reason is Reason.BUILD_TIMEOUT
    assert caught.value.startup.failure.log == ("fetching",)


def test_a_build_that_eats_memory_is_stopped(where: Address, engine: Engine) -> None:
    """BUILD_FAILED, and the bound is named."""
    base = engine.image_id(recipes.RECIPES["base"].tag)
    assert base is not None
    job = workshop.Job(("perl", "-e", "my @kept; push @kept, 'x' x 10_000_000 while 1"), deadline=120)
    with pytest.raises(NotStarted) as caught:
        workshop.carry_out(engine, labels.Run(), base, b"\0" * 1024, job, "labrunner-build:never")
    assert caught.value.startup.reason is Reason.BUILD_FAILED
    assert "2048 MiB" in caught.value.startup.failure.got


# --- a learner's own Dockerfile ------------------------------------------------------------------


def _dockerfile(*lines: str) -> dict[str, str]:
    return {"Dockerfile": "\n".join([f"FROM {recipes.RECIPES['python'].tag}", *lines, ""])}


def _refused(engine: Engine, stage: Stager, files: dict[str, str], deadline: float = 60.0) -> NotStarted:
    staged = stage(files, language=Language.DOCKERFILE, run=())
    with pytest.raises(NotStarted) as caught:
        learner_image.build_dockerfile(engine, staged, "labrunner-build:test", deadline)
    return caught.value


def test_a_learners_own_image_runs_hardened(runtime: DockerRuntime, stage: Stager, engine: Engine) -> None:
    """Its CMD is started under the same profile, its health check is off, what it exposes is not published."""
    files = _dockerfile(
        "COPY main.py /srv/main.py",
        "EXPOSE 9999",
        "HEALTHCHECK --interval=1s CMD /bin/true",
        "STOPSIGNAL SIGKILL",
        "USER root",
        'CMD ["python", "/srv/main.py"]',
    )
    staged = stage({**files, "main.py": (PROGRAMS / "probe.py").read_text()}, language=Language.DOCKERFILE, run=())
    runtime.build(staged)
    service = runtime.launch(staged, {}, name="service")
    service.wait_ready(READY)
    found = get(service, "/all")
    assert found["status"]["Uid"] == "10001"
    inspected = engine.api.inspect_container(service.container_id)
    assert inspected["State"].get("Health") is None
    assert not inspected["HostConfig"]["PortBindings"]
    service.kill()
    assert service.epitaph() == "was killed by SIGKILL"
    service.start_again()
    service.wait_ready(READY)
    end = service.stop(10)
    assert end.code == 0


def test_volume_is_rejected(engine: Engine, stage: Stager) -> None:
    """It would be a folder of the machine's without a bound."""
    refusal = _refused(engine, stage, _dockerfile("VOLUME /endless", 'CMD ["true"]'))
    assert refusal.startup.reason is Reason.REJECTED
    assert refusal.startup.failure.got == "it declares VOLUME /endless"


def test_many_exposed_ports_are_rejected(engine: Engine, stage: Stager) -> None:
    """Sixteen are enough for anybody."""
    refusal = _refused(engine, stage, _dockerfile("EXPOSE 1000-3000", 'CMD ["true"]'))
    assert refusal.startup.reason is Reason.REJECTED
    assert refusal.startup.failure.got == "it exposes 2,001 ports, more than 16"


def test_an_endless_run_ends_at_the_deadline(engine: Engine, stage: Stager) -> None:
    """And its container with it (see the residue check, and this one)."""
    before = {container["Id"] for container in engine.api.containers()}
    refusal = _refused(engine, stage, _dockerfile("RUN echo waiting && sleep 600"), deadline=5.0)
    assert refusal.startup.reason is Reason.BUILD_TIMEOUT
    assert any("waiting" in line for line in refusal.startup.failure.log)
    wait_for(lambda: {container["Id"] for container in engine.api.containers()} <= before, 30)


def test_a_failing_step_is_named(engine: Engine, stage: Stager) -> None:
    """BUILD_FAILED with the step's own words."""
    refusal = _refused(engine, stage, _dockerfile("RUN echo no such thing && exit 3"))
    assert refusal.startup.reason is Reason.BUILD_FAILED
    assert any("no such thing" in line for line in refusal.startup.failure.log)


def test_no_dockerfile_at_all(engine: Engine, stage: Stager) -> None:
    """The file is named."""
    refusal = _refused(engine, stage, {"main.py": ""})
    assert refusal.startup.reason is Reason.REJECTED


def test_code_alone_is_never_cached(runtime: DockerRuntime, stage: Stager, where: Address) -> None:
    """Images of plain code end with the run (the residue check), and no builder remembers them."""
    before = _cached(where)
    runtime.build(stage({"main.py": json.dumps("code")}))
    assert _cached(where) == before


@pytest.mark.parametrize(
    "files, language",
    [
        ({"main.py": "", "requirements.txt": "a-package-for-this-test==1.0\n"}, Language.PYTHON),
        (go_module.solution(GO_WITH_MODULE), Language.GO),
    ],
)
def test_an_index_that_does_not_answer_is_not_the_learners_fault(
    runtime: DockerRuntime, stage: Stager, monkeypatch: pytest.MonkeyPatch, files: dict[str, str], language: Language
) -> None:
    """E4: the environment's problem, never 0 points; found out by asking for a package that is surely there."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    staged = stage(files, language=language)
    with pytest.raises(EnvironmentProblem, match="does not answer"):
        runtime.build(staged)
