"""`/metrics`: for a key or a session with the role viewer, and for the networks in HUB_METRICS_NETWORKS."""

from __future__ import annotations

import ipaddress

from django.conf import settings
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from accounts.actions import find_key
from accounts.grants import reach_of
from accounts.models import Role
from events.streams import EventStream
from hub.cache import lookups
from hub.metrics import events, requests, tasks
from hub.metrics.exposition import Family, rendered
from projects.models import Project
from projects.states import ProjectState

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_ended = tasks.EndedTasks()


@never_cache
@csrf_exempt  # so that another method is told that it is wrong
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """All metrics of this Hub as text."""
    if not _may_read(request):
        return HttpResponse("This needs a key: Authorization: Bearer hub_...\n", status=401, content_type=CONTENT_TYPE,
                            headers={"WWW-Authenticate": "Bearer"})
    families = [_about(), *_ended.families(), *tasks.standing(), _projects(), *requests.families(), _cache(),
                _streams(), *events.families()]
    return HttpResponse(rendered(families), content_type=CONTENT_TYPE)


def _may_read(request: HttpRequest) -> bool:
    scheme, _, token = request.headers.get("Authorization", "").strip().partition(" ")
    if scheme:
        key = find_key(token.strip()) if scheme.lower() == "bearer" else None
        return key is not None and reach_of(key).may(Role.VIEWER)
    if reach_of(request.user).may(Role.VIEWER):
        return True
    try:
        address = ipaddress.ip_address(request.META.get("REMOTE_ADDR") or "")
    except ValueError:  # a unix socket has none
        return False
    return any(address in network for network in settings.HUB_METRICS_NETWORKS)


def _about() -> Family:
    family = Family("hub_info", "gauge", "1, with the version and the name of this Hub.")
    family.add(1, version=settings.VERSION, hub=settings.HUB_ID)
    return family


def _projects() -> Family:
    family = Family("hub_projects", "gauge", "Projects, by the state that was observed last.")
    found = dict(Project.objects.order_by().values_list("state").annotate(number=Count("pk")))
    for state in ProjectState:
        family.add(found.get(state.value, 0), state=state.value)
    return family


def _cache() -> Family:
    family = Family("hub_cache_lookups_total", "counter", "Look-ups in the cache, by how they ended.")
    for result, number in lookups().items():
        family.add(number, result=result)
    return family


def _streams() -> Family:
    family = Family("hub_streams_open", "gauge", "Streams that are open in this process.")
    family.add(EventStream.open_now())
    return family
