"""Runs a grader's pytest functions in children, away from the runner and from whatever surrounds it.

suite.py        the runner's end: satisfies `labrunner.ports.Suite`
child.py        the child: loads the grader, collects once, then serves
forkserver.py   the pytest plugin inside it: forks once per check
channel.py      JSON lines over a socket, with file descriptors beside them
"""
