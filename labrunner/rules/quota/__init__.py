"""The quota oracle: whether any placement of a limiter's moments makes its answers right. See `judge`."""

from labrunner.rules.quota.judge import judge
from labrunner.rules.quota.records import Algorithm, Answered, Decision, Judgement, Limit, Verdict

__all__ = ["Algorithm", "Answered", "Decision", "Judgement", "Limit", "Verdict", "judge"]
