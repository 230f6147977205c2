"""Protocols of the rooms: what `grading` asks of them, and what their fakes in tests must do."""

from labrunner.ports.runtime import Exit, NotStarted, Runtime, Service, Witness
from labrunner.ports.suite import Bench, Suite, SuiteBroken

__all__ = ["Bench", "Exit", "NotStarted", "Runtime", "Service", "Suite", "SuiteBroken", "Witness"]
