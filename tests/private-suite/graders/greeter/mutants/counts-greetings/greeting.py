"""What is said."""

from collections import Counter

seen: Counter[str] = Counter()


def greet(word: str, name: str) -> str:
    """A greeting, or another."""
    seen[name] += 1
    return f"{word}{' again' * (seen[name] - 1)}, {name}"


def refuse(name: str) -> bool:
    """Whether nobody has that name."""
    return not name
