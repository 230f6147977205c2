"""One register's history: is there an order of the operations, each within its interval, in which every answer is right?

Wing and Gong's search (1993), just in time as Lowe has it (Testing for linearizability, 2016): the answers are taken in
the order in which they came, and an operation takes effect only when an answer cannot wait any longer, its own or
another's. What is left to do depends on the next answer, the state, and which of the outstanding operations took effect already; no such
configuration is tried twice, nor one that differs from a tried one only in having used up more operations of unknown
outcome. Operations that only read take effect as soon as they can: nothing is lost by it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

from labrunner.rules.linear.records import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from labrunner.rules.linear.records import Action, State

FOREVER = float("inf")


@dataclass(frozen=True, slots=True)
class Item:
    """An operation as the search has it.

    Attributes:
        index: in the history that was given.
        answered: `FOREVER` when the outcome is unknown.
        known: whether its answer must be right; else it took effect within its interval, or never.
    """

    index: int
    sent: float
    answered: float
    action: Action
    known: bool = True


class Configuration(NamedTuple):
    """How far an order has come.

    Attributes:
        done: outstanding operations that took effect, one bit each.
        used: operations of unknown outcome that did.
    """

    state: State
    done: int
    used: int


@dataclass(slots=True)
class Level:
    """One answer, which cannot wait any longer.

    Attributes:
        goal: whose answer it is; `bit` is its own among the outstanding.
        others: what else is outstanding and will be answered, the most urgent first, and whether it must be right.
        readers: those of them that only read.
        unknown: what may take effect and has none.
        seen: configurations that were tried, for each state and `done` the smallest sets `used`.
    """

    goal: Item
    bit: int
    others: list[tuple[int, Action, bool]]
    readers: list[tuple[int, Action]]
    unknown: list[tuple[int, Action]]
    seen: dict[tuple[State, int], list[int]] = field(default_factory=dict)


def levels_of(items: Sequence[Item]) -> list[Level]:
    """The answers in their order, each with what was outstanding. What was sent at its very moment overlaps it."""
    sends = sorted(items, key=attrgetter("sent"))
    outstanding: dict[int, tuple[int, Item]] = {}
    unknown: list[tuple[int, Action]] = []
    free: list[int] = []
    levels: list[Level] = []
    position = slots = 0
    for goal in sorted((item for item in items if item.answered < FOREVER), key=attrgetter("answered")):
        while position < len(sends) and sends[position].sent <= goal.answered:
            item = sends[position]
            position += 1
            if item.answered < FOREVER:
                if not free:
                    free.append(1 << slots)
                    slots += 1
                outstanding[item.index] = (free.pop(), item)
            else:
                unknown.append((1 << len(unknown), item.action))
        bit, _ = outstanding.pop(goal.index)
        pool = sorted(outstanding.values(), key=lambda pair: pair[1].answered)
        others = [(slot, item.action, item.known) for slot, item in pool]
        readers = [(slot, action) for slot, action, known in others if known and action.only_reads]
        levels.append(Level(goal, bit, others, readers, unknown[:]))
        free.append(bit)
    return levels


class Search:
    """One search.

    Args:
        items: of one key, in any order, each index once.
        initial: the state before all of them.
        effort: steps after which the search is given up.
    """

    def __init__(self, items: Sequence[Item], initial: State, effort: int) -> None:
        self._levels = levels_of(items)
        self._initial = initial
        self._effort = effort
        self._furthest = 0
        self.steps = 0

    def run(self) -> Verdict:
        """Search until an order is found, there is none, or the effort is spent."""
        if not self._levels:
            return Verdict.CONSISTENT
        first = _with_readers(self._levels[0], Configuration(self._initial, 0, 0))
        self._is_new(self._levels[0], first)
        paths = [self._orders(0, first)]
        while paths:
            found = next(paths[-1], None)
            if self.steps > self._effort:
                return Verdict.UNKNOWN
            if found is None:
                paths.pop()
                continue
            if len(paths) == len(self._levels):
                return Verdict.CONSISTENT
            self._furthest = max(self._furthest, len(paths))
            paths.append(self._orders(len(paths), found))
        return Verdict.IMPOSSIBLE

    @property
    def stuck(self) -> Item:
        """When there is no order: the first answer that cannot be right, given those that came before it."""
        return self._levels[self._furthest].goal

    @property
    def later(self) -> set[int]:
        """The answers that come after the one that is stuck, those of its very moment included: their indices."""
        return {level.goal.index for level in self._levels[self._furthest + 1 :]}

    @property
    def states(self) -> set[State]:
        """Those in which the operation that is stuck may have taken effect."""
        return {state for state, _ in self._levels[self._furthest].seen}

    def _orders(self, depth: int, entry: Configuration) -> Iterator[Configuration]:
        """The configurations in which this level's answer is right, those that needed fewest other operations first."""
        level = self._levels[depth]
        queue = deque([entry])
        while queue:
            now = queue.popleft()
            self.steps += 1
            if now.done & level.bit:
                yield from self._passed(depth, now.state, now.done ^ level.bit, now.used)
                continue
            goal = level.goal
            if not goal.known:
                yield from self._passed(depth, now.state, now.done, now.used)
            state = goal.action.after(now.state, known=goal.known)
            if state is not None:
                yield from self._passed(depth, state, now.done, now.used)
                if goal.action.only_reads and state == now.state:
                    continue
            queue.extend(self._others_first(level, now))
            if self.steps > self._effort:
                return

    def _passed(self, depth: int, state: State, done: int, used: int) -> Iterator[Configuration]:
        if depth + 1 == len(self._levels):
            yield Configuration(state, done, used)
            return
        found = _with_readers(self._levels[depth + 1], Configuration(state, done, used))
        if self._is_new(self._levels[depth + 1], found):
            yield found

    def _others_first(self, level: Level, now: Configuration) -> Iterator[Configuration]:
        """One more operation takes effect before the one that is due."""
        for slot, action, known in level.others:
            if now.done & slot:
                continue
            self.steps += 1
            state = action.after(now.state, known=known)
            if state is not None:
                found = _with_readers(level, Configuration(state, now.done | slot, now.used))
                if self._is_new(level, found):
                    yield found
        for slot, action in level.unknown:
            if now.used & slot:
                continue
            self.steps += 1
            state = action.after(now.state, known=False)
            if state is not None and state != now.state:
                found = _with_readers(level, Configuration(state, now.done, now.used | slot))
                if self._is_new(level, found):
                    yield found

    def _is_new(self, level: Level, now: Configuration) -> bool:
        tried = level.seen.setdefault((now.state, now.done), [])
        self.steps += len(tried) // 8
        if any(used & now.used == used for used in tried):
            return False
        tried.append(now.used)
        return True


def _with_readers(level: Level, now: Configuration) -> Configuration:
    """All outstanding reads that are right in this state take effect."""
    done = now.done
    for slot, action in level.readers:
        if not done & slot and action.after(now.state, known=True) == now.state:
            done |= slot
    goal = level.goal.action
    if goal.only_reads and not done & level.bit and goal.after(now.state, known=True) == now.state:
        done |= level.bit
    return now if done == now.done else Configuration(now.state, done, now.used)
