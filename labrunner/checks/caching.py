"""Oracle of shared caches: can a correct one have answered so? See `labrunner.rules.caching`."""

from labrunner.rules.caching import *  # noqa: F403 - an author's name for all of it
