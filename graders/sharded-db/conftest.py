"""Fixtures of this lab's checks."""

from __future__ import annotations

import json
import random

import pytest
from shards import Shards
from vocabulary import Router

from labrunner.checks import Companions, Service


@pytest.fixture
def router(service: Service, companions: Companions, rng: random.Random) -> Router:
    """The shared service before three shards, which nobody hurts."""
    names = json.loads(service.env["SHARDS"])
    return Router(service, Shards({name: companions.shared(name) for name in names}), rng)
