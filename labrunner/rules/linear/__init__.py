"""The linearizability oracle: can each operation have taken effect at one moment between its request and its answer?

    judgement = judge(REGISTER, [Operation("k", 0, 1.0, 1.2, Write("a")), Operation("k", 1, 1.1, 1.3, Read("a"))])

records.py   what was seen (operations, also of unknown outcome), and what the oracle answers
models.py    the register and the compare-and-set register
record.py    a register whose states have versions, as the lab sharded-db has it
search.py    one key's history: an order in which every answer is right, or that there is none
telling.py   of a history that is impossible, the part that proves it
judge.py     key by key
drawing.py   that part side by side, for a timeline
"""

from labrunner.rules.linear.drawing import timeline
from labrunner.rules.linear.judge import judge
from labrunner.rules.linear.models import REGISTER, Read, Swap, Write, register
from labrunner.rules.linear.record import ABSENT, RECORD, Delete, Get, Put
from labrunner.rules.linear.records import Action, Judgement, Model, Operation, Verdict

__all__ = [
    "ABSENT",
    "RECORD",
    "REGISTER",
    "Action",
    "Delete",
    "Get",
    "Judgement",
    "Model",
    "Operation",
    "Put",
    "Read",
    "Swap",
    "Verdict",
    "Write",
    "judge",
    "register",
    "timeline",
]
