"""The exactly-once oracle: could any correct service have produced what was seen of one key?

    verdict = judge(History(asked=..., charges=..., calls=..., closes=..., kills=..., payments=..., is_final=True))

records.py   what was seen: exchanges with known and unknown outcomes, the ledger's record, the final reads
laws.py      what no correct service can do, one law a function
story.py     a broken law as a short story for a human
judge.py     the verdict: consistent, impossible with its story, or unknown

The rules are those of the contract `idempotent-api` (IA-9 to IA-21). A key's expiry is not looked at: the history of
one key is that of one life of it.
"""

from labrunner.rules.once.judge import Consistent, Impossible, Unknown, Verdict, judge
from labrunner.rules.once.records import Asked, Call, Charge, Close, Heard, History, Kill, Listed

__all__ = [
    "Asked",
    "Call",
    "Charge",
    "Close",
    "Consistent",
    "Heard",
    "History",
    "Impossible",
    "Kill",
    "Listed",
    "Unknown",
    "Verdict",
    "judge",
]
