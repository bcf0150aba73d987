"""The compose engine: runs a stack's Compose file on a Docker host, on leased ports."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Generator, Iterator
from datetime import datetime
from typing import Any

import docker

from projects.engines.base import EngineError, LogChunk, Problem, Remain, StackStatus, Step, Usage
from projects.engines.compose import images, problems, remains, volumes
from projects.engines.compose.bound import bind, to_build
from projects.engines.compose.containers import Container, Look
from projects.engines.compose.found import ANYWHERE, Found, found_in
from projects.engines.compose.host import Unreachable, is_local
from projects.engines.compose.inputs import inputs_of
from projects.engines.compose.logs import Logs, instance_of
from projects.engines.compose.naming import HUB_REVISION, labels_for, project_name
from projects.engines.compose.observe import View
from projects.engines.compose.rundir import RunDir, writing
from projects.engines.compose.running import end_left_over
from projects.engines.compose.saved_volumes import VolumeSaver
from projects.engines.compose.start import Start, create_step, in_turn, ready_step
from projects.engines.compose.stop import FREE, Stop, stop_steps
from projects.engines.compose.usage import Meter
from projects.stacks.compose import cli
from projects.stacks.spec import Definition, Stack

CHECKED_SECONDS = 3.0
CHECK = Step("check", "Docker, files, images and ports are in order")


class ComposeEngine(VolumeSaver):
    """See `projects.engines.base.Engine` for what every method promises.

    `docker compose` creates and starts; everything that is seen, stopped or removed goes through the Docker API by the
    labels of the Compose project. Volumes are only ever removed by `remove(data=True)`.
    """

    name = "compose"

    def __init__(self) -> None:
        super().__init__()
        self._meter = Meter()
        self._in_order: dict[tuple[str, int], float] = {}

    def problems(self, stack: Stack) -> list[Problem]:
        found = self._problems(stack)
        with self._lock:
            self._in_order = {key: at for key, at in self._in_order.items() if key != self._key(stack)}
            if not any(problem.blocking for problem in found):
                self._in_order[self._key(stack)] = time.monotonic()
        return found

    def _problems(self, stack: Stack) -> list[Problem]:
        found = problems.folder_problems(stack) or problems.command_problems()
        try:
            own = self.look(stack, fresh=True).of(project_name(stack))
            root = self.root(stack)
        except EngineError as error:
            return [*found, problems.host_problem(error)]
        if not found:
            found = [*problems.definition_problems(stack), *problems.lease_problems(stack),
                     *problems.owner_problems(stack, own)]
            if stack.definition.document:
                with self.asking(stack) as client:
                    found += problems.image_problems(client, stack)
            if is_local(stack):
                found += [*problems.port_problems(stack, own), *problems.disk_problems(root)]
        return found

    def inputs(self, definition: Definition) -> dict[str, str]:
        return inputs_of(definition)

    def up(self, stack: Stack) -> Generator[Step]:
        yield CHECK
        wanted = self._wanted_images(stack)
        yield from [images.pull_step(image) for image in wanted]
        builds = self._wanted_builds(stack)
        yield from [images.build_step(service) for service in builds]
        yield create_step(list(stack.services))
        yield from [ready_step(stack, service) for service in in_turn(stack)]
        self._check(stack)
        yield Step(CHECK.key, CHECK.label, 1, 1)
        rundir = RunDir(stack.run_dir)
        with self.asking(stack) as client, writing(rundir), rundir.changing():
            end_left_over(rundir.path)
            self._begin(stack, rundir)
            file = rundir.write_content(bind(stack, self._kept_labels(stack, client)))
            yield from images.pull(client, stack, wanted)
            path, variables = cli.program() or "docker", cli.variables_for(stack.env)
            for service in builds:
                yield from images.build(path, stack, file, variables, service)
            start = Start(stack, rundir, self.observer(stack), in_turn(stack))
            yield from start.compose(path, file)
            yield from start.wait()
            rundir.write(phase="up", ready=[service.name for service in stack.services])
            images.prune(client, stack)

    def down(self, stack: Stack) -> Generator[Step]:
        yield from stop_steps(stack)
        yield FREE
        rundir = RunDir(stack.run_dir)
        if rundir.exists():
            end_left_over(rundir.path)
        with self.asking(stack), writing(rundir):
            yield from Stop(stack, rundir, self.observer(stack)).steps()
        self._meter.forget(stack)

    def restart(self, stack: Stack, service: str) -> Generator[Step]:
        try:
            spec = stack.definition.service(service)
        except KeyError:
            raise EngineError(f"The stack has no service {service}.", service=service) from None
        yield ready_step(stack, spec)
        rundir = RunDir(stack.run_dir)
        with self.asking(stack) as client:
            seen = self.look(stack, fresh=True).of(project_name(stack))
            if not seen or rundir.record().phase != "up":
                raise EngineError("The stack is not running; start it first.", service=service)
            own = [one for one in seen if one.service == service]
            if len(own) < spec.instances and not rundir.content_path.exists():
                raise EngineError(f"{service} has no container, and was not started by Hub.",
                                  "Restart the whole stack: that makes its containers anew.", service=service)
            with writing(rundir), rundir.changing():
                record = rundir.record()
                rundir.write(phase="starting", ready=[name for name in record.ready if name != service])
                try:
                    for one in own:
                        if one.state == "paused":
                            client.unpause(one.id)
                        client.restart(one.id, timeout=round(spec.stop_grace))
                    start = Start(stack, rundir, self.observer(stack), [spec])
                    if len(own) < spec.instances:
                        yield from start.compose(cli.program() or "docker", rundir.content_path, [service])
                    yield from start.wait()
                finally:
                    rundir.write(phase="up", ready=sorted({*record.ready, service}))

    def status(self, stack: Stack) -> StackStatus:
        rundir = RunDir(stack.run_dir)
        record = rundir.record()
        if record.phase == "down" and not record.run:
            # Never started from here: a host that is away is no reason not to say so.
            with contextlib.suppress(Unreachable):
                return self.seen(stack, rundir)
            return View(stack, record, Look(), lambda container: ()).status()
        return self.seen(stack, rundir)

    def found(self, hub_id: str) -> list[Found]:
        """The Compose projects on the Docker host which Hub itself uses, without those of other Hubs."""
        return found_in(self.look(ANYWHERE, fresh=True), hub_id)

    def adopt(self, stack: Stack, *, runs: bool = True) -> None:
        """From now on take what is there under the stack's name for this stack, started a moment ago, or stopped; it is
        not touched."""
        rundir = RunDir(stack.run_dir)
        with writing(rundir), rundir.changing():
            record = rundir.record()
            run = record.run if record.phase == "up" or not runs else max([record.run, *rundir.kept_runs()]) + 1
            ready = [service.name for service in stack.services] if runs else []
            rundir.write(phase="up" if runs else "down", run=run, revision=stack.revision, ready=ready)

    def follow(self, stack: Stack, changed: Callable[[], None]) -> None:
        with contextlib.suppress(Unreachable):
            self.observer(stack).follow(changed)

    def ensure(self, stack: Stack) -> bool:
        """After the machine was started again Docker brings back what its restart policies say; the rest is started."""
        rundir = RunDir(stack.run_dir)
        record = rundir.record()
        if record.phase not in ("starting", "up") or record.is_of_this_boot:
            return False
        with self.asking(stack) as client, writing(rundir):
            for one in self.look(stack, fresh=True).of(project_name(stack)):
                if one.state in ("exited", "created") and not (one.state == "exited" and one.exit_code == 0):
                    client.start(one.id)
            rundir.write(phase="up")
        return True

    def logs(self, stack: Stack, service: str, *, tail: int = 200, after: int | None = None,
             run: int | None = None, since: datetime | None = None) -> LogChunk:
        """`service` is the name of a service or of one of its instances. Lines of several instances stand together in
        the order of their times, each with its instance's name before it."""
        spec, only = instance_of(stack, service)
        logs, there, run = self._logs_of(stack, run)
        return logs.read(spec, there, run, tail=tail, after=after, only=only, since=since)

    def history(self, stack: Stack, service: str, *, run: int | None = None,
                since: datetime | None = None) -> Iterator[LogChunk]:
        spec, only = instance_of(stack, service)
        logs, there, run = self._logs_of(stack, run)
        return logs.history(spec, only or 1, there, run, since)

    def _logs_of(self, stack: Stack, run: int | None) -> tuple[Logs, list[Container], int]:
        """The logs of a run, the newest unless it is named, and the containers of it that are still there."""
        rundir = RunDir(stack.run_dir)
        record = rundir.record()
        if run is None:
            run = next(iter(self.runs(stack)), 0)
        client, there = None, []
        if run == record.run and record.phase != "down":
            with self.asking(stack) as client:
                there = self.look(stack).of(project_name(stack))
        return Logs(client, rundir), there, run

    def runs(self, stack: Stack) -> list[int]:
        rundir = RunDir(stack.run_dir)
        record = rundir.record()
        now = {record.run} if record.run and record.phase != "down" else set()
        return sorted({*rundir.kept_runs(), *now}, reverse=True)

    def copy_data(self, source: Stack, target: Stack) -> Generator[Step]:
        with self.asking(source) as client:
            yield from volumes.copy(client, source, target)

    def usage(self, stack: Stack) -> list[Usage]:
        with self.asking(stack) as client:
            return self._meter.measure(client, stack, self.look(stack).of(project_name(stack)))

    def remains(self, stack: Stack) -> list[Remain]:
        rundir = RunDir(stack.run_dir)
        if not stack.revision and not rundir.exists():
            return []
        with self.asking(stack) as client:
            return remains.remains_of(client, stack, rundir, self.look(stack, fresh=True).of(project_name(stack)))

    def remove(self, stack: Stack, *, data: bool = False) -> None:
        rundir = RunDir(stack.run_dir)
        if not stack.revision and not rundir.exists():
            return
        with self.asking(stack) as client:
            if self.look(stack, fresh=True).of(project_name(stack)):
                raise EngineError("The stack still runs; stop it first.")
            remains.remove(client, stack, rundir, data=data)
        self._meter.forget(stack)

    @staticmethod
    def _key(stack: Stack) -> tuple[str, int]:
        return project_name(stack), stack.revision

    # The parts of a start

    def _check(self, stack: Stack) -> None:
        """EngineError when something stands in the way; what was in order a moment ago is not asked again."""
        with self._lock:
            at = self._in_order.pop(self._key(stack), float("-inf"))
        if time.monotonic() - at < CHECKED_SECONDS:
            return
        found = [problem for problem in self.problems(stack) if problem.blocking]
        if found:
            first = found[0]
            spec = next((one for one in stack.services if one.name == first.service), None)
            raise EngineError(
                first.message, "\n".join(f"{one.message} {one.hint}".strip() for one in found),
                service=first.service, file=stack.definition.source, line=spec.line if spec else None,
            )

    def _wanted_images(self, stack: Stack) -> dict[str, list[str]]:
        """What has to be pulled; nothing when the host cannot be asked, which the check then says."""
        if not stack.definition.document:
            return {}
        with contextlib.suppress(Unreachable), self.asking(stack) as client:
            return images.missing(client, stack, bind(stack))
        return {}

    def _wanted_builds(self, stack: Stack) -> list[str]:
        """The services whose image of this revision is not there yet."""
        with contextlib.suppress(Unreachable), self.asking(stack) as client:
            content = bind(stack)
            return [name for name in to_build(stack)
                    if not images.is_there(client, content["services"][name]["image"])]
        return []

    def _begin(self, stack: Stack, rundir: RunDir) -> None:
        """A new run, or the one that goes on. What stood still or is paused is on its way again."""
        record, client = rundir.record(), self.observer(stack).client
        there = self.look(stack, fresh=True).of(project_name(stack))
        going_on = record.phase in ("starting", "up") and bool(there)
        if going_on and record.revision != stack.revision:
            # Compose makes these containers anew.
            Logs(client, rundir).put_away(stack.services, there, record.run)
        for one in there:
            if one.state == "paused":
                client.unpause(one.id)
        run = record.run if going_on else max([record.run, *rundir.kept_runs()], default=0) + 1
        same = going_on and record.revision == stack.revision
        rundir.write(phase="starting", run=run, revision=stack.revision, ready=record.ready if same else ())

    def _kept_labels(self, stack: Stack, client: docker.APIClient) -> dict[str, dict[str, str]]:
        """The labels of the stack's networks and volumes that exist already, by name."""
        own: list[dict[str, Any]] = [*remains.networks(client, stack), *volumes.volumes_of(client, stack)]
        return {one["Name"]: {name: value for name, value in (one.get("Labels") or {}).items()
                              if name in labels_for(stack) or name == HUB_REVISION} for one in own}
