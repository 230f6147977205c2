"""Runs a grader's pytest functions in children, away from the runner and from whatever surrounds it.

suite.py        the runner's end: satisfies `labrunner.ports.Suite`
kept.py         a grader loaded once for many runs
processes.py    the processes that hold a grader: how they start, speak and end
spawn.py        starts such a process, before it is known what it will serve
boot.py         its first words: finds what the runner found, and nothing of the learner's
child.py        the child: loads the grader, collects once, then serves
forkserver.py   the pytest plugin inside it: forks once per check
foreground.py   the same for one check on the terminal
blame.py        where in the grader an exception came from
channel.py      JSON lines over a socket, with file descriptors beside them
"""
