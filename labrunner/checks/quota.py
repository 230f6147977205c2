"""Oracle of quotas: whether any placement of a limiter's moments makes its answers right. See `labrunner.rules.quota`."""

from labrunner.rules.quota import *  # noqa: F403 - an author's name for all of it
