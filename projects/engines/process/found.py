"""Stacks whose supervisor or services live although nobody asked for them here: what their folders say of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from projects.engines.process.environment import DEFAULT_PATH, FROM_HOST, host_variables
from projects.engines.process.family import SERVICE_VARIABLE, STACK_VARIABLE
from projects.engines.process.processes import boot_id, living
from projects.engines.process.rundir import RunDir

PORT = "HUB_PORT_"
# What every service gets beside the stack's own variables.
GIVEN = {"PYTHONUNBUFFERED", "PS", "PORT", "HUB_STACK_DATA", STACK_VARIABLE, SERVICE_VARIABLE}


@dataclass(frozen=True, slots=True)
class Lives:
    """A stack that runs. `ports`: host port by the name of the variable that services find it by
    (see `environment.variables_for`); `variables`: those that all services were given, as far as they are the stack's.
    """

    slug: str
    folder: Path
    services: tuple[str, ...]
    ports: Mapping[str, int]
    variables: Mapping[str, str]


def living_in(run_dirs: Mapping[str, Path], hub_id: str) -> list[Lives]:
    """The stacks, by their slugs, that were started by this Hub in these folders, are wished to run and do."""
    found = (_living(slug, RunDir(str(path)), f"{hub_id}/{slug}") for slug, path in sorted(run_dirs.items()))
    return [one for one in found if one is not None]


def _living(slug: str, rundir: RunDir, marker: str) -> Lives | None:
    wish = rundir.wish()
    if wish.get("desired") != "up" or wish.get("boot_id") != boot_id() or wish.get("marker") != marker:
        return None
    records = rundir.state().get("instances", {}).values()
    if rundir.holder() is None and not any(living(one.get("pid"), one.get("start")) for one in records):
        return None
    given = [one["variables"] for service in wish["services"] for one in service["instances"]]
    everywhere = _of_all(given)
    ports = {name: int(value) for name, value in everywhere.items() if name.startswith(PORT) and value.isdigit()}
    return Lives(slug, Path(wish["folder"]), tuple(service["name"] for service in wish["services"]), ports,
                 {name: value for name, value in everywhere.items() if not _is_of_hub(name, value, everywhere)})


def _of_all(given: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """The variables that are the same for all."""
    given = list(given)
    counted = Counter(pair for variables in given for pair in variables.items())
    return {name: value for (name, value), number in counted.items() if number == len(given)}


def _is_of_hub(name: str, value: str, everywhere: Mapping[str, str]) -> bool:
    """Whether Hub or its host gave it: a port by which services find each other, the host's basics."""
    if name in GIVEN or name.startswith(PORT):
        return True
    if name.endswith("_PORT") and everywhere.get(f"{PORT}{name.removesuffix('_PORT')}") == value:
        return True
    if name == "PATH":
        return value in (host_variables()["PATH"], DEFAULT_PATH)
    return name in FROM_HOST or name.startswith("LC_")
