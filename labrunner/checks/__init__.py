"""What a grader file imports: the author's small vocabulary.

    from labrunner.checks import Client, fail, wait

    def test_counts_down(client: Client) -> None:
        "What is left is reported truthfully."
        answer = client.get("/resource/basic").expect(200, why="The first request of a client is within its limit.")
        if answer.json(why="RL-8 asks for a JSON object.")["remaining"] != 4:
            fail(answer, expected="remaining 4", got=answer.text, why="A client plans with this number.")

A check fails a solution only for what no correct solution can do under any scheduling: it knows of each request only
the moment before it was sent and the moment after its answer was read (`Answer.sent`, `Answer.answered`). What can be
concluded from that, an oracle says: `caching`, `linear`, `once` and `quota` are modules beside this one, each loaded only
by the graders that import it.
"""

from labrunner.checks.burst import Ask, burst, flood
from labrunner.checks.clock import GRANULARITY, wait, wait_until
from labrunner.checks.companions import Companion, Companions
from labrunner.checks.connection import Connection, Reply, raw_request
from labrunner.checks.faults import Suffering, note_recovery
from labrunner.checks.http import Answer, Client, Unanswered
from labrunner.checks.load import Load, Record
from labrunner.checks.notes import note_deadline, note_history, note_review
from labrunner.checks.plans import for_all
from labrunner.checks.pulse import PULSE
from labrunner.checks.services import Exit, Service, Services
from labrunner.checks.verdicts import Broken, Exceeded, Failed, Undecided, exceeded, fail, undecided
from labrunner.model.effort import Effort

__all__ = [
    "GRANULARITY",
    "PULSE",
    "Answer",
    "Ask",
    "Broken",
    "Client",
    "Companion",
    "Companions",
    "Connection",
    "Effort",
    "Exceeded",
    "Exit",
    "Failed",
    "Load",
    "Record",
    "Reply",
    "Service",
    "Services",
    "Suffering",
    "Unanswered",
    "Undecided",
    "burst",
    "exceeded",
    "fail",
    "flood",
    "for_all",
    "note_deadline",
    "note_history",
    "note_recovery",
    "note_review",
    "raw_request",
    "undecided",
    "wait",
    "wait_until",
]
