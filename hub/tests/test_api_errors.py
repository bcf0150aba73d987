"""Everything that goes wrong under /api/ has one shape."""

import logging
import re
from typing import get_args

import pytest
from django.conf import settings
from pydantic_core.core_schema import ErrorType

from accounts.tests.api_client import error_of
from hub.api_words import told
from projects import observation
from projects.models import Project

pytestmark = pytest.mark.django_db

CONTEXT = dict.fromkeys(("max_length", "min_length", "ge", "gt", "le", "lt", "expected"), 3)
DEEP = "[" * 100_000 + "]" * 100_000


@pytest.mark.parametrize("path", ["/api/nothing", "/api/", "/api/projects/1/nothing", "/api/projects/1/copy/", "/api//",
                                  "/api/%00", "/api/%ff", "/api/<b>", "/api/../etc"])
@pytest.mark.parametrize("method", ["get", "post", "put", "delete", "options"])
def test_an_unknown_address_is_404(api, method, path):
    assert error_of(getattr(api("admin"), method)(path), 404)["hint"] == "The addresses are listed at /api/docs."


@pytest.mark.parametrize(("method", "path", "allowed"), [
    ("put", "/api/projects", {"GET", "POST"}),
    ("post", "/api/projects/1", {"GET", "PATCH", "DELETE"}),
    ("get", "/api/orchestration/1/start", {"POST"}),
    ("delete", "/api/orchestration/1/status", {"GET"}),
    ("put", "/api/tasks/1", {"GET", "DELETE", "PATCH"}),
    ("post", "/api/openapi.json", {"GET", "HEAD"}),
    ("delete", "/api/docs", {"GET", "HEAD"}),
])
def test_a_wrong_method_is_405_and_says_which_are_right(api, method, path, allowed):
    response = getattr(api("admin"), method)(path)
    error_of(response, 405)
    assert {name.strip() for name in response["Allow"].split(",")} == allowed


@pytest.mark.parametrize(("body", "words"), [
    (b"{", "Line 1, column 2"),
    (b"{'name': 1}", "Line 1, column 2"),
    (b'{"name": "a"\n"path": 1}', "Line 2, column 1"),
    (b'{"name": NaN}', "NaN"),
    (b'{"name": 1e999}', "too large"),
    (b'{"name": ' + b"9" * 5000 + b"}", "digit"),
    (b'{"name": "\xff"}', "UTF-8"),
    (b'{"name": "a\\u0000b"}', "zero byte"),
    (b'{"name": "\\ud83d"}', "half a character"),
    (b'{"\\udc00": 1}', "half a character"),
    (DEEP.encode(), "deep"),
])
def test_a_body_that_is_not_json_is_400_and_says_where(api, body, words):
    response = api("operator").post("/api/projects", body)
    error = error_of(response, 400)
    assert error["message"].startswith("The body was not understood. ")
    assert words in error["message"]


def test_a_form_in_place_of_json_is_400(api):
    client = api("operator")
    error_of(client.post("/api/projects", {"name": "x"}, content_type="multipart/form-data; boundary=x"), 400)
    error_of(client.post("/api/projects", "name=x&path=y", content_type="application/x-www-form-urlencoded"), 400)


@pytest.mark.parametrize("body", ["", "null", "[]", "7", '"x"', "{}"])
def test_a_body_that_is_no_object_or_is_empty_is_422(api, body):
    error_of(api("operator").post("/api/projects", body), 422)


PYDANTIC = re.compile("Input|Field required|Extra inputs|valid (integer|string|UUID)|should (be|have)|Value error")
LATER = {"job": "demo.sleep", "params": {"seconds": 1}}


@pytest.mark.parametrize(("method", "path", "body", "message", "hint"), [
    ("post", "tasks", {}, "job is missing.", "/api/docs"),
    ("post", "tasks", [], "The body must be an object.", "curly"),
    ("post", "tasks", {"job": 5}, "job must be a text.", "quotes"),
    ("post", "tasks", LATER | {"priority": "9"}, "priority must be a whole number.", "without quotes"),
    ("post", "tasks", LATER | {"priority": 0}, "priority must be at least 1.", "larger"),
    ("post", "tasks", LATER | {"priority": 11}, "priority may be at most 10.", "smaller"),
    ("post", "tasks", LATER | {"speed": 1}, "speed is not a field here.", "/api/docs"),
    ("post", "tasks", LATER | {"params": []}, "params must be an object.", "curly"),
    ("post", "tasks", LATER | {"depends_on": ["x"]}, "depends_on.0 must be a UUID.", "1b4e28ba"),
    ("post", "tasks", LATER | {"unless_succeeded": "no"}, "unless_succeeded must be one of these: skip, fail, run.",
     "one of them"),
    ("post", "tasks", LATER | {"run_at": "2100-01-01T00:00:00"}, "run_at must say its offset from UTC.", "Z"),
    ("post", "tasks", LATER | {"run_at": "2100-01-99T00:00:00Z"}, "run_at must be a time.", "Z"),
    ("post", "tasks", LATER | {"run_at": 5}, "run_at: it must be a time as text, such as 2026-11-22T15:00:00Z.",
     "/api/docs"),
    ("patch", "lanes/reports", {"rate": 1, "period": "60"}, "period must be a number.", "without quotes"),
    ("patch", "lanes/reports", {"paused": "yes"}, "paused must be true or false.", "without quotes"),
    ("patch", "crews/main", {"fixed": 1.5}, "fixed must be a whole number.", "without quotes"),
    ("get", "tasks?limit=x", None, "limit must be a whole number.", "number"),
    ("get", "tasks?limit=201", None, "limit may be at most 200.", "smaller"),
    ("get", "tasks?order=up", None, "order must be one of these: asc, desc.", "one of them"),
    ("get", "tasks?lane=fast", None, "lane must be one of these: stacks, default, metrics, reports.", "one of them"),
    ("get", f"tasks?cursor={'x' * 600}", None, "cursor may have at most 500 characters.", "Shorten"),
])
def test_what_is_wrong_with_a_field_is_said_in_hubs_words(api, method, path, body, message, hint):
    send = getattr(api("operator"), method)
    answer = send(f"/api/{path}") if body is None else send(f"/api/{path}", body, content_type="application/json")
    error = error_of(answer, 422)
    assert error["message"] == message and hint in error["hint"] and not PYDANTIC.search(str(error))
    assert error.get("field", "The body") == re.split(r"[ :]", message)[0] or "field" not in error


def test_no_kind_of_mistake_is_said_in_another_libraries_words():
    for kind in get_args(ErrorType):
        message, hint = told({"type": kind, "msg": "Input should be another.", "ctx": CONTEXT}, "age")
        assert message.startswith("age") and message.endswith(".") and hint and "{" not in message
        assert kind == "value_error" or not PYDANTIC.search(message), kind


def test_a_body_over_the_limit_is_413(api):
    body = b'{"name": "' + b"x" * settings.DATA_UPLOAD_MAX_MEMORY_SIZE + b'"}'
    assert error_of(api("operator").post("/api/projects", body), 413)["code"] == "too_large"


def test_a_host_that_hub_does_not_serve_is_400(api):
    error_of(api("viewer").get("/api/projects", headers={"Host": "elsewhere.example"}), 400)


def test_a_zero_byte_in_the_address_is_400(api):
    error_of(api("viewer").get("/api/tasks?job=%00"), 400)


def test_an_unexpected_failure_is_500_without_its_traceback_and_is_logged(api, projects_folder, caplog, monkeypatch):
    Project.objects.create(name="Shop", slug="shop", path=str(projects_folder), created_by="test")

    def broken(*args):
        raise RuntimeError("the secret inside")

    monkeypatch.setattr(observation, "shown_status", broken)
    with caplog.at_level(logging.ERROR, "hub.api"):
        response = api("viewer").get("/api/projects")
    error = error_of(response, 500)
    assert error["code"] == "internal"
    assert b"secret" not in response.content and b"Traceback" not in response.content
    assert "the secret inside" in caplog.text and "GET /api/projects failed" in caplog.text


def test_pages_keep_their_own_errors(client):
    assert client.get("/sign-in/nothing-like-this/x").headers["Content-Type"].startswith("text/html")


def test_the_docs_page_is_public_and_takes_nothing_from_outside(api):
    response = api().get("/api/docs")
    assert response.status_code == 200
    page = response.content.decode()
    assert "swagger-ui-bundle" in page and "://" not in page.replace("http://www.w3.org", "")
    policy = response["Content-Security-Policy"]
    assert "script-src 'self';" in policy and "http" not in policy


def test_times_have_six_decimals_and_one_zone(api, projects_folder):
    Project.objects.create(name="Shop", slug="shop", path=str(projects_folder), created_by="test",
                           created_at="2026-11-22T16:00:00+01:00")
    item = api("viewer").get("/api/projects").json()["items"][0]
    assert item["created_at"] == "2026-11-22T15:00:00.000000Z"
