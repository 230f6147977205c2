"""A stage of the private suite's own."""

from labrunner.checks import Client, fail


def test_twice(client: Client) -> None:
    """GR-2: the same again."""
    first, second = client.get("/hello/you"), client.get("/hello/you")
    if first.text != second.text:
        fail(first, second, expected=first.text, got=second.text, why="Nobody is greeted only once.")
