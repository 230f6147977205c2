"""What a validation found out so far, kept so that it can be gone on with after it was broken off."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Self

from labrunner.model.validation import CaseReport
from labrunner.rules import wire

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType


@dataclass(frozen=True, slots=True)
class _Head:
    """The first line: of what the rest is."""

    key: str
    seed: str


class Store:
    """A file of reports, one a line.

    Args:
        file: where.
        key: of what they are: content of the lab, depth, version; those of another key are not taken.
        seed: of the validation.
        fixed_seed: whether it must be that one; else one that is gone on with keeps its own.
        resume: whether what is there is taken.

    Attributes:
        seed: of the validation, perhaps that of the one that was broken off.
        kept: what is known already, by the case's id.
    """

    def __init__(self, file: Path, key: str, seed: str, *, fixed_seed: bool, resume: bool) -> None:
        self._file = file
        self._key = key
        self.seed = seed
        self.kept: dict[str, CaseReport] = {}
        self._out: IO[bytes] | None = None
        if resume:
            self._read(fixed_seed=fixed_seed)

    def _read(self, *, fixed_seed: bool) -> None:
        with contextlib.suppress(OSError, ValueError):
            first, *rest = self._file.read_bytes().splitlines()
            head = wire.decode(first, _Head)
            if head.key != self._key or (fixed_seed and head.seed != self.seed):
                return
            self.seed = head.seed
            # The last line may have been cut off with the validation.
            for line in rest:
                report = wire.decode(line, CaseReport)
                self.kept[report.id] = report

    def __enter__(self) -> Self:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._out = self._file.open("wb")
        self._write(_Head(self._key, self.seed))
        for report in self.kept.values():
            self._write(report)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._out is not None:
            self._out.close()

    def add(self, report: CaseReport) -> None:
        """Keep one; what the machine hindered is tried again."""
        if not report.hindered:
            self._write(report)

    def _write(self, line: object) -> None:
        assert self._out is not None
        self._out.write(wire.encode(line) + b"\n")
        self._out.flush()
