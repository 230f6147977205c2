"""Fixtures of this lab's checks."""

from __future__ import annotations

import random

import pytest
from source import Source
from vocabulary import Site

from labrunner.checks import Companions, Service


@pytest.fixture
def source(companions: Companions) -> Source:
    """The run's shared origin, as the grader sees it."""
    return Source(companions.shared("origin"))


@pytest.fixture
def site(service: Service, source: Source, rng: random.Random) -> Site:
    """The shared service, in the lab's own words."""
    return Site(service, source, rng)
