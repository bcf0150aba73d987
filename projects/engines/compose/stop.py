"""Stops a stack and removes its containers and networks, and proves that nothing of it is left. Volumes stay."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

import docker

from projects.engines.base import EngineError, Step
from projects.engines.compose.containers import Container, Observer
from projects.engines.compose.logs import Logs
from projects.engines.compose.naming import PROJECT, project_name
from projects.engines.compose.problems import protocols
from projects.engines.compose.rundir import RunDir
from projects.engines.host_ports import holders
from projects.engines.process.wish import in_order
from projects.stacks.spec import ServiceSpec, Stack

AT_ONCE = 8
REMARK_SECONDS = 1.0
PORT_SECONDS = 3.0
# Docker ends what it was asked to create, although nobody waits for it any more.
LATE_SECONDS, LATE_PAUSE = 8.0, 0.4
# What never became ready has nothing to finish: so a cancelled start is gone within seconds.
UNREADY_GRACE = 2
FREE = Step("free", "every container gone, every port free")


def stop_steps(stack: Stack) -> list[Step]:
    """Dependents first."""
    return [Step(f"stop:{service.name}", f"{service.name} stops", 0, service.instances)
            for level in reversed(_levels(stack)) for service in level]


class Stop:
    """One stop of a stack. Again, also after a crash half-way, is harmless."""

    def __init__(self, stack: Stack, rundir: RunDir, observer: Observer):
        self.stack, self.rundir, self.observer = stack, rundir, observer
        self.client, self.project = observer.client, project_name(stack)
        self.began = self.rundir.record()

    def steps(self) -> Iterator[Step]:
        there = self.observer.look(fresh=True).of(self.project)
        ran = bool(there)
        if self.began.phase != "down" or there:
            self.rundir.write(phase="stopping")
        known = {service.name for service in self.stack.services}
        for level in reversed(_levels(self.stack)):
            yield from self._end(level, there)
        yield from self._end([], [one for one in there if one.service not in known])
        self._end_late()
        held = _held(self.stack, PORT_SECONDS if ran else 0.0)
        if held and ran:
            raise EngineError(f"The stack has stopped, but {held}.", "Stop that process, or lease another port.")
        if self.rundir.exists():
            self.rundir.forget_content()
            self.rundir.write(phase="down", ready=())
        yield Step(FREE.key, FREE.label, 1, 1, f"{held}, which is not of this stack" if held else "")

    def _end_late(self) -> None:
        """Remove what Docker was still creating when its start was cut off, and the networks."""
        deadline = time.monotonic() + LATE_SECONDS
        looks = 2 if self.began.phase == "starting" else 1
        empty = 0
        while empty < looks:
            left = self.observer.look(fresh=True).of(self.project)
            if left and time.monotonic() >= deadline:
                raise EngineError(f"These containers could not be removed: {', '.join(one.name for one in left)}.")
            for one in left:
                self._end_one(one, UNREADY_GRACE)
            self._remove_networks()
            empty = 0 if left else empty + 1
            if empty < looks:
                time.sleep(LATE_PAUSE)

    def _end(self, level: list[ServiceSpec], there: list[Container]) -> Iterator[Step]:
        """Stop the containers of these services at once, keep their logs, remove them."""
        specs = {service.name: service for service in level}
        own = [one for one in there if one.service in specs] if level else there
        done = dict.fromkeys(specs, 0)
        pool = ThreadPoolExecutor(AT_ONCE)
        try:
            waiting: dict[Future, Container] = {
                pool.submit(self._end_one, one, self._grace(specs.get(one.service))): one for one in own
            }
            while waiting:
                ended, _ = wait(waiting, timeout=REMARK_SECONDS, return_when=FIRST_COMPLETED)
                for future in ended:
                    one = waiting.pop(future)
                    future.result()
                    if one.service in done:
                        done[one.service] += 1
                for name in {one.service for one in waiting.values()} & set(specs):
                    total = specs[name].instances
                    yield Step(f"stop:{name}", f"{name} stops", min(done[name], total - 1), total)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
        for name, spec in specs.items():
            yield Step(f"stop:{name}", f"{name} stops", spec.instances, spec.instances)

    def _grace(self, spec: ServiceSpec | None) -> int:
        grace = round(spec.stop_grace) if spec else 10
        unready = self.began.phase == "starting" and (spec is None or spec.name not in self.began.ready)
        return min(grace, UNREADY_GRACE) if unready else grace

    def _end_one(self, one: Container, grace: int) -> None:
        try:
            if one.state == "paused":
                self.client.unpause(one.id)
            if one.state in ("running", "paused", "restarting"):
                self.client.stop(one.id, timeout=grace)
            if self.began.run:
                Logs(self.client, self.rundir).put_away(self.stack.services, [one], self.began.run)
            self.client.remove_container(one.id, force=True)
        except docker.errors.NotFound:
            return  # somebody else removed it
        except docker.errors.APIError as error:
            # "removal of container ... is already in progress": the look afterwards says whether it went.
            if error.status_code != 409:
                raise EngineError(f"{one.name} could not be stopped: {error.explanation or error}.",
                                  service=one.service) from None

    def _remove_networks(self) -> None:
        for network in self.client.networks(filters={"label": f"{PROJECT}={self.project}"}):
            try:
                self.client.remove_network(network["Id"])
            except docker.errors.NotFound:
                continue
            except docker.errors.APIError as error:
                raise EngineError(f"The network {network['Name']} could not be removed: "
                                  f"{error.explanation or error}.",
                                  "Disconnect the containers of other stacks from it.") from None


def _levels(stack: Stack) -> list[list[ServiceSpec]]:
    """The services, those that depend on nothing first; each level needs only those before it."""
    try:
        services = in_order(stack.services)
    except ValueError:  # Compose itself refuses such a stack, but an older one may run
        return [list(stack.services)]
    depth: dict[str, int] = {}
    for service in services:
        depth[service.name] = 1 + max((depth.get(name, 0) for name in service.depends_on), default=0)
    return [[service for service in services if depth[service.name] == level]
            for level in range(1, max(depth.values(), default=0) + 1)]


def _held(stack: Stack, patience: float) -> str:
    """Which leased ports are held by whom, after so many seconds; empty when all are free."""
    deadline = time.monotonic() + patience
    while held := holders(protocols(stack)):
        if time.monotonic() >= deadline:
            return ", ".join(f"port {port} is held by {holder}" for port, holder in held.items())
        time.sleep(0.1)
    return ""
