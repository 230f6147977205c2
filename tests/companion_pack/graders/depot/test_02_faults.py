"""Stage faults: each fault is seen by the service, and is over afterwards."""

import time

from labrunner.checks import Client, Companion, Companions, Services, fail, note_recovery


def _until_served(client: Client, redis: Companion) -> None:
    give_up = time.monotonic() + 5.0
    while True:
        answer = client.get("/count")
        if answer.status == 200:
            note_recovery(answer.answered - redis.back_at)
            return
        if time.monotonic() > give_up:
            fail(answer, expected="200 once Redis is back", got=answer.line, why="DE-3")


def _refused(client: Client) -> None:
    client.get("/count").expect(503, why="Redis cannot be asked.")


def test_bears_kill(services: Services, companions: Companions) -> None:
    """DE-3: what Redis knew is gone with it."""
    redis = companions.start("redis")
    client = services.start({"REDIS_URL": redis.url}).client()
    client.get("/count").expect(200, why="Redis is there.")
    redis.kill()
    _refused(client)
    redis.restart()
    _until_served(client, redis)


def test_bears_pause(services: Services, companions: Companions) -> None:
    """DE-3: a paused Redis is silent."""
    redis = companions.start("redis")
    client = services.start({"REDIS_URL": redis.url}).client()
    with redis.paused():
        _refused(client)
    _until_served(client, redis)


def test_bears_cut(services: Services, companions: Companions) -> None:
    """DE-3: one that is cut off is silent, or refuses."""
    redis = companions.start("redis", behind_proxy=True)
    client = services.start({"REDIS_URL": redis.url}).client()
    with redis.cut():
        _refused(client)
    _until_served(client, redis)


def test_bears_delay(services: Services, companions: Companions) -> None:
    """DE-3: 700 ms each way are too many; answers that are lost never come; a reset is no end."""
    redis = companions.start("redis", behind_proxy=True)
    client = services.start({"REDIS_URL": redis.url}).client()
    for fault in (redis.delayed, redis.half_open):
        with fault(700) if fault == redis.delayed else fault("answers"):
            _refused(client)
        _until_served(client, redis)
    redis.reset_connections()
    _until_served(client, redis)


def test_hurt_itself(services: Services) -> None:
    """DE-3: services are hurt as companions are."""
    service = services.start({}, behind_proxy=True)
    service.client().get("/healthz").expect(200, why="It lives.")
    with service.paused():
        pass
    with service.cut() as fault:
        pass
    if fault.undo() != service.back_at or service.back_at < fault.since:
        raise AssertionError("it was back before it was cut off")
    service.reset_connections()
    service.kill()
    service.restart()
    service.client().get("/healthz").expect(200, why="It lives again.")
