"""Fixtures of this lab's checks."""

from __future__ import annotations

import random

import pytest
from vocabulary import Server

from labrunner.checks import Service


@pytest.fixture
def server(service: Service, rng: random.Random) -> Server:
    """The shared service, in the lab's own words."""
    return Server(service, rng)
