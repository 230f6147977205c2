"""Statuses of a check and the reasons for them. Apart from `outcome`, because the planning of `lab list` needs no more."""

from __future__ import annotations

import enum


class Status(enum.StrEnum):
    """The verdict on one check. Never fold two of these into one."""

    PASSED = "passed"
    FAILED = "failed"
    LIMIT = "limit"
    """The service ran into a resource limit."""
    BLOCKED = "blocked"
    """A check that it needs did not pass."""
    INCONCLUSIVE = "inconclusive"
    """The machine was too noisy to tell, after bounded repeats."""
    ERRORED = "errored"
    """The grader or the environment is at fault."""
    SKIPPED = "skipped"
    """Not asked for, or not reached."""


class Reason(enum.StrEnum):
    """Why a check is `failed` or `limit`."""

    BUILD_FAILED = "BUILD_FAILED"
    BUILD_TIMEOUT = "BUILD_TIMEOUT"
    REJECTED = "REJECTED"
    CRASHED = "CRASHED"
    NOT_READY = "NOT_READY"
    OOM = "OOM"
    PIDS = "PIDS"
    DISK_FULL = "DISK_FULL"
    PROTOCOL_ERROR = "PROTOCOL_ERROR"
    TIMEOUT = "TIMEOUT"
    TOO_LARGE = "TOO_LARGE"
    MISMATCH = "MISMATCH"

    @property
    def status(self) -> Status:
        """What a check is, for this reason."""
        return Status.LIMIT if self in {Reason.OOM, Reason.PIDS, Reason.DISK_FULL} else Status.FAILED
