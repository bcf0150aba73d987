"""The REST interface: every app's routers under one roof, at /api/."""

from __future__ import annotations

import copy
from typing import Any

from django.conf import settings
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe
from ninja import NinjaAPI, Schema, Swagger
from ninja.openapi.schema import REF_TEMPLATE

from accounts.api_auth import allow
from accounts.models import Role
from alerts.api import router as alerts_router
from analytics.builder.api import router as builder_router
from hub import api_events
from hub.api_errors import add_error_handlers
from hub.api_json import HubRenderer, StrictParser
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


class ErrorDetail(Schema):
    code: str
    message: str
    field: str | None = None
    hint: str | None = None
    position: int | None = None
    expected: str | None = None
    correlation_id: str


class ErrorOut(Schema):
    """What every answer from 400 on holds."""

    error: ErrorDetail


class HubAPI(NinjaAPI):
    """Ninja's API, with the shape of errors in its document."""

    def get_openapi_schema(self, **kwargs: Any) -> dict[str, Any]:
        document = super().get_openapi_schema(**kwargs)
        shape = ErrorOut.model_json_schema(ref_template=REF_TEMPLATE)
        document["components"]["schemas"].update({**shape.pop("$defs"), "ErrorOut": shape})
        answer = {"description": "What went wrong",
                  "content": {"application/json": {"schema": {"$ref": REF_TEMPLATE.format(model="ErrorOut")}}}}
        for operations in document["paths"].values():
            for operation in operations.values():
                operation["responses"]["default"] = copy.deepcopy(answer)
        return document

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
# Before the registry, which takes any other word in this place for the id of a project.
api.add_router("/projects", adoption.router)
api.add_router("/projects", previews.router)
api.add_router("/projects", registry.router, auth=BY_PROJECT)
api.add_router("/projects", variables.router, auth=BY_PROJECT)
api.add_router("/projects", leases.router, auth=BY_PROJECT)
api.add_router("/projects", logs.router, auth=BY_PROJECT)
api.add_router("/orchestration", orchestration.router, auth=BY_PROJECT)
api.add_router("/filesystem", filesystem.router)
api.add_router("/tasks/bulk", bulk_router)
api.add_router("/tasks", retrospectives_router)
api.add_router("/reports", reports_router)
api.add_router("/sprints", sprints_router)
api.add_router("/experiments", experiments_router)
api.add_router("/tasks/views", saved_router)
api.add_router("/tasks/drift", drift_router)
api.add_router("/tasks", looks_router, auth=BY_PROJECT)
api.add_router("/tasks", tasks_router, auth=BY_PROJECT)
api.add_router("/schedules", schedules_router)
api.add_router("/lanes", lanes_router)
api.add_router("/subject-caps", caps_router)
api.add_router("/nodes", nodes_router)
api.add_router("/workers", workers_router)
api.add_router("/crews", crews_router)
api.add_router("/alerts", alerts_router)
api.add_router("/analytics", builder_router)
api.add_router("/events", api_events.router, auth=BY_PROJECT)
