"""What runs beside the learner's service.

known.py          finds a kind by its name in lab.toml
redis.py          a real Redis: redis-server or valkey-server
postgres.py       a real PostgreSQL, from a prepared data directory
hosted.py         a lab's own companion: one file of its author's, and the channel that controls it
host.py           the program around that file; standard library only, run by itself
fault_proxy.py    such a file of our own: a TCP proxy that delays, resets, cuts
on_machine.py     where the programs are, outside of containers
"""
