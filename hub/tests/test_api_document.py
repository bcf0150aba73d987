"""The document of the API says of every operation what it does, takes, answers and refuses, and who may use it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from ninja import Schema
from ninja.operation import ResponseObject
from pydantic import TypeAdapter

from hub.api import api as hub_api
from hub.openapi import needs_of, operations, references

FOUND = list(operations(hub_api))
NAMES = [operation.view_func.__name__ for *_, operation in FOUND]
EACH = pytest.mark.parametrize(("path", "method", "operation"), FOUND, ids=NAMES)
# A log has a cursor of its own, and figures of a range come at once, with a bound: neither is a list of things.
NO_LISTS = {"show_logs", "search_logs", "count_ended_tasks", "show_trend"}
# Files and streams have no one shape in JSON; `docs/` says theirs.
FILES = {"download_logs", "export_events", "export_report", "read_export", "stream_events", "stream_tasks"}
# What somebody else made up: the parameters and the result of a job, the payload of an event.
FREE = {"TaskItem.params", "TaskItem.result", "TaskOut.params", "TaskOut.result", "CeleryStatus.result",
        "ScheduleOut.params", "EventOut.payload"}
SAY_SO = "Say it in REFERENCE in <app>/api_reference.py (see events/api_reference.py)."


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return hub_api.get_openapi_schema()


@pytest.fixture
def said(document: dict[str, Any], path: str, method: str) -> dict[str, Any]:
    """What the document says of the operation."""
    return document["paths"][path][method.lower()]


@pytest.mark.django_db
def test_it_is_public_and_made_without_a_warning(client, document, capsys):
    response = client.get("/api/openapi.json")
    assert response.status_code == 200 and response.json()["openapi"].startswith("3.")
    assert capsys.readouterr() == ("", "")
    assert len(NAMES) == len(set(NAMES)) == sum(len(methods) for methods in document["paths"].values())
    for reference in _references(json.loads(json.dumps(document))):
        kind, name = reference.removeprefix("#/components/").split("/")
        assert name in document["components"][kind]


def test_no_two_shapes_share_a_name(document):
    """The document knows shapes by the names of their classes: of two it would show one, and be wrong of the other."""
    names = Counter(one.__name__ for one in _kinds(Schema) if not one.__module__.startswith("ninja."))
    assert [name for name in document["components"]["schemas"] if names[name] > 1] == []


def _kinds(kind: type) -> set[type]:
    return {kind}.union(*map(_kinds, kind.__subclasses__()))


def test_nothing_is_said_of_what_there_is_not():
    assert set(references()) <= set(NAMES)


@EACH
def test_an_operation_is_described_with_its_scope(path, method, operation, said):
    scope, needs = needs_of(operation)
    described, told = said["description"].rsplit("\n\n", 1)
    assert said["summary"] and said["tags"] and len(described) > 10
    assert (said["x-scope"], told) == (scope, needs)
    if scope == "any":
        assert said["security"] == [{"KeyAuth": []}]
    else:
        assert said["security"] == [{"KeyAuth": []}, {"SessionAuth": []}] and f"`{scope}`" in told


@EACH
def test_an_operation_says_its_refusals(document, path, method, operation, said):
    statuses = {int(status) for status in said["responses"]}
    assert {400, 401, 403, 429} <= statuses
    assert 404 in statuses or "{" not in path
    assert {413, 422} <= statuses or "requestBody" not in said
    assert len([status for status in statuses if status < 300]) == 1 and max(statuses) <= 503
    for status, answer in said["responses"].items():
        if int(status) >= 400:
            shared = answer.get("$ref", "").rpartition("/")[2]
            told = document["components"]["responses"][shared] if shared else answer
            content = told["content"]["application/json"]
            assert told["description"] and content["schema"]["$ref"].endswith("/ErrorOut")
            assert content["example"]["error"]["code"]


@EACH
def test_an_operation_has_examples_that_are_true(path, method, operation, said):
    assert said["x-codeSamples"][0]["source"].startswith(f'curl -X {method} "$HUB_URL/api/')
    if "requestBody" in said and said["requestBody"].get("required"):
        assert said["requestBody"]["content"]["application/json"].get("example"), SAY_SO
    entry = references().get(said["operationId"])
    assert entry is not None, f"There is no example of {said['operationId']}. {SAY_SO}"
    names = {one["name"] for one in said["parameters"] if one["in"] == "query"}
    assert set(entry.query) <= names
    for body in (model for model in operation.models if model.__ninja_param_source__ == "body"):
        TypeAdapter(next(iter(body.model_fields.values())).annotation).validate_python(entry.request)
    status, model = next(iter(operation.response_models.items()))
    if hasattr(model, "model_fields"):
        assert entry.answer is not None, f"There is no example of what {said['operationId']} answers. {SAY_SO}"
        shaped = model.model_validate(ResponseObject(entry.answer), context={"response_status": status})
        made = shaped.model_dump(mode="json")["response"]
        assert set(made) == set(entry.answer), "an example shows every field, and no other"


@EACH
def test_an_operation_says_the_shape_of_its_answer(document, path, method, operation, said):
    """Down to each value: what is merely "an object" or "a list" may break without anybody noticing."""
    status = next(status for status in said["responses"] if int(status) < 300)
    content = said["responses"][status].get("content", {})
    if said["operationId"] in FILES:
        return
    assert (status == 204) is (not content), "204, or an answer with a schema"
    for one in content.values():
        loose = set(_loose(document["components"]["schemas"], one["schema"]))
        assert loose <= FREE, f"Give {sorted(loose - FREE)} a type of its own."


@EACH
def test_lists_come_in_parts(path, method, operation, said):
    model = next(iter(operation.response_models.values()))
    fields = getattr(model.model_fields["response"].annotation, "model_fields", {}) if hasattr(
        model, "model_fields") else {}
    if "items" not in fields or said["operationId"] in NO_LISTS or method != "GET":
        return
    assert "next_cursor" in fields
    parameters = {one["name"]: one["schema"] for one in said["parameters"]}
    assert {"limit", "cursor"} <= set(parameters)
    limit = parameters["limit"]
    assert (limit["minimum"], limit["maximum"], limit["default"]) == (1, 200, 50)


@EACH
def test_what_starts_something_takes_an_idempotency_key(path, method, operation, said):
    starts = method == "POST" and next(iter(operation.response_models)) in (201, 202)
    headers = {one["name"] for one in said["parameters"] if one["in"] == "header"}
    assert ("Idempotency-Key" in headers) is starts


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for inner in value.values():
            yield from _references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _references(inner)


def _loose(schemas: dict[str, Any], schema: dict[str, Any], name: str = "the answer", seen: frozenset[str] = frozenset()
           ) -> Iterator[str]:
    """Where a schema allows anything: the names of these fields."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        if name not in seen:
            yield from _loose(schemas, schemas[name], name, seen | {name})
    elif choices := [one for kind in ("anyOf", "allOf", "oneOf") for one in schema.get(kind, [])]:
        for one in choices:
            yield from _loose(schemas, one, name, seen)
    elif "properties" in schema:
        for field, one in schema["properties"].items():
            yield from _loose(schemas, one, f"{name}.{field}", seen)
    elif inner := schema.get("items") or schema.get("prefixItems") or schema.get("additionalProperties"):
        for one in inner if isinstance(inner, list) else [inner] if isinstance(inner, dict) else []:
            yield from _loose(schemas, one, name, seen)
        if inner is True:
            yield name
    elif schema.get("type") in (None, "object", "array") and not {"enum", "const"} & set(schema):
        yield name
