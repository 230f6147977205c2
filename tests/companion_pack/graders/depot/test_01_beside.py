"""Stage beside."""

from labrunner.checks import Client, Companions, Services, fail


def test_asks_origin(client: Client, companions: Companions) -> None:
    """DE-1: the shared origin says what it was told to."""
    origin = companions.shared("odd-origin")
    origin.control("POST", "/say", {"text": "hello"})
    answer = client.get("/ask").expect(200, why="It has an origin.")
    if answer.json("DE-1")["said"] != "hello" or origin.control("GET", "/calls")["calls"] != ["/it"]:
        fail(answer, expected="hello", got=answer.text, why="DE-1")


def test_counts_together(services: Services, companions: Companions) -> None:
    """DE-2: both count in one Redis."""
    redis = companions.start("redis")
    replicas = services.start_together([{"REDIS_URL": redis.url}] * 2)
    for number in range(1, 7):
        answer = replicas[number % 2].client().get("/count").expect(200, why="Redis is there.")
        if answer.json("DE-2")["count"] != number:
            fail(answer, expected=f"{number}", got=answer.text, why="DE-2")


def test_own_origin(services: Services, companions: Companions) -> None:
    """DE-1: an origin of the check's own."""
    origin = companions.start("odd-origin", settings={"text": "mine"})
    service = services.start({"ODD_ORIGIN_URL": origin.url})
    answer = service.client().get("/ask").expect(200, why="It has an origin.")
    if answer.json("DE-1")["said"] != "mine":
        fail(answer, expected="mine", got=answer.text, why="DE-1")
