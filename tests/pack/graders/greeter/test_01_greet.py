"""Stage greet."""

import random

from labrunner.checks import Client, Service, fail


def test_healthy(client: Client) -> None:
    """GR-1."""
    client.get("/healthz").expect(200, why="Nobody can use a service that is not healthy.")


def test_says_hello(client: Client, service: Service, rng: random.Random) -> None:
    """GR-2: the name is in the greeting."""
    name = f"n{rng.randrange(10**6)}"
    why = "A greeting is for somebody."
    answer = client.get(f"/hello/{name}").expect(200, why=why)
    greeting = answer.json(why)["greeting"]
    if not greeting.rstrip("!").endswith(f", {name}") or not greeting.startswith(service.env["GREETING"]):
        fail(answer, expected=f"{service.env['GREETING']}, {name}", got=greeting, why=why)


def test_polite(client: Client) -> None:
    """GR-2: nobody is shouted at."""
    answer = client.get("/hello/you")
    if "!" in answer.text:
        fail(answer, expected="no exclamation mark", got=answer.text, why="Shouting is rude.")
