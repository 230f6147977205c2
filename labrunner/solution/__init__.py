"""The learner's directory.

manifest.py    what its ``solution.toml`` says
scaffold.py    how it begins
intake.py      the private copy of it that is run
progress.py    what is remembered in it
registry.py    where on this machine solutions were begun
places.py      where this machine keeps what belongs to no single solution
"""
