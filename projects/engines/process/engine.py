"""The process engine: runs a stack as plain processes of this machine, watched by a small supervisor of its own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Generator, Iterator, Mapping
from datetime import datetime
from pathlib import Path

from projects.engines.base import EngineError, LogChunk, Problem, Remain, SavedVolume, StackStatus, Step, Usage
from projects.engines.process.environment import marker
from projects.engines.process.family import Family
from projects.engines.process.found import Lives, living_in
from projects.engines.process.launch import launch, wake
from projects.engines.process.merged import read_history, read_service
from projects.engines.process.observe import View
from projects.engines.process.problems import problems_of
from projects.engines.process.processes import Stat
from projects.engines.process.rundir import RunDir
from projects.engines.process.start import Waiting, ready_step
from projects.engines.process.stop import stop
from projects.engines.process.usage import Meter
from projects.engines.process.wish import in_order, wish_restart, wish_up
from projects.engines.sizes import size_of
from projects.stacks.spec import Definition, Stack

CHECK = Step("check", "folder, commands and ports are in order")


class ProcessEngine:
    """See `projects.engines.base.Engine` for what every method promises.

    A service that ends by itself with code 0 is started again only under the policy `always`; else it is `failed`.
    A one-shot service is never started again; what it leaves running in the background is ended with it.
    """

    name = "process"

    def __init__(self):
        self._meter = Meter()

    def problems(self, stack: Stack) -> list[Problem]:
        return problems_of(stack, set(self._processes(stack)))

    def inputs(self, definition: Definition) -> dict[str, str]:
        """Nothing: code that changed is a matter of a restart."""
        return {}

    def up(self, stack: Stack) -> Generator[Step]:
        try:
            services = in_order(stack.services)
        except ValueError:
            # The check says what is wrong with the order.
            services = list(stack.services)
        yield CHECK
        yield from [ready_step(stack, service) for service in services]
        self._check(stack)
        yield Step(CHECK.key, CHECK.label, 1, 1)
        rundir = _rundir(stack)
        try:
            rundir.create()
        except OSError as error:
            raise EngineError(f"Hub cannot write to its data folder {rundir.path}: {error.strerror}.") from error
        with rundir.changing():
            view = View(stack, rundir)
            going_on = view.wished_now and view.wish.get("desired") == "up"
            failed = {service.name for service in services if view.service(service).state == "failed"}
            wish = wish_up(stack, rundir, going_on=going_on, afresh=failed if going_on else set())
        if not wake(rundir):
            launch(rundir)
        yield from Waiting(stack, rundir, wish["serial"], services).steps()

    def down(self, stack: Stack) -> Generator[Step]:
        yield from stop(stack, _rundir(stack))
        self._meter.forget(stack)

    def restart(self, stack: Stack, service: str) -> Generator[Step]:
        rundir = _rundir(stack)
        try:
            spec = stack.definition.service(service)
        except KeyError:
            raise EngineError(f"The stack has no service {service}.", service=service) from None
        yield ready_step(stack, spec)
        if not rundir.exists():
            raise EngineError("The stack is not running; start it first.", service=service)
        with rundir.changing():
            view = View(stack, rundir)
            wished = [one["name"] for one in view.wish.get("services", ())]
            if not view.wished_now or view.wish.get("desired") != "up" or service not in wished:
                raise EngineError("The stack is not running; start it first.", service=service)
            wish = wish_restart(stack, rundir, spec)
        if not wake(rundir):
            launch(rundir)
        yield from Waiting(stack, rundir, wish["serial"], [spec]).steps()

    def status(self, stack: Stack) -> StackStatus:
        return View(stack, _rundir(stack)).status()

    def follow(self, stack: Stack, changed: Callable[[], None]) -> None:
        """Nothing: the supervisor's file is looked at."""

    def ensure(self, stack: Stack) -> bool:
        rundir = _rundir(stack)
        view = View(stack, rundir)
        if view.watched or not view.wished_now or view.wish.get("desired") != "up":
            return False
        launch(rundir)
        return True

    def living(self, run_dirs: Mapping[str, Path], hub_id: str) -> list[Lives]:
        """The stacks in these run folders, by their slugs, that this Hub started and that run."""
        return living_in(run_dirs, hub_id)

    def adopt(self, stack: Stack, *, runs: bool = True) -> None:
        """From now on take what lives in the run folder for this stack; it is not touched. Nothing has to be noted."""

    def logs(self, stack: Stack, service: str, *, tail: int = 200, after: int | None = None,
             run: int | None = None, since: datetime | None = None) -> LogChunk:
        """`service` is the name of a service or of one of its instances. Lines of several instances stand together,
        each with its instance's name before it. Give `run` with `after`: offsets are those of one run."""
        rundir = _rundir(stack)
        return read_service(stack, rundir, service, tail, after, _newest(rundir) if run is None else run, since)

    def history(self, stack: Stack, service: str, *, run: int | None = None,
                since: datetime | None = None) -> Iterator[LogChunk]:
        rundir = _rundir(stack)
        return read_history(stack, rundir, service, _newest(rundir) if run is None else run, since)

    def runs(self, stack: Stack) -> list[int]:
        return _rundir(stack).runs()

    def copy_data(self, source: Stack, target: Stack) -> Generator[Step]:
        """Nothing: what services keep lies in the stack's folder, and is copied with that."""
        yield from ()

    def save_volumes(self, stack: Stack, folder: Path) -> list[SavedVolume]:
        """None: see `copy_data`."""
        return []

    def restore_volumes(self, stack: Stack, saved: list[SavedVolume]) -> None:
        raise EngineError("A stack of processes has no volumes.")

    def usage(self, stack: Stack) -> list[Usage]:
        return self._meter.measure(stack, View(stack, _rundir(stack)))

    def remains(self, stack: Stack) -> list[Remain]:
        found = [
            Remain("process", f"{stat.name} (pid {stat.pid})") for stat in self._processes(stack).values()
        ]
        rundir = _rundir(stack)
        if rundir.exists():
            found.append(Remain("folder", rundir.path, size_of(rundir.path), detail="logs and state of the stack"))
        return found

    def remove(self, stack: Stack, *, data: bool = False) -> None:
        left = self._processes(stack)
        rundir = _rundir(stack)
        if left or rundir.holder() is not None:
            raise EngineError("The stack still runs; stop it first.")
        if rundir.exists():
            try:
                shutil.rmtree(rundir.path)
            except OSError as error:
                raise EngineError(f"The folder {rundir.path} could not be removed: {error.strerror}.") from error
        self._meter.forget(stack)

    def _check(self, stack: Stack) -> None:
        found = self.problems(stack)
        if found:
            first = found[0]
            details = [f"{problem.message} {problem.hint}".strip() for problem in found]
            spec = next((one for one in stack.services if one.name == first.service), None)
            raise EngineError(
                first.message, "\n".join(details), service=first.service, file=stack.definition.source,
                line=spec.line if spec else None,
            )

    def _processes(self, stack: Stack) -> dict[int, Stat]:
        """Every living process of the stack, without its supervisor."""
        view = View(stack, _rundir(stack))
        family = Family(marker(stack))
        family.look()
        holder = view.rundir.holder()
        return family.members(view.pids(), below=holder[0] if holder else None)


def _newest(rundir: RunDir) -> int:
    return next(iter(rundir.runs()), 0)


def _rundir(stack: Stack) -> RunDir:
    return RunDir(os.fspath(stack.run_dir))
