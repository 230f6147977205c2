"""Grading one submission: plan -> prepare -> start -> checks -> stop, as a stream of events.

grade.py        the use case: ten steps, one event after another
session.py      what one run has started: suite, witness, shared service
schedule.py     which check runs when, and what happens when the service dies
judge.py        one check: its tries, until there is a verdict
bench.py        what a running check may ask for
load.py         the load measurement: once, when a check asks for it, with the reference beside
workplace.py    the run's private folder, swept when its owner is gone
"""
