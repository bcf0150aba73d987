"""Facts as sentences: who did what to which project, newest first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings

from events.models import Event
from events.words import ago
from projects.models import Project

# What comes after the project's name, the attribute that colours the entry, its value, and its icon.
_PROJECT = {
    "created": ("added", "data-level", "info", "plus"),
    "copied": ("copied", "data-level", "info", "copy"),
    "updated": ("changed", "data-level", "info", "edit"),
    "deleted": ("deleted", "data-level", "info", "trash"),
    "port-leased": ("has another port", "data-level", "info", "link"),
    "starting": ("is starting", "data-state", "starting", "play"),
    "running": ("is running", "data-state", "running", "s-running"),
    "stopping": ("is stopping", "data-state", "stopping", "stop"),
    "stopped": ("stopped", "data-state", "stopped", "s-stopped"),
    "failed": ("failed", "data-state", "failed", "s-failed"),
    "returned": ("went back", "data-state", "degraded", "restart"),
}
_AUDIT = {
    "signed-in": "signed in",
    "key-created": "made an API key",
    "key-revoked": "revoked an API key",
    "environment-shown": "looked at a secret",
}
_FIELDS = {"autostart": "start with Hub", "return_to_good": "what follows a failed start"}
# How far back is looked for entries worth showing.
LOOKED_AT = 150


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of a time line: `subject` links to the project `project` while that exists."""

    attribute: str
    value: str
    icon: str
    subject: str
    project: int | None
    text: str
    who: str
    when: str


def of_project(project: Project, limit: int, now: datetime) -> list[Entry]:
    """The newest facts about one project."""
    facts = Event.objects.filter(
        about=project.subject, subject__startswith=f"hub.{settings.HUB_ID}.project."
    ).order_by("-id")[:limit]
    return [entry for entry in (_entry(fact, now, own=True) for fact in facts) if entry is not None]


def recent(limit: int, now: datetime, existing: Iterable[int]) -> list[Entry]:
    """The newest facts that say something to people, whatever they are about. `existing` projects are linked."""
    entries: list[Entry] = []
    known = set(existing)
    for fact in Event.objects.order_by("-id").only("id", "subject", "actor", "payload", "timestamp")[:LOOKED_AT]:
        entry = _entry(fact, now, known=known)
        if entry is not None:
            entries.append(entry)
        if len(entries) == limit:
            break
    return entries


def _entry(fact: Event, now: datetime, *, own: bool = False, known: set[int] | None = None) -> Entry | None:
    domain, _, action = fact.subject.removeprefix(f"hub.{settings.HUB_ID}.").partition(".")
    payload = fact.payload if isinstance(fact.payload, dict) else {}
    when = ago(fact.timestamp, now)
    if domain == "project" and action in _PROJECT:
        words, attribute, value, icon = _PROJECT[action]
        number = payload.get("project")
        link = number if not own and known is not None and number in known else None
        name = "" if own else str(payload.get("name", "A project"))
        text = f"{words}{_more(action, payload)}"
        if own:
            text = text.removeprefix("is ").capitalize() if text == words else text[:1].upper() + text[1:]
        return Entry(attribute, value, icon, name, link, text, fact.actor, when)
    if own:
        return None
    if domain == "audit" and action in _AUDIT:
        return Entry("data-level", "debug", "key", fact.actor, None, _AUDIT[action], "", when)
    if domain == "task" and action == "failed":
        title = str(payload.get("title") or payload.get("job") or "A task")
        if str(payload.get("subject", "")).startswith("projects."):
            return None  # the project's own fact says it better
        return Entry("data-task", "failed", "s-failed", title, None, "failed", fact.actor, when)
    return None


def _more(action: str, payload: dict) -> str:
    reason = str(payload.get("reason") or "")
    if action in ("failed", "stopped") and reason:
        return f": {reason}"
    if action == "returned":
        cause = f" after a failed start: {reason}" if reason else ""
        return f" to revision {payload.get('revision')}{cause}"
    if action == "port-leased":
        return f": {payload.get('port')} for {payload.get('service')}"
    if action == "updated":
        return f": {', '.join(_FIELDS.get(name, str(name)) for name in payload.get('changed', ()))}"
    return ""
