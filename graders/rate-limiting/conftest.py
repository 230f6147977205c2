"""Fixtures of this lab's checks."""

from __future__ import annotations

import random

import pytest
from vocabulary import Limiter

from labrunner.checks import Client, Service


@pytest.fixture
def limiter(service: Service, client: Client, rng: random.Random) -> Limiter:
    """The shared service, in the lab's own words."""
    return Limiter(service, client, rng)
