"""What is said."""

import os


def greet(word: str, name: str) -> str:
    """A greeting."""
    return f"{word}, {name}"


def refuse(name: str) -> bool:
    """Whether nobody has that name."""
    if not name:
        print("nobody there, good bye", flush=True)
        os._exit(3)
    return False
