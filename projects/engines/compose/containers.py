"""What a Docker host says of its Compose containers: one list for all stacks, details only of what has changed."""

from __future__ import annotations

import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import docker

from projects.engines.compose.host import AWAY
from projects.engines.compose.naming import NUMBER, ONE_OFF, PROJECT, SERVICE

SHARED_SECONDS = 0.4
"""One look serves every stack that is asked about within this time."""

REMEMBERED_SECONDS = 600.0
MAX_HAPPENINGS = 200
RETRY_SECONDS = 1.0
FILTERS = {
    "type": "container", "label": PROJECT,
    "event": ["die", "oom", "kill", "stop", "pause", "unpause", "start", "destroy", "health_status"],
}
# "Up 3 minutes (healthy)" and "Exited (137) 2 seconds ago": what stays when time passes.
_WORDS = re.compile(r"\(([\w: ]+)\)")
_YOUNG = re.compile(r"Up (?:Less than a second|(\d+) seconds?)")


@dataclass(frozen=True, slots=True)
class Happening:
    """An event of a container: `action` as Docker names it, at a time in seconds since 1970."""

    at: float
    action: str
    container: str
    project: str
    service: str
    code: int | None = None
    signal: int | None = None


@dataclass(frozen=True, slots=True)
class Container:
    """One container as it was inspected last. `ports`: host ports by (container port, protocol)."""

    id: str
    name: str
    project: str
    service: str
    number: int
    state: str
    exit_code: int
    oom_killed: bool
    error: str
    health: str
    health_log: str
    restarts: int
    has_policy: bool
    started_at: datetime | None
    ended_at: datetime | None
    image: str
    pid: int
    labels: dict[str, str]
    memory_limit: int
    volumes: tuple[str, ...]
    ports: dict[tuple[int, str], int]

    @property
    def ran_for(self) -> float:
        """Seconds between its last start and its end."""
        if self.started_at is None or self.ended_at is None:
            return 0.0
        return max(0.0, (self.ended_at - self.started_at).total_seconds())


@dataclass(slots=True)
class _Seen:
    mark: tuple
    container: Container


@dataclass
class Look:
    """What one host was seen to run: containers by Compose project, and what happened lately."""

    containers: dict[str, list[Container]] = field(default_factory=dict)
    happenings: list[Happening] = field(default_factory=list)

    def of(self, project: str) -> list[Container]:
        return self.containers.get(project, [])

    def happened(self, project: str, since: float) -> list[Happening]:
        return [one for one in self.happenings if one.project == project and one.at > since]


class Observer:
    """Looks at one host. Two calls a look, one more for each container that changed since the look before, or waits
    for its start."""

    def __init__(self, client: docker.APIClient):
        self.client = client
        self._lock = threading.Lock()
        self._seen: dict[str, _Seen] = {}
        self._happenings: deque[Happening] = deque(maxlen=MAX_HAPPENINGS)
        self._heard: set[tuple[float, str, str]] = set()
        self._since = time.time()
        self._look = Look()
        self._looked_at = float("-inf")
        self._follower: threading.Thread | None = None

    def look(self, *, fresh: bool = False) -> Look:
        """What is there now; `fresh`: not what was seen a moment ago."""
        with self._lock:
            if fresh or time.monotonic() - self._looked_at > SHARED_SECONDS:
                self._look = self._ask()
                self._looked_at = time.monotonic()
            return self._look

    def follow(self, changed: Callable[[], None]) -> None:
        """Follow the host's events from now on, and call `changed` after each. While the stream is away, looks alone
        tell what happens; they ask for the same events, so that none is missed."""
        with self._lock:
            if self._follower is None:
                self._follower = threading.Thread(target=self._follow, args=(changed,), daemon=True)
                self._follower.start()

    def _follow(self, changed: Callable[[], None]) -> None:
        while True:
            try:
                for _ in self.client.events(decode=True, filters=FILTERS):
                    with self._lock:
                        self._looked_at = float("-inf")
                    changed()
            except (docker.errors.DockerException, *AWAY, ValueError):
                # Quiet for longer than the client waits, or away: in both cases the next try says more.
                time.sleep(RETRY_SECONDS)

    def _ask(self) -> Look:
        summaries = self.client.containers(all=True, filters={"label": PROJECT})
        changed = self._note(self._events())
        found: dict[str, list[Container]] = {}
        kept: dict[str, _Seen] = {}
        for summary in summaries:
            if summary["Labels"].get(ONE_OFF, "False") == "True":
                continue
            seen = self._one(summary, changed)
            if seen is not None:
                kept[summary["Id"]] = seen
                found.setdefault(seen.container.project, []).append(seen.container)
        self._seen = kept
        for containers in found.values():
            containers.sort(key=lambda one: (one.service, one.number))
        oldest = time.time() - REMEMBERED_SECONDS
        return Look(found, [one for one in self._happenings if one.at > oldest])

    def _one(self, summary: dict[str, Any], changed: set[str]) -> _Seen | None:
        known = self._seen.get(summary["Id"])
        mark = (summary["State"], *_WORDS.findall(summary["Status"]))
        # A start that fails is no event, and leaves the container listed as created: only a look into it tells.
        if known is not None and known.mark == mark and summary["Id"] not in changed and summary["State"] != "created" \
                and not _began_anew(summary["Status"], known.container):
            return known
        try:
            return _Seen(mark, _container(self.client.inspect_container(summary["Id"])))
        except docker.errors.NotFound:  # removed meanwhile
            return None

    def _events(self) -> Iterable[dict[str, Any]]:
        """What happened since the last look; a second is asked for twice rather than not at all."""
        now = time.time()
        events = self.client.events(since=f"{self._since - 1:.9f}", until=f"{now:.9f}", decode=True, filters=FILTERS)
        self._since = now
        return list(events)

    def _note(self, events: Iterable[dict[str, Any]]) -> set[str]:
        """The containers that events were heard of; each event is noted once."""
        changed = set()
        for event in events:
            attributes = (event.get("Actor") or {}).get("Attributes") or {}
            at = event.get("timeNano", 0) / 1e9
            action = str(event.get("Action", "")).partition(":")
            identity = (at, event.get("id", ""), action[0])
            if identity in self._heard:
                continue
            self._heard.add(identity)
            changed.add(event.get("id", ""))
            self._happenings.append(Happening(
                at, f"{action[0]}:{action[2].strip()}" if action[0] == "health_status" else action[0],
                event.get("id", ""), attributes.get(PROJECT, ""), attributes.get(SERVICE, ""),
                _number(attributes.get("exitCode")), _number(attributes.get("signal")),
            ))
        if len(self._heard) > 4 * MAX_HAPPENINGS:
            self._heard = {one for one in self._heard if one[0] > self._since - 60}
        return changed


def _began_anew(status: str, known: Container) -> bool:
    """Whether a container has been up for less long than it would be, had it gone on since it was inspected."""
    young = _YOUNG.match(status)
    if young is None or known.started_at is None:
        return False
    return time.time() - known.started_at.timestamp() > int(young[1] or 1) + 3


def _container(content: dict[str, Any]) -> Container:
    state, labels = content["State"], content["Config"].get("Labels") or {}
    health = state.get("Health") or {}
    log = (health.get("Log") or [{}])[-1]
    policy = (content["HostConfig"].get("RestartPolicy") or {}).get("Name", "")
    published = content["NetworkSettings"].get("Ports") or {}
    return Container(
        id=content["Id"], name=content["Name"].lstrip("/"), project=labels.get(PROJECT, ""),
        service=labels.get(SERVICE, ""), number=_number(labels.get(NUMBER)) or 1, state=state["Status"],
        exit_code=state.get("ExitCode", 0), oom_killed=bool(state.get("OOMKilled")), error=state.get("Error", ""),
        health=health.get("Status", ""), health_log=str(log.get("Output", "")).strip()[-300:],
        restarts=content.get("RestartCount", 0), has_policy=policy not in ("", "no"),
        started_at=time_of(state.get("StartedAt", "")), ended_at=time_of(state.get("FinishedAt", "")),
        image=content.get("Image", ""), pid=state.get("Pid", 0), labels=labels,
        memory_limit=content["HostConfig"].get("Memory", 0),
        volumes=tuple(mount["Name"] for mount in content.get("Mounts", ()) if mount.get("Type") == "volume"),
        ports={
            (int(name.split("/")[0]), name.split("/")[1]): int(bindings[0]["HostPort"])
            for name, bindings in published.items() if bindings
        },
    )


def time_of(text: str) -> datetime | None:
    """Docker's time (nanoseconds, UTC) as a datetime; None for its year 1, which means never."""
    if not text or text.startswith("0001-"):
        return None
    whole, _, fraction = text.rstrip("Z").partition(".")
    return datetime.fromisoformat(f"{whole}.{(fraction + '000000')[:6]}").replace(tzinfo=UTC)


def _number(text: Any) -> int | None:
    try:
        return int(text)
    except (TypeError, ValueError):
        return None
