"""Protocols of the rooms: what `grading` asks of them, and what their fakes in tests must do."""

from labrunner.ports.companion import Companion, CompanionKind, Companions, ControlFailed, Place, Program
from labrunner.ports.load import LoadOrder, LoadTest
from labrunner.ports.pipe import LoadBroken, Pipe
from labrunner.ports.runtime import Exit, NotStarted, Runtime, Service, TimedService, Witness
from labrunner.ports.suite import Bench, Suite, SuiteBroken
from labrunner.ports.target import CannotBeDone, CannotTell, Target

__all__ = [
    "Bench",
    "CannotBeDone",
    "CannotTell",
    "Companion",
    "CompanionKind",
    "Companions",
    "ControlFailed",
    "Exit",
    "LoadBroken",
    "LoadOrder",
    "LoadTest",
    "NotStarted",
    "Pipe",
    "Place",
    "Program",
    "Runtime",
    "Service",
    "Suite",
    "SuiteBroken",
    "Target",
    "TimedService",
    "Witness",
]
