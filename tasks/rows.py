"""The rows of the list of tasks as HTML.

Most rows of a list look alike but for what is written in them. So `tasks/_row.html` is rendered once for each shape
that there is, with marks for what is written; the rows of that shape are this one with other words. To render each of
fifty takes ten times as long, and took most of the time of a page.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from django.http import HttpRequest
from django.middleware.csrf import get_token
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import conditional_escape
from django.utils.safestring import SafeString, mark_safe

from events.templatetags.words import clock
from events.words import span
from tasks.presentation import TaskRow

# So much of a note is shown.
NOTE = 140
# A mark stands for a value: letters that no template holds, and that nothing escapes.
OPEN, CLOSE = "\ue000", "\ue001"
MARK = re.compile(f"{OPEN}([a-z_]+){CLOSE}")
# What is written in a row; all else about it is its shape.
WRITTEN = ("pk", "title", "note", "subject", "subject_url", "percent", "icon", "word", "state", "lane", "priority",
           "level", "since", "took", "created", "url", "act", "next", "token")  # fmt: skip


def rows_html(request: HttpRequest, rows: list[TaskRow], here: str, *, may_operate: bool) -> SafeString:
    """The rows, with the buttons that who asks may press; these lead back `here`, the query of this list."""
    shared = {"token": get_token(request) if may_operate else "", "next": f"{reverse('tasks:list')}?{here}"}
    return mark_safe("".join(_row(row, may_operate, shared) for row in rows))


def _row(row: TaskRow, may_operate: bool, shared: dict[str, str]) -> str:
    view, subject, key = row.view, row.subject, str(row.task.pk)
    act = "" if not may_operate else (
        ("" if view.cancelling else "cancel") if view.active else "retry" if row.can_retry else "")
    values = {
        "pk": key, "title": row.task.title, "note": row.note if len(row.note) <= NOTE else f"{row.note[: NOTE - 1]}…",
        "subject": subject.name if subject else "", "subject_url": subject.url if subject else "",
        "percent": view.percent, "icon": view.look.icon, "word": view.look.word, "state": view.state,
        "lane": row.task.lane, "priority": row.task.priority, "level": row.level, "since": view.since,
        "took": _span(row) if view.since else view.took, "created": clock(row.task.created_at),
        "url": _address("detail").replace(CLOSE, key), "act": act and _address(act).replace(CLOSE, key), **shared,
    }  # fmt: skip
    parts = _mold(may_operate, act, bool(subject), bool(subject and subject.url), bool(view.since),
                  view.state == "running" and view.percent is not None)
    return "".join([conditional_escape(values[part]) if place % 2 else part for place, part in enumerate(parts)])


def _span(row: TaskRow) -> str:
    took = row.task.run_time()
    return "" if took is None else span(took.total_seconds())


@lru_cache(maxsize=64)
def _mold(may_operate: bool, act: str, has_subject: bool, is_linked: bool, is_counted: bool, has_progress: bool
          ) -> tuple[str, ...]:
    """A row of that shape: text and name of a value in turn, beginning and ending with text."""
    marks: dict[str, Any] = {name: f"{OPEN}{name}{CLOSE}" for name in WRITTEN}
    shape = {"may_operate": may_operate, "button": act, "has_subject": has_subject, "is_linked": is_linked,
             "is_counted": is_counted, "has_progress": has_progress}
    return tuple(MARK.split(render_to_string("tasks/_row.html", marks | shape)))


@lru_cache(maxsize=8)
def _address(name: str) -> str:
    """That of a task's page or button, with a mark for the id."""
    nobody = "00000000-0000-0000-0000-000000000000"
    return reverse(f"tasks:{name}", args=[nobody]).replace(nobody, CLOSE)
