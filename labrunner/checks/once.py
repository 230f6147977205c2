"""Oracle of exactly-once: could any correct service have produced what was seen of one key? See `labrunner.rules.once`."""

from labrunner.rules.once import *  # noqa: F403 - an author's name for all of it
