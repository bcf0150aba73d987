"""What the API's requests and answers about projects hold."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID

from ninja import Field, Schema
from pydantic import ConfigDict

from events.api_lists import ListOut
from projects.actions import service_ports

HostPort = Annotated[int, Field(strict=True, ge=1, le=65535)]
Engine = Literal["process", "compose", "dagger"]
Difference = Literal["service", "setting", "variable", "port", "image"]
Status = Literal["stopped", "starting", "running", "degraded", "stopping", "failed", "unknown"]
Health = Literal["healthy", "degraded", "unhealthy", "none"]


class ProjectIn(Schema):
    """`ports` asks for host ports by service, or by `service:port` where a service has several."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"name": "Shop", "path": "/srv/shop", "ports": {"web": 8010}}}
    )

    name: str
    path: str
    engine: Engine | None = None
    ports: dict[str, HostPort] = {}
    env: dict[str, str] = {}
    autostart: bool = Field(False, strict=True)
    node: str = Field("", description="the node that the folder is on; this one when left out")
    backend_port: HostPort | None = Field(None, description="the port of the service backend, as older scripts say it")
    frontend_port: HostPort | None = None
    postgres_port: HostPort | None = None
    redis_port: HostPort | None = None

    def all_ports(self) -> dict[str, int]:
        """The ports asked for in either way; `ports` counts where both name a service."""
        older = service_ports(self.model_dump(exclude_none=True))
        return {**older, **self.ports}


class ProjectPatch(Schema):
    """What is left out stays as it is. `env` is replaced as a whole; a variable sent back masked keeps its value."""

    model_config = ConfigDict(extra="forbid")

    name: str = ""
    env: dict[str, str] = {}
    autostart: bool = Field(False, strict=True)
    ports: dict[str, HostPort] = {}
    return_to_good: bool = Field(False, strict=True, description="whether a failed start is followed by a start of the "
                                                                 "last revision that became healthy")

    def given(self) -> dict[str, Any]:
        """Only what the request named."""
        return {name: getattr(self, name) for name in self.model_fields_set}


class CopyIn(Schema):
    """`path`: another folder; `branch`: a new git work tree of that branch; neither: the same folder."""

    model_config = ConfigDict(extra="forbid")

    name: str
    path: str | None = None
    branch: str | None = None
    with_data: bool = Field(False, strict=True)


class PortOut(Schema):
    service: str
    container_port: int
    port: int
    protocol: str
    url: str | None


class ProjectItem(Schema):
    """`status` is what was observed at `observed_at`, `desired` what was asked for."""

    id: int
    name: str
    slug: str
    path: str
    engine: str
    status: Status
    health: Health
    desired: str
    observed_at: datetime | None
    reason: str
    node: str
    ports: list[PortOut]
    autostart: bool
    return_to_good: bool
    created_at: datetime


class ProjectOut(ProjectItem):
    env: dict[str, str] = Field(description="its own variables, secrets masked")


class ProjectList(ListOut):
    items: list[ProjectItem]


class ServiceCounts(Schema):
    total: int
    running: int


class Stats(Schema):
    total: int
    by_status: dict[str, int]
    by_engine: dict[str, int]
    services: ServiceCounts
    ports: int


class RemainOut(Schema):
    """Something that a delete would remove; what `is_data` stays unless `data=remove`. `size` in bytes."""

    kind: str
    name: str
    size: int | None
    is_data: bool
    detail: str


class Remains(ListOut):
    items: list[RemainOut]


class MomentOut(Schema):
    """When a line was written: at `at`, or at most `within` seconds before."""

    at: datetime
    within: float


class LogOut(Schema):
    """`offset` is where to read on (`after`); `missed`: lines between `after` and these are gone. `moments` has one for
    each line, null where nobody knows when it was written."""

    service: str
    run: int
    lines: list[str]
    offset: int
    missed: bool
    moments: list[MomentOut | None]


class UsageValues(Schema):
    """One value for each of `times`, null where nothing is known. `cpu`: share of one core, average; `memory`: bytes,
    at most; the others bytes a second."""

    cpu: list[float | None]
    memory: list[int | None]
    network_in: list[float | None]
    network_out: list[float | None]
    disk_read: list[float | None]
    disk_written: list[float | None]


class UsageOut(Schema):
    """`times` are the ends of the stretches, oldest first."""

    times: list[datetime]
    services: dict[str, UsageValues]


class RollBackIn(Schema):
    """`revision`: the number of a kept one; without it the newest good one before what was started last."""

    model_config = ConfigDict(extra="forbid")

    revision: int | None = Field(None, strict=True, ge=1)


class RevisionOut(Schema):
    """What one start ran. `restored`: the number of the kept revision that this one is again; `because`: the failure
    after which Hub itself went back to it. `images`: digest by service."""

    number: int
    created_at: datetime
    started_ok: bool | None
    error: str
    restored: int | None
    because: str
    task_id: UUID | None
    images: dict[str, str]


class Revisions(ListOut):
    items: list[RevisionOut]


class DifferenceOut(Schema):
    """`before` and `after` are null where it is not there. `secret`: both are masks, only that they differ is said."""

    kind: Difference
    name: str
    before: str | None
    after: str | None
    secret: bool


class Differences(ListOut):
    items: list[DifferenceOut]


class ServicePort(Schema):
    container: int
    protocol: str
    host: int
    url: str | None


class InstanceOut(Schema):
    """One process or container of a service."""

    name: str
    state: str
    health: str
    pid: int | None
    container_id: str | None = None
    restarts: int
    exit_code: int | None
    signal: str | None
    reason: str
    started_at: datetime | None


class ServiceOut(Schema):
    name: str
    kind: str
    state: str
    health: str
    reason: str
    last_lines: list[str] = Field(description="the end of its log, when it failed")
    port: int | None
    ports: list[ServicePort]
    pid: int | None
    container_id: str | None
    restarts: int
    exit_code: int | None
    signal: str | None
    started_at: datetime | None
    depends_on: list[str]
    cpu: float | None = Field(description="share of one core")
    memory: int | None
    instances: list[InstanceOut]


class StatusOut(Schema):
    """What was observed at `observed_at`, at most 5 s ago."""

    status: Status
    health: Health
    observed_at: datetime | None
    reason: str
    services: list[ServiceOut]
    running_count: int
    total_count: int


class FolderEntryOut(Schema):
    name: str
    path: Path
    kind: Literal["", "process", "compose", "both"] = Field(description="what the folder runs, by its files")
    unreadable: bool


class FolderOut(Schema):
    """The folders in `path`; `parent` is null at the root, `truncated` when there are more than listed."""

    path: Path
    parent: Path | None
    kind: Literal["", "process", "compose", "both"]
    entries: list[FolderEntryOut]
    truncated: bool
