"""What Hub found in a folder, as the add page shows it before anything is saved."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from projects.actions import Preview
from projects.stacks.spec import Definition, ServiceSpec

ENGINE_WORDS = {"process": "Process", "compose": "Compose", "dagger": "Dagger"}


@dataclass(frozen=True, slots=True)
class PortField:
    """An input for a host port, named `port.<service>:<container port>`; the further instances of a service get
    theirs by Hub, and have no input."""

    field: str
    label: str
    value: str
    error: str
    editable: bool

    @property
    def errors(self) -> list[str]:
        return [self.error] if self.error else []


@dataclass(frozen=True, slots=True)
class FoundService:
    """A service of the folder."""

    name: str
    command: str
    note: str
    waits_for: str
    ports: tuple[PortField, ...]


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """A way to run the folder. `refused` says why it cannot be chosen."""

    value: str
    word: str
    source: str
    detail: str
    refused: str


def services_in(seen: Preview, typed: Mapping[str, str], errors: Mapping[str, str]) -> list[FoundService]:
    """The services that were found, each with its ports: what was typed for them, else what is free now."""
    if seen.definition is None:
        return []
    return [_service(spec, seen, typed, errors) for spec in seen.definition.services]


def engines_in(seen: Preview) -> list[EngineChoice]:
    """The ways to run what was found."""
    return [
        EngineChoice(
            value=candidate.engine,
            word=ENGINE_WORDS[candidate.engine],
            source=candidate.source.name,
            detail=_counted(candidate.definition) if candidate.definition else "",
            refused=candidate.error.message if candidate.error and candidate.error.code == "unsupported" else "",
        )
        for candidate in seen.candidates
    ]


def _service(spec: ServiceSpec, seen: Preview, typed: Mapping[str, str], errors: Mapping[str, str]) -> FoundService:
    fields = []
    instances: Counter[int] = Counter()
    own = [(inner, host) for service, inner, host in seen.ports if service == spec.name]
    for inner, host in own:
        instances[inner] += 1
        field = f"port.{spec.name}:{inner}"
        label = f"Host port of {spec.name}" + (f" for {inner}" if len(spec.ports) > 1 else "")
        first = instances[inner] == 1
        fields.append(PortField(field, label, typed.get(field, str(host)) if first else str(host),
                                errors.get(field, "") if first else "", first))
    note = "one-shot" if spec.kind == "one-shot" else f"{spec.instances} instances" if spec.instances > 1 else ""
    return FoundService(spec.name, spec.command, note, ", ".join(spec.depends_on), tuple(fields))


def _counted(definition: Definition) -> str:
    number = len(definition.services)
    counted = f"{number} service{'' if number == 1 else 's'}"
    if definition.engine != "dagger":
        return counted
    built = len(definition.builds)
    return f"{counted}, {built} image{'' if built == 1 else 's'} built by Dagger"
