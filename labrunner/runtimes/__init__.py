"""What runs services: each runtime a package that satisfies `labrunner.ports.Runtime`.

process/        child processes on loopback
docker/         hardened containers on networks of their own
readiness.py    from what is seen of a service that is not ready to a sentence that helps
log.py          what a service writes, in bounded memory
listeners.py    the kernel's tables of listening sockets
witness.py      the runner's end of a witness
owner.py        whose something is that was left behind, and whether that run is over
go_modules.py   what a solution in Go requires; package_index.py: whose fault is a failed install
"""
