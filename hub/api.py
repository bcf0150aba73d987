"""The REST interface: every app's routers under one roof, at /api/."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe
from ninja import NinjaAPI, Router, Swagger

from accounts.api_auth import allow
from accounts.api_token import router as token_router
from accounts.models import Role
from alerts.api import router as alerts_router
from analytics.api import router as analytics_router
from analytics.builder.api import router as builder_router
from analytics.builder.api_exports import router as exports_router
from hub import api_events
from hub.api_errors import add_error_handlers
from hub.api_json import HubRenderer, StrictParser
from hub.api_once import REPLAYED, is_once, once
from hub.api_polls import conditional
from hub.api_waiting import about_a_task, patient
from hub.openapi import complete
from projects.api import adoption, filesystem, leases, logs, orchestration, previews, registry, variables
from retrospectives.api import reports_router
from retrospectives.api import tasks_router as retrospectives_router
from retrospectives.api_sprints import experiments_router, sprints_router
from tasks.api import router as tasks_router
from tasks.api_bulk import router as bulk_router
from tasks.api_caps import router as caps_router
from tasks.api_crews import router as crews_router
from tasks.api_drift import router as drift_router
from tasks.api_lanes import router as lanes_router
from tasks.api_looks import router as looks_router
from tasks.api_nodes import router as nodes_router
from tasks.api_saved import router as saved_router
from tasks.api_schedules import router as schedules_router
from tasks.api_workers import router as workers_router
from webhooks.api import router as webhooks_router


class HubAPI(NinjaAPI):
    """Ninja's API, with what is the same for all operations: what starts something does it once for an
    `Idempotency-Key`, what is about a task waits for its end on `Prefer: wait`, what is read has an `ETag`."""

    _document: dict[str, Any] | None = None

    def add_router(self, prefix: str, router: Router, **options: Any) -> None:
        for view in router.path_operations.values():
            for operation in view.operations:
                if is_once(operation):
                    operation.view_func = once(operation)
                if said := about_a_task(operation):
                    operation.view_func = patient(operation, said)
        super().add_router(prefix, router, **options)

    def create_response(self, request: HttpRequest, data: Any, **options: Any) -> HttpResponse:
        response = super().create_response(request, data, **options)
        if waited := getattr(request, "waited", None):
            response["Preference-Applied"] = f"wait={waited}"
        if getattr(request, "replayed", False):
            response[REPLAYED] = "true"
        return conditional(request, response)

    def get_openapi_schema(self, **kwargs: Any) -> dict[str, Any]:
        """The document, made once: it is as long as the interface is wide, and everybody may ask for it."""
        if self._document is None:
            self._document = complete(self, super().get_openapi_schema(**kwargs))
        return self._document

    def get_openapi_operation_id(self, operation: Any) -> str:
        return operation.view_func.__name__


def _read_only(view):
    # Exempt, so that a wrong method is answered 405 and not 403 for want of a token.
    return csrf_exempt(require_safe(view))


api = HubAPI(
    title="Hub",
    version=settings.VERSION,
    description="Projects, their stacks and the background tasks of this Hub. "
                "Send `Authorization: Bearer hub_...`, or use the session of the pages.",
    urls_namespace="api",
    auth=allow(Role.VIEWER),
    docs=Swagger(settings={"validatorUrl": None}),  # nothing from outside, also no validator
    docs_decorator=_read_only,
    renderer=HubRenderer(),
    parser=StrictParser(),
)
add_error_handlers(api)
# What these answer keeps to the projects that the asker may see.
BY_PROJECT = allow(Role.VIEWER, by_project=True)
PAYLOADS = allow(Role.VIEWER, by_project=True, payloads=True)
# Before the registry, which takes any other word in this place for the id of a project.
api.add_router("/projects", adoption.router)
api.add_router("/projects", previews.router)
api.add_router("/projects", registry.router, auth=BY_PROJECT)
api.add_router("/projects", variables.router, auth=PAYLOADS)
api.add_router("/projects", leases.router, auth=BY_PROJECT)
api.add_router("/projects", logs.router, auth=PAYLOADS)
api.add_router("/orchestration", orchestration.router, auth=BY_PROJECT)
api.add_router("/filesystem", filesystem.router)
api.add_router("/tasks/bulk", bulk_router)
api.add_router("/tasks", retrospectives_router)
api.add_router("/reports", reports_router)
api.add_router("/sprints", sprints_router)
api.add_router("/experiments", experiments_router)
api.add_router("/tasks/views", saved_router, auth=BY_PROJECT)
api.add_router("/tasks/drift", drift_router)
api.add_router("/tasks", looks_router, auth=BY_PROJECT)
api.add_router("/tasks", tasks_router, auth=BY_PROJECT)
api.add_router("/schedules", schedules_router)
api.add_router("/lanes", lanes_router)
api.add_router("/subject-caps", caps_router)
api.add_router("/nodes", nodes_router)
api.add_router("/workers", workers_router)
api.add_router("/crews", crews_router)
api.add_router("/analytics", analytics_router)
api.add_router("/alerts", alerts_router)
api.add_router("/analytics", builder_router)
api.add_router("/analytics/exports", exports_router)
api.add_router("/events", api_events.router, auth=BY_PROJECT)
api.add_router("/webhooks", webhooks_router)
api.add_router("/token", token_router)
