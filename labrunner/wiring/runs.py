"""From what a user asked for to a run with concrete rooms."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labrunner.errors import EnvironmentProblem, LabInvalid, UnknownName
from labrunner.grading.workplace import workplace
from labrunner.model.effort import Effort
from labrunner.model.lab import is_load
from labrunner.model.result import Isolation
from labrunner.ports.suite import SuiteBroken
from labrunner.solution import intake
from labrunner.solution.places import cache_folder
from labrunner.suites.suite import HANGING_SECONDS, PytestSuite

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from labrunner.companions.known import Known
    from labrunner.grading.grade import Grading
    from labrunner.model.assignment import Terms
    from labrunner.model.lab import Lab
    from labrunner.model.solution import Solution
    from labrunner.ports.load import LoadTest
    from labrunner.ports.runtime import Runtime, Service
    from labrunner.suites.kept import KeptGrader
    from labrunner.suites.spawn import Spawned


def fresh_seed() -> str:
    """A seed that no one has used before."""
    return secrets.token_hex(4)


@dataclass(frozen=True, slots=True)
class Wish:
    """What a user asked for; see `Order`.

    Attributes:
        early: a process for the suite, spawned before all else; None to spawn one.
        kept: the lab's grader, loaded already.
        patience: seconds after which a check that says nothing hangs.
        effort: how hard checks look.
        is_last: this process ends after the run, and need not wait until containers are removed.
    """

    lab: Lab
    solution: Solution
    asked: tuple[str, ...]
    seed: str
    runtime: str = "auto"
    stop_early: bool = False
    start_tries: int = 3
    jobs: int = 16
    needs_strong_isolation: bool = False
    terms: Terms | None = None
    early: Spawned | None = None
    kept: KeptGrader | None = None
    patience: float = HANGING_SECONDS
    foreground: tuple[str, ...] | None = None
    effort: Effort = Effort.BRISK
    is_last: bool = False

    @property
    def stages(self) -> tuple[str, ...] | None:
        """Slugs of the stages that are needed, whose files alone are loaded; None for all."""
        asked = tuple(dict.fromkeys(check.partition("/")[0] for check in self.asked))
        return asked if len(asked) < len(self.lab.stages) else None


def refuse_without_grader(lab: Lab) -> None:
    """A pack without ``graders/`` still lets learners start and read, but not test.

    Raises:
        LabInvalid: the pack holds no grader for the lab.
    """
    for grader in lab.graders:
        if not grader.is_dir():
            raise LabInvalid(
                f"The pack '{lab.pack}' holds no grader for '{lab.id}': there is no folder {grader}.",
                "Use a pack with graders/ (--pack DIR).",
            )


@contextlib.contextmanager
def _blaming(lab: Lab, what: str) -> Iterator[None]:
    """A grader that cannot be `what` is its author's to mend."""
    try:
        yield
    except SuiteBroken as fault:
        raise LabInvalid(f"The grader of '{lab.id}' cannot be {what}: {fault}") from None


@contextlib.contextmanager
def grading(wish: Wish) -> Iterator[Grading]:
    """A run with its rooms; all of it is gone at the exit.

    Raises:
        LabInvalid: the pack holds no grader for the lab.
        EnvironmentProblem: no room to work in.
    """
    lab = wish.lab
    refuse_without_grader(lab)
    cache = cache_folder()
    with workplace(cache) as work, contextlib.ExitStack() as stack:
        # The grader loads while everything else gets ready: it takes longest.
        with _blaming(lab, "run"):
            suite = PytestSuite(lab.graders, wish.seed, work / "suite", stages=wish.stages, kept=wish.kept, early=wish.early,
                                patience=wish.patience, foreground=wish.foreground, effort=wish.effort)  # fmt: skip
        stack.callback(suite.close)
        from labrunner.wiring import runtimes

        runtime = runtimes.pick(
            wish.runtime,
            wish.solution.language,
            cache,
            work,
            companions=lab.service.companions,
            with_load=lab.load is not None,
            strict=wish.needs_strong_isolation,
        )
        stack.callback(runtime.abandon if wish.is_last else runtime.close)
        from labrunner.catalog.digest import of_tree
        from labrunner.grading.grade import Grading, Order
        from labrunner.grading.session import Rooms

        if wish.needs_strong_isolation and runtime.isolation is not Isolation.STRONG:
            raise EnvironmentProblem(
                f"The isolation of the {runtime.name} runtime is '{runtime.isolation}' here, and a grade needs 'strong'.",
                "Use --runtime docker, or accept that with --allow-weak-isolation; the result will say so.",
            )
        from labrunner.companions.known import Known

        rooms = Rooms(runtime, suite, Known(lab.grader, lab.service.companions), _load_test(wish))
        public = dict.fromkeys((lab.readme.parent, lab.manifest.parent, lab.scaffolds))
        digests = (of_tree(*public), of_tree(*lab.graders))
        order = Order(
            lab, wish.solution, wish.asked, wish.seed, digests, wish.jobs, wish.stop_early, wish.start_tries, wish.terms
        )
        yield Grading(order, rooms, work)


def _load_test(wish: Wish) -> LoadTest | None:
    """None where nobody asks for load: what measures it would take as long to import as a service takes to start."""
    if wish.lab.load is None or not any(map(is_load, wish.asked)):
        return None
    from labrunner.loadtest.measure import LocustLoadTest

    return LocustLoadTest()


@contextlib.contextmanager
def loaded(lab: Lab, choice: str) -> Iterator[KeptGrader]:
    """The lab's grader, loaded for many runs, and what these need of the runtime of that choice.

    Raises:
        LabInvalid: it cannot be, and why, in its first line.
    """
    from labrunner.suites.kept import KeptGrader

    refuse_without_grader(lab)
    with workplace(cache_folder()) as work:
        with _blaming(lab, "loaded"):
            kept = KeptGrader(lab.graders, work)
        try:
            # Runs side by side would import these beside each other; where imports go in a circle, that shows half of one.
            from labrunner.grading import grade  # noqa: F401
            from labrunner.loadtest import measure  # noqa: F401
            from labrunner.wiring import runtimes

            runtimes.load(choice)
            yield kept
        finally:
            kept.close()


@dataclass(frozen=True, slots=True)
class Running:
    """A service that was started for its author to try.

    Attributes:
        environment: the lab's variables.
    """

    url: str
    environment: dict[str, str]
    service: Service

    def wait(self, enough: threading.Event) -> str | None:
        """Wait for its end, which is told in words; None when there was `enough` before."""
        while (epitaph := self.service.epitaph()) is None:
            if enough.wait(0.1):
                return None
        return epitaph


@contextlib.contextmanager
def running(
    lab: Lab,
    solution: Solution,
    seed: str,
    choice: str,
    port: int,
    listener: Callable[[str], None],
    beside: tuple[str, ...] = (),
) -> Iterator[Running]:
    """The solution as the grader would start it, at a fixed port.

    Args:
        lab: of the solution.
        solution: what to start.
        seed: chooses the environment, as in a test; a variable of it that is set in ours is taken from there.
        choice: of the runtime.
        port: on loopback.
        listener: is given each line that it writes.
        beside: companions to start beside it, further to those that the lab's own tests share.

    Raises:
        EnvironmentProblem: the port is taken, or a companion cannot be had.
        UnknownName: the lab has no such companion.
        NotStarted: it is not ready in time, or ended.
    """
    for name in beside:
        if name not in lab.service.companions:
            raise UnknownName("companion", name, list(lab.service.companions), hint=_companions_of(lab))
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as fault:
            raise EnvironmentProblem(
                f"Port {port} cannot be used: {fault.strerror}.", "Choose another with --port."
            ) from None

    cache = cache_folder()
    with workplace(cache) as work, contextlib.ExitStack() as stack:
        with _blaming(lab, "loaded"):
            suite = PytestSuite(lab.graders, seed, work / "suite", with_checks=False)
        stack.callback(suite.close)
        from labrunner.wiring import runtimes

        runtime = runtimes.pick(choice, solution.language, cache, work, companions=lab.service.companions)
        stack.callback(runtime.close)
        staged = intake.stage(solution, work / "solution")
        runtime.build(staged)
        with _blaming(lab, "loaded"):
            environment = suite.environment()
        environment |= {name: os.environ[name] for name in environment if name in os.environ}
        environment |= _start_companions(lab, runtime, dict.fromkeys((*lab.service.shared_companions, *beside)))
        service = runtime.launch(staged, environment, name="service", port=port)
        service.follow(listener)
        service.wait_ready(lab.service)
        yield Running(service.url, environment, service)


def _companions_of(lab: Lab) -> str:
    if not lab.service.companions:
        return f"The lab '{lab.id}' has no companions."
    return f"The lab '{lab.id}' has {', '.join(lab.service.companions)}."


def _start_companions(lab: Lab, runtime: Runtime, names: Iterable[str]) -> dict[str, str]:
    """The variables that tell the service where they are; what the user has set goes before, and nothing is started."""
    from labrunner.companions.known import Known

    known = Known(lab.grader, lab.service.companions)
    environment = {}
    for name in names:
        variable = known.variable(name)
        environment[variable] = os.environ.get(variable) or _started(runtime, known, {name: name})[name]
    for group in lab.service.companion_groups:
        environment[group.variable] = os.environ.get(group.variable) or group.told(
            _started(runtime, known, dict(group.kinds))
        )
    return environment


def _started(runtime: Runtime, known: Known, kinds: Mapping[str, str]) -> dict[str, str]:
    """The URLs of companions that run from now on, by their names."""
    companions = {name: runtime.companion(known.kind(kind, {}), name=name) for name, kind in kinds.items()}
    for companion in companions.values():
        companion.wait_ready()
    return {name: companion.url for name, companion in companions.items()}
