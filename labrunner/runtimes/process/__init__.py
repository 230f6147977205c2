"""The runtime `process`: services as child processes on loopback, for instant feedback where there is no Docker.

runtime.py      the room's door: build, launch, witness
service.py      one running service: log, readiness, faults
supervisor.py   stands between runner and service, so that nothing survives either; run as a script of its own
ports.py        ports that stay free until a service binds them
build.py        the build phase
tree.py         what the kernel tells of a tree of processes
segments.py     shared memory that the dead leave
listening.py    the ports on which such a tree listens
"""
