"""The runtime `docker`: services in hardened containers, on networks without a way out.

runtime.py        the room's door: build, launch, witness
tenant.py         a program on a side's network: log, faults; what services and companions have in common
service.py        one running service: readiness, limits
companion.py      one running companion: readiness, control channel
life.py           the life of the program in a container: lab-init's events, signals, exits
container.py      one container of ours: a Testcontainers class
output.py         what a container writes, as it writes it
profile.py        what a container may do, and how much of the machine it may take
side.py           one side of a run: networks, and slots for services
network.py        inner and outer networks, their subnets
forwarder.py      joins the inner network to the host's loopback
build.py          the build phase: from a solution to an image
workshop.py       one job of it: a command in a container that becomes an image
learner_image.py  a learner's own Dockerfile
builds.py         building an image under a deadline
archive.py        trees of files for the engine
host.py           the host's proxies and certificates
images/           recipes of our images; images.py and bootstrap.py make them, recipes.py names them
labels.py         what everything of ours bears
armed.py          the runner's end of the reaper
reaper.py         removes everything when the runner is gone; run as a script of its own
examine.py        what `lab doctor` asks the engine; leftovers.py finds what dead runs left
engine.py         the connection: docker-py and Testcontainers
address.py        where the engine is; wire.py asks it without docker-py

address, wire, recipes and labels are light; everything else is imported only when this runtime is used.
"""
