"""Starting and stopping a whole Hub, in order."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable

from django.conf import settings
from django.core.management import call_command
from django.urls import get_resolver

from hub.env import Env
from hub.launch import first_run, port, redis_server, stacks
from hub.launch.children import Child, Children, Interrupted
from hub.launch.errors import LaunchError
from hub.launch.fleet import Fleet
from hub.launch.lock import HubLock
from hub.launch.output import Output
from hub.launch.prepare import check_disk, prepare
from hub.launch.web import GRACE, serve
from tasks.job import job_classes

REDIS_WITHIN = 15.0
# Seconds that a worker may take to finish the task at hand; what is not done by then is rescued at the next start.
WORKER_GRACE = 8.0


def up(env: Env) -> int:
    """Run Hub until it is told to stop. The exit code: 0. Raises LaunchError when it cannot start."""
    check_disk()
    address = port.address(env.host, env.port)
    lock = HubLock(env.data)
    lock.take(address)
    sock = port.listen(env.host, env.port)
    # Redis greets at length and says little else; its deaths are told by us.
    output = Output(env.data / "logs", quiet=lambda name: name == "redis")
    children = Children(output, [lock, sock], lambda pids: lock.describe(address, pids))
    try:
        _prepare(children)
        fleet = _begin(children, env)
        children.add(Child("web", lambda: serve(sock), stop_within=GRACE + 3.0, keeps=(sock,)))
        children.run("greeting", lambda: first_run.greet(address))
        children.wait(fleet.look)
    except Interrupted:
        children.output.say("Stopping Hub ...")
    finally:
        # No new work from outside, then no more work, then nothing to work with.
        sock.close()
        children.stop("web")
        _end(children)
    children.finish("farewell", stacks.say_goodbye, seconds=5.0)
    lock.close()
    return 0


def stop_stacks(env: Env) -> int:
    """Stop all running stacks, with the Hub that runs or, for as long as it takes, with workers of our own.

    The exit code: 0 when all have stopped, 1 when one has not. Raises LaunchError.
    """
    lock = HubLock(env.data)
    if lock.is_held():
        return stacks.stop_all()
    check_disk()
    lock.take("stopping stacks")
    output = Output(env.data / "logs", quiet=lambda name: True)
    children = Children(output, [lock], lambda pids: lock.describe("stopping stacks", pids))
    try:
        _prepare(children)
        if not children.run("look", stacks.look):
            return 0
        _begin(children, env)
        return children.run("stop stacks", stacks.stop_all)
    except Interrupted:
        return 1
    finally:
        _end(children)
        lock.close()


def _prepare(children: Children) -> None:
    """Database and static files, in a process that takes the memory it needs for that with it."""
    if children.run("prepare", _reported(prepare)):
        sys.exit(1)


def _begin(children: Children, env: Env) -> Fleet:
    """Everything but the web: Redis, workers, watch."""
    _share_memory()
    if env.embedded_redis:
        command = redis_server.command(settings.HUB_DATA)
        children.add(Child("redis", lambda: redis_server.run(command), stop_within=10.0))
        if not children.wait(lambda: redis_server.answers(settings.HUB_DATA), REDIS_WITHIN):
            children.output.say(f"Redis does not answer yet; see {children.output.folder / 'redis.log'}. Hub goes on.")
    fleet = Fleet(children, env, lambda: call_command("worker"), stop_within=WORKER_GRACE)
    fleet.look()
    children.add(Child("watch", lambda: call_command("watch")))
    return fleet


def _end(children: Children) -> None:
    names = [name for name in children.names() if name != "redis"]
    if names:
        children.stop(*names)
    children.stop()


def _share_memory() -> None:
    """Load what the children need before they are forked, so that they share it.

    No connection is opened and no thread started in this process, ever: a child could not use either.
    """
    job_classes()
    _ = get_resolver().url_patterns
    gc.collect()
    gc.freeze()


def _reported(work: Callable[[], None]) -> Callable[[], int]:
    """In a child, a LaunchError is said by that child, and is exit code 1."""

    def run() -> int:
        try:
            work()
        except LaunchError as error:
            print(f"hub: {error}", file=sys.stderr)
            return 1
        return 0

    return run
