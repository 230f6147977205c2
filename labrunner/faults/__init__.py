"""Faults: what a service or a companion can be made to suffer, confirmed before it counts, and always undone.

fault.py      each fault as a value, with the longest time that it may last
patient.py    one target, perhaps behind a fault proxy, and what it suffers just now
"""
