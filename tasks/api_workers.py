"""REST: the workers that are alive."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.core.signing import BadSignature, Signer
from django.http import Http404, HttpRequest
from ninja import Field, Query, Router, Schema, Status
from ninja.errors import HttpError

from accounts.api_auth import allow
from accounts.models import Role
from events.api_lists import ListOut, ListQuery
from events.keyset import BadCursor
from tasks import workers
from tasks.queue import QueueAway, WorkerInfo

router = Router(tags=["Workers"])
AWAY = "Redis does not answer, so nobody knows of the workers. Try again when it is back."


class WorkerOut(Schema):
    id: str = Field(description="its name")
    host: str
    pid: int
    node: str = Field(description="the host, by the name that Hub has for it")
    lanes: list[str]
    version: str = Field(description="of Hub, that it runs")
    state: str = Field(description="starting, idle, busy, draining or stopping")
    task: UUID | None = Field(description="what it works on")
    heartbeat_age: float = Field(description="seconds since it was heard of")
    memory: int = Field(description="bytes, with its work horse; pages shared with others in proportion")
    succeeded: int
    failed: int
    started_at: datetime


class WorkerList(ListOut):
    items: list[WorkerOut]


@router.get("", response=WorkerList, summary="List workers")
def list_workers(request: HttpRequest, query: Query[ListQuery]):
    """Those that are alive: a dead one is gone from here, on its own host at once, on others after 20 s."""
    found = _known(workers.workers)
    signer = Signer(salt=f"cursor:workers:{query.order}")
    if query.order == "asc":
        found.reverse()
    if query.cursor:
        try:
            last = tuple(signer.unsign_object(query.cursor))
        except (BadSignature, ValueError):
            raise BadCursor("The cursor is not one that this list gave out.") from None
        found = [one for one in found if _place(one) > last] if query.order == "asc" else [
            one for one in found if _place(one) < last]
    items, more = found[: query.limit], found[query.limit:]
    return {
        "items": [workers.worker_dict(one) for one in items],
        "next_cursor": signer.sign_object(list(_place(items[-1]))) if more else None,
    }


@router.get("/{worker_id}", response=WorkerOut, summary="Show a worker")
def show_worker(request: HttpRequest, worker_id: str):
    return workers.worker_dict(_known(lambda: workers.worker(worker_id)))


@router.post("/{worker_id}/drain", response={202: WorkerOut}, auth=allow(Role.OPERATOR), summary="Drain a worker")
def drain_worker(request: HttpRequest, worker_id: str):
    """It finishes the task at hand and takes no other, until it is stopped."""
    return _ordered(worker_id, "drain")


@router.post("/{worker_id}/stop", response={202: WorkerOut}, auth=allow(Role.OPERATOR), summary="Stop a worker")
def stop_worker(request: HttpRequest, worker_id: str):
    """It finishes the task at hand and ends. Under `up` or systemd another one takes its place."""
    return _ordered(worker_id, "stop")


@router.post("/{worker_id}/kill", response={202: WorkerOut}, auth=allow(Role.OPERATOR), summary="Kill a worker")
def kill_worker(request: HttpRequest, worker_id: str):
    """It ends at once; its task is settled as one whose process died, or runs again where its job allows that."""
    return _ordered(worker_id, "kill")


def _ordered(worker_id: str, order: str) -> Status:
    try:
        return Status(202, workers.worker_dict(_known(lambda: workers.order(worker_id, order))))
    except workers.Unheard as error:
        raise HttpError(409, str(error)) from None


def _known(look):
    try:
        return look()
    except QueueAway:
        raise HttpError(503, AWAY) from None
    except workers.NoSuchWorker as error:
        raise Http404(str(error)) from None


def _place(worker: WorkerInfo) -> tuple[str, str]:
    return worker.started_at.isoformat(), worker.name
