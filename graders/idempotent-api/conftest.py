"""Fixtures of this lab's checks."""

from __future__ import annotations

import random

import pytest
from bank import Bank
from vocabulary import Shop

from labrunner.checks import Companions, Service


@pytest.fixture
def bank(companions: Companions) -> Bank:
    """The run's shared ledger, as the grader sees it."""
    return Bank(companions.shared("ledger"))


@pytest.fixture
def shop(service: Service, bank: Bank, rng: random.Random) -> Shop:
    """The shared service, in the lab's own words, for a tenant that nobody else is."""
    return Shop(service, bank, rng)
