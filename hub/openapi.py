"""The document of the API: what ninja knows of the types, and what follows for each operation from its own code (its
scope, the headers that it takes, the refusals that it can answer), with the examples of `<app>.api_reference`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any
from urllib.parse import urlencode

from django.apps import apps
from django.utils.module_loading import module_has_submodule
from ninja import NinjaAPI, Schema
from ninja.openapi.schema import REF_TEMPLATE
from ninja.operation import Operation

from accounts.permissions import Role, Scope
from events.api_reference import Entry
from hub.api_once import HEADER as ONCE
from hub.api_once import is_once
from hub.api_waiting import about_a_task

JSON = "application/json"
REFUSALS = {
    400: "The request was not understood: it is no JSON, or a part of its address cannot be read.",
    401: "There is no key and no session, or the key is wrong, expired or revoked.",
    403: "You may not do this.",
    404: "There is nothing with that id or name, for you.",
    413: "The body is too large.",
    422: "A parameter or a field is wrong; `field` names it.",
    429: "Too many requests; `Retry-After` says when to come again.",
}
CODES = {400: "bad_request", 401: "unauthenticated", 403: "forbidden", 404: "not_found", 409: "conflict",
         413: "too_large", 422: "invalid", 429: "too_many_requests", 503: "unavailable"}
SCOPES = {Role.VIEWER: Scope.READ, Role.OPERATOR: Scope.OPERATE, Role.ADMIN: Scope.ADMIN}
IDS = {"task_id": "019a2f4e-7c00-7b3a-9d55-2f6f3a1b0c4d", "event_id": "019a2f4e-7c00-7b3a-9d55-2f6f3a1b0c4d",
       "service": "web", "worker_id": "main-1", "node": "main", "name": "reports", "port": 8010, "project_id": 7}
ONCE_HEADER = {
    "in": "header", "name": ONCE, "required": False, "schema": {"type": "string", "pattern": "^[!-~]{1,200}$"},
    "description": "Sent again with the same key and body within two days, the request is not done again, and is "
                   "answered the same.",
}
WAIT_HEADER = {
    "in": "header", "name": "Prefer", "required": False, "schema": {"type": "string"}, "example": "wait=30",
    "description": "`wait=30`: answer when the task has ended, at the latest after so many seconds (60 at most). "
                   "`Preference-Applied` says that it was waited for.",
}
KNOWN_HEADER = {
    "in": "header", "name": "If-None-Match", "required": False, "schema": {"type": "string"},
    "description": "The `ETag` of an earlier answer: 304 when nothing has changed since.",
}


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


def complete(api: NinjaAPI, document: dict[str, Any]) -> dict[str, Any]:
    """Ninja's document with all that is said beside the types."""
    shape = ErrorOut.model_json_schema(ref_template=REF_TEMPLATE)
    document["components"]["schemas"].update({**shape.pop("$defs"), "ErrorOut": shape})
    document["components"]["responses"] = {CODES[status]: _refusal(status, words)
                                           for status, words in REFUSALS.items()}
    entries = references()
    for path, method, operation in operations(api):
        said = document["paths"][path][method.lower()]
        _complete(path, method, operation, said, entries.get(said["operationId"], Entry()))
    return document


def references() -> dict[str, Entry]:
    """What the apps say of their operations, by the name of the operation."""
    found: dict[str, Entry] = {}
    for app in apps.get_app_configs():
        if module_has_submodule(app.module, "api_reference"):
            reference = import_module(f"{app.name}.api_reference")
            found.update(getattr(reference, "REFERENCE", {}))
    return found


def operations(api: NinjaAPI) -> Iterator[tuple[str, str, Operation]]:
    """Every operation as it is served: its path in the document, its method, and itself."""
    # As ninja's own document walks them; there is no public way to what is bound to an API.
    for bound in api._get_bound_routers():
        for path, view in bound.path_operations.items():
            whole = "/".join(part for part in (f"/api{bound.prefix}", path.lstrip("/")) if part)
            for operation in view.operations:
                for method in operation.methods:
                    yield whole.replace("{int:", "{"), method, operation


def needs_of(operation: Operation) -> tuple[str, str]:
    """The scope that a key needs for it, and in words who may use it."""
    need = operation.auth_callbacks[0].need
    scope = (need.scope or SCOPES[need.role]).value
    payloads = " Both also need the permission to see payloads." if need.payloads else ""
    return scope, f"A key needs the scope `{scope}`, a person the role `{need.role.value}`.{payloads}"


def _complete(path: str, method: str, operation: Operation, said: dict[str, Any], entry: Entry) -> None:
    said["x-scope"], needs = needs_of(operation)
    described = said.get("description") or f"{said['summary']}."
    said["description"] = f"{described}\n\n{needs}"
    parameters = said.setdefault("parameters", [])
    for one in parameters:
        if one["in"] == "path":
            one["example"] = IDS.get(one["name"], 1)
        elif one["name"] in entry.query:
            one["example"] = entry.query[one["name"]]
    has_input = "requestBody" in said or any(one["in"] == "query" for one in parameters)
    shared = {400, 401, 403, 429}
    if "{" in path:
        shared.add(404)
    if has_input or is_once(operation):
        shared.add(422)
    if "requestBody" in said:
        shared.add(413)
        said["requestBody"]["content"][JSON]["example"] = entry.request
    if is_once(operation):
        parameters.append(ONCE_HEADER)
    if about_a_task(operation):
        parameters.append(WAIT_HEADER)
    _answer(method, operation, said, entry)
    for status in sorted(shared | set(entry.errors)):
        own = entry.errors.get(status)
        said["responses"][status] = _refusal(status, own) if own else {
            "$ref": f"#/components/responses/{CODES[status]}"}
    said["x-codeSamples"] = [{"lang": "Shell", "label": "curl", "source": _curl(path, method, said, entry)}]


def _answer(method: str, operation: Operation, said: dict[str, Any], entry: Entry) -> None:
    status = next(iter(operation.response_models))
    answer = said["responses"].get(status)
    if answer is None:
        return
    content = answer.get("content", {}).get(JSON)
    if content is not None and entry.answer is not None:
        content["example"] = entry.answer
        if method == "GET":
            said["parameters"].append(KNOWN_HEADER)
            said["responses"][304] = {"description": "It is as the client knows it (`If-None-Match`)."}


def _refusal(status: int, words: str) -> dict[str, Any]:
    example = {"error": {"code": CODES[status], "message": words,
                         "correlation_id": "0d1c9e2e-8f3a-4b7a-9d55-2f6f3a1b0c4d"}}
    schema = {"$ref": REF_TEMPLATE.format(model="ErrorOut")}
    return {"description": words, "content": {JSON: {"schema": schema, "example": example}}}


def _curl(path: str, method: str, said: Mapping[str, Any], entry: Entry) -> str:
    for one in said["parameters"]:
        if one["in"] == "path":
            path = path.replace(f"{{{one['name']}}}", str(one["example"]))
    query = f"?{urlencode(entry.query)}" if entry.query else ""
    lines = [f'curl -X {method} "$HUB_URL{path}{query}"', '-H "Authorization: Bearer $HUB_KEY"']
    if entry.request is not None:
        body = json.dumps(entry.request).replace("'", "'\\''")
        lines += ['-H "Content-Type: application/json"', f"-d '{body}'"]
    return " \\\n  ".join(lines)
