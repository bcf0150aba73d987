"""No secret is in a page, an answer, a fact, a task, a log line or an error; the database holds none in the clear."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client

from accounts.actions import make_key, make_sign_in_link
from accounts.models import SignInLink
from accounts.tests.counts import start_counting_anew
from accounts.tests.people import person
from accounts.tokens import make_token
from events.models import Event
from hub.asgi import django_application
from projects.models import Project
from tasks.models import Task

pytestmark = pytest.mark.django_db
PASSWORD, VALUE, URL_PASSWORD = "planted-password-1", "planted-value-2", "planted-url-3"


def test_what_is_secret_is_told_nowhere(caplog, capsys, projects_folder, redis_server):
    caplog.set_level(logging.DEBUG)
    start_counting_anew(redis_server)
    user = person("admin", "mara", is_superuser=True)
    user.set_password(PASSWORD)
    user.save()
    key, plain = make_key("script", "admin")
    token = make_token(key)[0]
    link = make_sign_in_link(user)
    browser, script = Client(), Client(headers={"Authorization": f"Bearer {plain}"})
    browser.raise_request_exception = script.raise_request_exception = False
    # In the wrong field: only the form itself shows it again.
    browser.post("/sign-in/", {"username": PASSWORD, "password": PASSWORD})
    answers = [browser.post("/sign-in/", {"username": "mara", "password": f"{PASSWORD}x"}),
               browser.post("/sign-in/", {"username": "mara", "password": PASSWORD})]
    session = browser.cookies[settings.SESSION_COOKIE_NAME].value
    env = {"DB_PASSWORD": VALUE, "DATABASE_URL": f"postgres://shop:{URL_PASSWORD}@db/shop", "API_TOKEN": VALUE}
    sent = {"name": "Shop", "path": str(projects_folder), "env": env}
    answers += [script.post("/api/projects", body, content_type="application/json")
                for body in (sent, sent, {**sent, "wrong": VALUE}, {**sent, "env": [VALUE]}, {**sent, "path": "/etc"})]
    project = Project.objects.get()
    answers.append(script.post("/api/projects", json.dumps(sent)[:-1], content_type="application/json"))
    answers.append(script.patch(f"/api/projects/{project.pk}", {"env": {**env, "PORT": VALUE}},
                                content_type="application/json"))
    answers.append(script.post("/api/tasks", {"job": "demo.sleep", "params": {"seconds": 1, "password": VALUE}},
                               content_type="application/json"))
    Task.objects.create(job="demo.sleep", title="Sleep", state="failed", lane="default", actor="test",
                        error="It failed.", params={"token": VALUE, "env": {"COLOUR": VALUE}, "url": f"http://a:{URL_PASSWORD}@b/"})
    task, base = Task.objects.get(error="It failed."), f"/projects/{project.pk}/"
    answers += [Client(headers={"Authorization": f"Bearer {wrong}"}).get("/api/projects")
                for wrong in (f"{plain}x", token[:-2])]
    answers += [browser.post("/account/password/", {"old": PASSWORD, "new": "x"}), Client().get(link)]
    answers += [browser.get(page) for page in (
        "/", base, f"{base}environment/", f"{base}settings/", f"{base}revisions/", "/tasks/", f"/tasks/{task.pk}/",
        "/tasks/?q=planted", "/events/", "/events/export/", "/events/export/?format=json", "/keys/", "/people/",
        f"/people/{user.pk}/", "/account/", "/admin/accounts/apikey/", "/admin/auth/user/",
        f"/admin/auth/user/{user.pk}/change/",
        f"/admin/accounts/apikey/{key.pk}/change/", f"/admin/projects/project/{project.pk}/change/",
        f"/admin/tasks/task/{task.pk}/change/", "/admin/sessions/", "/nothing/")]
    answers += [script.get(f"/api/{path}") for path in (
        "projects", f"projects/{project.pk}", f"orchestration/{project.pk}/status", "tasks", f"tasks/{task.pk}",
        "events")]
    said = {f"answer {number}": f"{answer.headers} {_text(answer)}" for number, answer in enumerate(answers)}
    said["log"] = caplog.text + "".join(capsys.readouterr())
    said["facts"] = str(list(Event.objects.values_list()))
    said["tasks"] = str(list(Task.objects.filter(error="").values_list()))
    assert len(said["log"]) > 200 and "key-created" in said["facts"]
    secrets = {"the password": PASSWORD, "a value": VALUE, "a password in an address": URL_PASSWORD, "a key": plain,
               "its secret": plain.split("_", 2)[2], "its hash": key.secret_hash, "a token": token,
               "a link": link.rstrip("/").rpartition("/")[2], "Hub's key": settings.SECRET_KEY,
               "the key of environments": settings.ENCRYPTION_KEY}
    told = [f"{what} in {where}" for what, secret in secrets.items() for where, text in said.items() if secret in text]
    assert not told
    assert not [where for where, text in said.items() if session in text and "Set-Cookie" not in text]
    rows = _database()
    kept = ("the password", "a key", "its secret", "a token", "a link", "Hub's key", "the key of environments")
    assert not [what for what in kept if secrets[what] in rows]
    assert session not in rows and SignInLink.objects.count() == 1


def _text(answer: Any) -> str:
    return "" if getattr(answer, "is_async", False) else answer.getvalue().decode()


def _database() -> str:
    """Every value of every table."""
    with connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
        text = []
        for table in tables:
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            text.append(str(cursor.fetchall()))
    return "".join(text)


def test_a_body_that_announces_no_length_is_limited_too(transactional_db):
    """As a client sends it that does not know how much it will be."""
    limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE

    async def post(parts: list[bytes]) -> tuple[int, bytes]:
        queue, sent = list(parts), []

        async def receive() -> dict[str, Any]:
            if not queue:
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": queue.pop(0), "more_body": bool(queue)}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
                 "path": "/api/projects", "raw_path": b"/api/projects", "query_string": b"", "root_path": "",
                 "headers": [(b"host", b"testserver"), (b"content-type", b"application/json")],
                 "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 2)}
        await django_application(scope, receive, send)
        return (sent[0]["status"], sent[1]["body"]) if sent else (0, b"")

    part = b"x" * (limit // 4)
    assert asyncio.run(post([part] * 2))[0] == 401
    status, body = asyncio.run(post([part] * 6))
    assert status == 413 and json.loads(body)["error"]["code"] == "too_large"
    assert asyncio.run(post([part] * 80))[0] == 0  # cut off
