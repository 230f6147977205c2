"""Oracle of linearizability: does each operation have a moment at which it took effect? See `labrunner.rules.linear`."""

from labrunner.rules.linear import *  # noqa: F403 - an author's name for all of it
