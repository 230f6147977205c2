"""Protocols of the rooms: what `grading` asks of them, and what their fakes in tests must do."""

from labrunner.ports.load import LoadOrder, LoadTest
from labrunner.ports.pipe import LoadBroken, Pipe
from labrunner.ports.runtime import Exit, NotStarted, Runtime, Service, TimedService, Witness
from labrunner.ports.suite import Bench, Suite, SuiteBroken

__all__ = [
    "Bench",
    "Exit",
    "LoadBroken",
    "LoadOrder",
    "LoadTest",
    "NotStarted",
    "Pipe",
    "Runtime",
    "Service",
    "Suite",
    "SuiteBroken",
    "TimedService",
    "Witness",
]
