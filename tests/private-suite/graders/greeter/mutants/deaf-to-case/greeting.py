"""What is said."""


def greet(word: str, name: str) -> str:
    """A greeting."""
    return f"{word}, {name.lower()}"


def refuse(name: str) -> bool:
    """Whether nobody has that name."""
    return not name
