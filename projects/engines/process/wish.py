"""The wish: what the supervisor of a stack is to bring about, as plain JSON in the stack's private folder."""

from __future__ import annotations

import hashlib
import json
import os
import shutil

from projects.engines.base import EngineError
from projects.engines.process.command import for_shell
from projects.engines.process.environment import first_port, host_variables, marker, port_variables, variables_for
from projects.engines.process.processes import boot_id
from projects.engines.process.rundir import RunDir
from projects.stacks.spec import ServiceSpec, Stack

KEPT_RUNS = 5


def in_order(services: tuple[ServiceSpec, ...]) -> list[ServiceSpec]:
    """The services, each after those it depends on, else as they stand. ValueError names what makes it impossible."""
    by_name = {service.name: service for service in services}
    placed: list[ServiceSpec] = []
    under_way: list[str] = []

    def place(service: ServiceSpec) -> None:
        if service in placed:
            return
        if service.name in under_way:
            circle = " → ".join([*under_way[under_way.index(service.name) :], service.name])
            raise ValueError(f"services wait for each other in a circle: {circle}")
        under_way.append(service.name)
        for name in service.depends_on:
            if name not in by_name:
                raise ValueError(f"{service.name} depends on {name}, which the stack does not have")
            place(by_name[name])
        under_way.pop()
        placed.append(service)

    for service in services:
        place(service)
    return placed


def readiness_of(stack: Stack, service: ServiceSpec) -> str:
    """How the readiness of a service is seen: `completes`, `tcp`, `http` or `up`. A service whose first port is not
    a leased TCP port cannot be asked, so staying up has to do."""
    if service.kind == "one-shot":
        return "completes"
    askable = first_port(stack, service) is not None and service.ports[0].protocol == "tcp"
    return service.ready.kind if askable else "up"


def service_wish(stack: Stack, service: ServiceSpec, run: int, generation: int) -> dict:
    """One service of the wish. `version` of an instance changes when it has to be started afresh: with the run, the
    generation (a restart) and everything the stack itself says about it; not with the host's variables."""
    host = host_variables()
    says = [service.command, str(stack.path), stack.env, port_variables(stack), service.kind]
    digest = hashlib.sha256(json.dumps(says, sort_keys=True).encode()).hexdigest()[:12]
    ready = service.ready
    return {
        "name": service.name,
        "kind": service.kind,
        "command": for_shell(service.command),
        "depends_on": list(service.depends_on),
        "restart": service.restart,
        "ready": {
            "kind": readiness_of(stack, service), "path": ready.path, "stay_up": ready.stay_up,
            "timeout": ready.timeout,
        },
        "stop_signal": service.stop_signal,
        "stop_grace": service.stop_grace,
        "generation": generation,
        "instances": [
            {
                "name": name,
                "version": f"{run}.{generation}.{digest}.{number}",
                "port": first_port(stack, service, number),
                "variables": variables_for(stack, service, number, host),
            }
            for number, name in enumerate(service.instance_names(), start=1)
        ],
    }


def wish_up(stack: Stack, rundir: RunDir, *, going_on: bool, afresh: set[str]) -> dict:
    """Write that the stack shall run. `going_on`: it already does, so keep its run and whatever has not changed,
    but start the services named in `afresh` (they failed) anew. Call it inside `rundir.changing()`."""
    old = rundir.wish()
    generations = {service["name"]: service["generation"] for service in old.get("services", ())}
    run = old["run"] if going_on else max([*rundir.runs(), old.get("run", 0)], default=0) + 1
    services = [
        service_wish(stack, service, run, generations.get(service.name, 0) + (service.name in afresh))
        for service in stack.services
    ]
    begin_run(rundir, run)
    wish = {
        "desired": "up",
        "serial": old.get("serial", 0) + 1,
        "boot_id": boot_id(),
        "marker": marker(stack),
        "run": run,
        "folder": str(stack.path),
        "services": services,
    }
    write(rundir, wish)
    return wish


def wish_restart(stack: Stack, rundir: RunDir, service: ServiceSpec) -> dict:
    """Write that one service shall be started afresh, as the stack now describes it; the others stay as they are."""
    old = rundir.wish()
    services = []
    for one in old["services"]:
        if one["name"] == service.name:
            one = service_wish(stack, service, old["run"], one["generation"] + 1)
        services.append(one)
    wish = {**old, "serial": old["serial"] + 1, "services": services}
    write(rundir, wish)
    return wish


def wish_down(rundir: RunDir) -> dict:
    """Write that the stack shall be down. The variables of its services are no longer kept on disk.

    OSError when it cannot be written: a full disk may be the very reason to stop a stack.
    """
    old = rundir.wish()
    services = [
        {**service, "instances": [{**one, "variables": {}} for one in service["instances"]]}
        for service in old.get("services", ())
    ]
    wish = {**old, "desired": "down", "serial": old.get("serial", 0) + 1, "services": services}
    rundir.write_wish(wish)
    return wish


def write(rundir: RunDir, wish: dict) -> None:
    try:
        rundir.write_wish(wish)
    except OSError as error:
        raise EngineError(f"Hub cannot write to its data folder {rundir.path}: {error.strerror}.") from error


def begin_run(rundir: RunDir, run: int) -> None:
    """Make the folder of a run's logs, and remove those of the oldest runs."""
    try:
        os.makedirs(os.path.join(rundir.logs_path, str(run)), mode=0o700, exist_ok=True)
    except OSError as error:
        raise EngineError(f"Hub cannot write to its data folder {rundir.path}: {error.strerror}.") from error
    for old in rundir.runs()[KEPT_RUNS:]:
        shutil.rmtree(os.path.join(rundir.logs_path, str(old)), ignore_errors=True)
