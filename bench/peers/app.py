"""A task that does nothing, for the peer and the Redis that the environment names. Runs in the peers' own
environment."""

from __future__ import annotations

import os

PEER, SOCKET, DATABASE = (os.environ[name] for name in ("PEER", "PEER_SOCKET", "PEER_DATABASE"))


def nothing() -> None:
    """Does nothing."""


if PEER == "celery":
    from celery import Celery

    app = Celery("peer", broker=f"redis+socket://{SOCKET}?virtual_host={DATABASE}")
    noop = app.task(name="noop", ignore_result=True)(nothing)
    enqueue = noop.delay
elif PEER == "dramatiq":
    import dramatiq
    from dramatiq.brokers.redis import RedisBroker
    from redis import Redis

    dramatiq.set_broker(RedisBroker(client=Redis(unix_socket_path=SOCKET, db=int(DATABASE))))
    noop = dramatiq.actor(actor_name="noop")(nothing)
    enqueue = noop.send
else:
    from huey import RedisHuey
    from redis import ConnectionPool, UnixDomainSocketConnection

    app = RedisHuey("peer", connection_pool=ConnectionPool(connection_class=UnixDomainSocketConnection, path=SOCKET,
                                                            db=int(DATABASE)), results=False)
    noop = app.task(name="noop")(nothing)
    enqueue = noop
