"""Stage stay."""

from labrunner.checks import Client, Services, exceeded, fail, wait


def test_odd_names(client: Client) -> None:
    """GR-3: an empty name is refused, and the service lives on."""
    answer = client.get("/hello/")
    answer.expect(400, why="There is nobody to greet.")
    wait(0.05)
    client.get("/healthz").expect(200, why="One odd name must not end the service.")


def test_stops(services: Services) -> None:
    """GR-4: SIGTERM ends it with 0, and it can be started again."""
    service = services.start()
    client = service.client()
    answer = client.get("/healthz").expect(200, why="It must live before it can stop.")
    client.close()
    end = service.stop(within=2.0)
    if end.code is None:
        exceeded(answer, deadline=2.0, expected="an end within 2 s", got="none", why="Deployments wait for it.")
    if end.code != 0:
        fail(answer, expected="exit code 0", got=f"exit code {end.code}", why="Anything else looks like a crash.")
    service.restart()
    service.client().get("/healthz").expect(200, why="It must start again.")
