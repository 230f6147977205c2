"""Names in a solution's directory."""

FILE = "solution.toml"
"""What the program needs to know of the solution; the learner's to edit."""
FOLDER = ".lab"
"""What the program remembers, backups of `lab reset` among it; ignored by git."""
