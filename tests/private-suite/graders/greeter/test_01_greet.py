"""What the private suite adds to the stage greet."""

from labrunner.checks import Client, fail


def test_keeps_case(client: Client) -> None:
    """GR-2: the name as it was given."""
    answer = client.get("/hello/McKay")
    if "McKay" not in answer.text:
        fail(answer, expected="McKay in the greeting", got=answer.text, why="Names are their owners'.")
