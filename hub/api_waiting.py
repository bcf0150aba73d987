"""`Prefer: wait=N`: an answer that comes when a task has ended, or after N seconds. Nobody holds a thread meanwhile:
the event loop keeps the answer open, and one look for all who wait sees which tasks have ended."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable
from functools import wraps
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ObjectDoesNotExist
from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from ninja import Status
from ninja.operation import Operation

from analytics.builder.api_exports import ExportOut
from analytics.builder.export_shapes import shape_by_task
from hub.api_json import HubEncoder
from tasks.api_schedules import RunOut
from tasks.api_shapes import Accepted, CeleryStatus, TaskOut
from tasks.models import Task
from tasks.shapes import accepted_dict, celery_status, task_detail
from tasks.states import ENDED
from tasks.waiting import lookout, waiting_now

WAIT = re.compile(r'(?:^|[,;\s])wait\s*=\s*"?([0-9]{1,9})"?\s*(?:$|[,;])')
LONGEST = 60
# What an operation answers about a task, by the schema that it answers with.
SAID: dict[type, Callable[[Task], dict[str, Any]]] = {
    Accepted: accepted_dict, RunOut: accepted_dict, TaskOut: task_detail, CeleryStatus: celery_status,
    ExportOut: shape_by_task,
}


def about_a_task(operation: Operation) -> Callable[[Task], dict[str, Any]] | None:
    """How an operation tells of the task that it is about; None for one that is about none."""
    if "PATCH" in operation.methods:  # it changes one that waits, and is to go on waiting
        return None
    models = [model for model in operation.response_models.values() if hasattr(model, "model_fields")]
    return SAID.get(models[0].model_fields["response"].annotation) if models else None


def patient(operation: Operation, said: Callable[[Task], dict[str, Any]]) -> Callable[..., Any]:
    """The view of such an operation, which waits for the task's end where the client prefers that. The status is known
    before, so it is the same as without waiting; what is said is how the task is at the end of the wait."""
    view = operation.view_func

    @wraps(view)
    def asked(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        answer, seconds = view(request, *args, **kwargs), _seconds(request)
        key = _key(answer, kwargs) if seconds else None
        if key is None or waiting_now() >= settings.HUB_MAX_STREAMS:
            return answer
        request.waited = seconds
        task = Task.objects.filter(pk=key).exclude(state__in=sorted(ENDED)).first()
        if task is None:
            return answer
        status = answer.status_code if isinstance(answer, Status | HttpResponseBase) else 200
        before = json.dumps(said(task), cls=HubEncoder)
        return StreamingHttpResponse(_ended(key, seconds, said, before), status=status, headers={
            "Preference-Applied": f"wait={seconds}", "Cache-Control": "no-store", "X-Accel-Buffering": "no",
        }, content_type="application/json; charset=utf-8")

    return asked


def _seconds(request: HttpRequest) -> int:
    found = WAIT.search(request.headers.get("Prefer", "").lower())
    return min(int(found[1]), LONGEST) if found else 0


def _key(answer: Any, named: dict[str, Any]) -> UUID | None:
    if "task_id" in named:
        return named["task_id"]
    value = answer.value if isinstance(answer, Status) else answer  # a dict: see SAID
    text = value.get("task_id", value.get("id"))
    return UUID(str(text)) if text else None


async def _ended(key: UUID, seconds: float, said: Callable[[Task], dict[str, Any]], before: str) -> AsyncIterator[str]:
    here = lookout()
    await here.until_ended(key, seconds)
    yield await here.then(lambda: _told(key, said, before))


def _told(key: UUID, said: Callable[[Task], dict[str, Any]], before: str) -> str:
    try:
        return json.dumps(said(Task.objects.get(pk=key)), cls=HubEncoder)
    except ObjectDoesNotExist:  # removed as it ended: what was known of it is all there is
        return before
