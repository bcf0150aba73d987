"""What a delete takes and what it leaves, one line for each thing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from projects.engines.base import Remain
from projects.models import Project
from projects.presentation.words import count, size
from tasks.models import Task

KINDS = {"process": "Process", "container": "Container", "network": "Network", "volume": "Volume", "image": "Image",
         "folder": "Folder", "port": "Port"}


@dataclass(frozen=True, slots=True)
class Line:
    """`what` kind of thing, its `name`, a `detail`, and its `size`; `data`: goes only when it is asked for."""

    what: str
    name: str
    detail: str
    size: str
    data: bool = False
    link: int | None = None


def goes(remains: Sequence[Remain]) -> list[Line]:
    """What the delete removes. Ports are one line: they are only set free."""
    lines = [
        Line(KINDS[remain.kind], remain.name, remain.detail, size(remain.size), remain.is_data)
        for remain in remains if remain.kind != "port"
    ]
    ports = [remain.name for remain in remains if remain.kind == "port"]
    if ports:
        lines.append(Line("Port leases", " ".join(ports), "", count(len(ports), "port")))
    return lines


def stays(project: Project) -> list[Line]:
    """What is not touched, however the form is filled in."""
    lines = [Line("Folder", project.path, "with everything in it", "untouched")]
    if project.copied_from_id:
        original = Project.objects.filter(pk=project.copied_from_id).only("pk", "name").first()
        if original is not None:
            lines.append(Line("Project", original.name, "from which this was copied", "untouched", link=original.pk))
    lines += [Line("Project", copy.name, "a copy of this one", "untouched", link=copy.pk)
              for copy in project.copies.only("pk", "name")]
    tasks = Task.objects.filter(subject=project.subject).count()
    lines.append(Line("History", "", f"{count(tasks, 'task')} and all events", "kept"))
    return lines
