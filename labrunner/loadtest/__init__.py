"""Load: the only room that knows Locust, which runs in a child process of its own.

In the runner:
    measure.py      the measurement: pairs of windows, whose turn it is, the verdicts
    generator.py    the runner's end of the child: what it is told, what it tells
    shipped.py      the child's program, sent over its standard input (so a container needs no image of ours)
    exclusive.py    one measurement at a time on a machine
In the child (standard library, gevent and Locust only; these files are sent):
    child.py        obeys: prepare, window, schedule, trace
    user.py         what a lab's ``load.py`` is written with: a Locust user on a raw keep-alive connection
    connection.py   that connection
    exchange.py     one request, and what came of it
    windows.py      closed loop and open schedule
    recording.py    every request, from Locust's own events
"""
