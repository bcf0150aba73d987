"""What an attacker tries: other paths, hosts and sites, other people's things, scripts in texts, and guessing."""

from __future__ import annotations

import ipaddress
import logging
import socket
import uuid

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client

from accounts.actions import make_key
from accounts.models import Session
from accounts.tests.api_client import ApiClient
from accounts.tests.counts import start_counting_anew
from accounts.tests.people import PASSWORD, person
from events.actions import record
from events.context import acting
from hub.tests.access.addresses import every, written
from projects.models import Project
from tasks.models import LogLine, Task
from tasks.saved.models import SavedView
from tasks.schedules.models import Schedule

pytestmark = pytest.mark.django_db
SCRIPT = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"


@pytest.fixture
def quiet():
    """Hundreds of refusals are what is wanted here."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def admin_client(**options) -> Client:
    client = Client(**options)
    client.force_login(person("admin", "mara"))
    return client


# --- Other sites ------------------------------------------------------------------------------------------------------


def test_no_form_and_no_operation_is_taken_from_another_site(quiet):
    """Every address, by every method that changes something: a session alone is not enough."""
    client = admin_client(enforce_csrf_checks=True)
    values = {"<uuid:pk>": uuid.uuid4(), "<uuid:task_id>": uuid.uuid4(), "<uuid:event_id>": uuid.uuid4()}
    taken = []
    for address in sorted(every()):
        if address.startswith("rq/") or address in ("api/docs", "api/openapi.json"):
            continue
        path = written(address, values)
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            status = client.generic(method, path, b"{}", content_type="application/json").status_code
            # (401: what is for keys alone.)
            if status not in (401, 403, 404, 405):
                taken.append(f"{method} {path}: {status}")
    assert not [one for one in taken if "/health" not in one], taken
    assert Session.objects.count() == 1 and User.objects.get().is_active


def test_other_sites_may_not_read_unless_they_are_named(settings):
    key = {"Authorization": f"Bearer {make_key('script', 'viewer')[1]}"}
    asked = {"Origin": "https://app.example.org", "Access-Control-Request-Method": "GET"}
    for method in ("get", "options"):
        answer = getattr(Client(), method)("/api/projects", headers=key | asked)
        assert not [name for name in answer.headers if name.startswith("Access-Control")]
    settings.HUB_CORS_ORIGINS = ["https://app.example.org"]
    before = Client().options("/api/projects", headers=asked)
    assert before.status_code == 204 and "Authorization" in before["Access-Control-Allow-Headers"]
    answer = Client().get("/api/projects", headers=key | asked)
    assert answer["Access-Control-Allow-Origin"] == "https://app.example.org" and "Origin" in answer["Vary"]
    assert "Access-Control-Allow-Credentials" not in answer
    assert "RateLimit-Limit" in answer["Access-Control-Expose-Headers"]
    for origin in ("https://evil.example", "null", "https://app.example.org.evil.example"):
        assert "Access-Control-Allow-Origin" not in Client().get("/api/projects", headers=key | {"Origin": origin})
    assert "Access-Control-Allow-Origin" not in Client().get("/sign-in/", headers=asked)


# --- Scripts in texts -------------------------------------------------------------------------------------------------


def planted(folder) -> list[str]:
    """The same script in every text that can be written; the pages that show them."""
    user = person("viewer", "eve")
    User.objects.filter(pk=user.pk).update(username=SCRIPT[:150], email=SCRIPT, first_name=SCRIPT, last_name=SCRIPT)
    client = Client(headers={"User-Agent": SCRIPT})
    client.force_login(User.objects.get(pk=user.pk))
    make_key(SCRIPT, "viewer", created_by=SCRIPT)
    project = Project.objects.create(name=SCRIPT, slug="planted", path=str(folder / SCRIPT.replace("/", "")),
                                     reason=SCRIPT, state="failed", created_by=SCRIPT)
    project.services.create(name=SCRIPT, command=SCRIPT, state="failed", reason=SCRIPT, last_lines=[SCRIPT])
    schedule = Schedule.objects.create(name=SCRIPT, job="demo.sleep", params={SCRIPT: SCRIPT}, cron="0 0 * * *",
                                       created_by=SCRIPT)
    task = Task.objects.create(
        job="demo.sleep", title=SCRIPT, subject=project.subject, state="failed", lane="default", actor=SCRIPT,
        params={SCRIPT: SCRIPT}, result={SCRIPT: SCRIPT}, error=SCRIPT, detail=SCRIPT, reason=SCRIPT, step=SCRIPT,
        steps=[{"key": SCRIPT, "label": SCRIPT, "detail": SCRIPT}], schedule=schedule,
    )  # fmt: skip
    LogLine.objects.create(task=task, text=SCRIPT, source=SCRIPT[:50])
    SavedView.objects.create(owner=User.objects.get(username="mara"), name=SCRIPT[:80], query="q=x")
    with acting(actor=SCRIPT, via="page", address=SCRIPT[:60]):
        payload = {SCRIPT: SCRIPT, "before": {SCRIPT: SCRIPT}, "after": {}}
        event = record("project.changed", payload, about=project.subject)
    base = f"/projects/{project.pk}/"
    return ["/", "/pulse/", "/projects/", base, f"{base}live/", f"{base}head/", f"{base}card/", f"{base}logs/",
            f"{base}environment/", f"{base}settings/", f"{base}copy/", f"{base}delete/", f"{base}revisions/",
            "/tasks/", f"/tasks/?q={SCRIPT}", f"/tasks/{task.pk}/", f"/tasks/{task.pk}/live/", "/tasks/monitor/",
            "/tasks/monitor/live/", "/tasks/saved/", "/tasks/schedules/", f"/tasks/schedules/{schedule.pk}/",
            "/tasks/drift/", "/tasks/workers/", f"/tasks/suggestions/?q={SCRIPT}", "/events/",
            f"/events/?subject={SCRIPT}", f"/events/{event.pk}/", "/people/",
            f"/people/{user.pk}/", "/keys/", "/account/", "/retrospectives/",
            "/sprints/", "/admin/accounts/apikey/", "/admin/tasks/task/", "/admin/projects/project/",
            f"/sign-in/?next={SCRIPT}", f"/nothing/{SCRIPT}", "/admin/auth/user/"]


def test_a_script_in_any_text_is_shown_as_text(tmp_path, quiet, redis_server):
    client = admin_client()
    shown = 0
    for page in planted(tmp_path):
        answer = client.get(page)
        assert answer.status_code < 500, page
        text = answer.getvalue().decode() if not getattr(answer, "is_async", False) else ""
        assert "<script>alert" not in text and "<img src=x" not in text, page
        shown += "&lt;script&gt;alert" in text
    assert shown > 15
    for address in ("/api/projects", "/api/tasks", "/api/events"):
        answer = client.get(address)
        assert answer["Content-Type"].startswith("application/json") and answer["X-Content-Type-Options"] == "nosniff"


# --- Other paths and hosts --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/etc", "/etc/passwd", "{}/../../etc", "../../../etc", "/proc/self", "/root", "file:///etc",
                                  "{}/%2e%2e/%2e%2e/etc", "//etc", "~root", "\\\\host\\share"])
def test_no_path_leads_out_of_the_projects_folder(path, api, projects_folder):
    path = path.format(settings.HUB_PROJECTS_ROOT)
    made = api("admin").post("/api/projects", {"name": "Out", "path": path})
    assert 400 <= made.status_code < 500 and not Project.objects.exists()
    seen = api("admin").get("/api/filesystem/browse", {"path": path})
    assert 400 <= seen.status_code < 500 and "root:" not in seen.text


def test_a_link_in_the_projects_folder_does_not_lead_out(api, projects_folder):
    (projects_folder / "out").symlink_to("/etc")
    assert 400 <= api("admin").get("/api/filesystem/browse", {"path": str(projects_folder / "out")}).status_code < 500


@pytest.mark.parametrize("path", [
    "/static/../hub/settings.py", "/static/%2e%2e/manage.py", "/static/..%2fmanage.py", "/static//etc/passwd",
    "/projects/1/logs/?service=../../../../etc/passwd", "/projects/1/logs/file/?service=..%2F..%2Fsecret_key",
    "/api/projects/1/logs/..%2F..%2F..%2Fetc%2Fpasswd",
])
def test_no_address_reads_another_file(path, projects_folder):
    Project.objects.create(pk=1, name="One", slug="one", path=str(projects_folder), created_by="test")
    answer = admin_client().get(path)
    assert answer.status_code in (200, 301, 400, 404)
    text = answer.text if not answer.streaming else ""
    assert "root:x:" not in text and "SECRET_KEY" not in text and settings.SECRET_KEY not in text


def test_hub_fetches_no_address_that_somebody_sends(api):
    """Server-side request forgery: nobody who asks names an address that Hub then asks."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.3)
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        for path, body in (("/api/tasks/metrics/sync", {"url": address}),
                           ("/api/tasks/metrics/sync", {"source": address}),
                           ("/api/tasks/reports/generate", {"url": address}),
                           ("/api/projects", {"name": "x", "path": address}),
                           ("/api/projects", {"name": "x", "path": str(settings.HUB_PROJECTS_ROOT), "url": address}),
                           ("/api/tasks", {"job": "retrospectives.sync", "params": {"url": address}})):
            assert 400 <= api("admin").post(path, body).status_code < 500, (path, body)
        with pytest.raises(TimeoutError):
            listener.accept()


# --- Headers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["x\r\nSet-Cookie: a=b", "x\nY: z", "x\x00"])
def test_no_text_becomes_a_header(value, projects_folder):
    client = admin_client()
    project = Project.objects.create(name="One", slug="one", path=str(projects_folder), created_by="test")
    answers = [
        client.get("/tasks/", headers={"X-Correlation-ID": value}),
        client.post("/theme", {"theme": "dark", "next": f"/tasks/{value}"}),
        client.post("/sign-in/", {"username": "mara", "password": PASSWORD, "next": f"/tasks/{value}"}),
        client.get("/events/export/", {"format": value}),
        client.get(f"/projects/{project.pk}/logs/file/", {"service": value}),
        client.get("/tasks/rows/", headers={"HX-Request": "true", "HX-Current-URL": f"http://testserver/{value}"}),
        client.post("/api/projects", {"name": value, "path": str(projects_folder)}, content_type="application/json"),
    ]
    for answer in answers:
        assert "a" not in answer.cookies and "Y" not in answer.headers
        assert all("\r" not in said and "\n" not in said for said in answer.headers.values())
    assert answers[-1].status_code in (400, 422)


def test_what_browsers_are_told_on_every_answer(settings, quiet):
    client = admin_client()
    for path in ("/", "/tasks/", "/sign-in/", "/nothing/", "/api/projects", "/api/nothing", "/health", "/keys/",
                 "/admin/"):
        answer = client.get(path)
        policy = answer["Content-Security-Policy"]
        assert "unsafe" not in policy and "default-src 'self'" in policy and "frame-ancestors 'none'" in policy, path
        assert answer["X-Frame-Options"] == "DENY" and answer["X-Content-Type-Options"] == "nosniff", path
        assert answer["Referrer-Policy"] == answer["Cross-Origin-Opener-Policy"] == "same-origin"
        assert "camera=()" in answer["Permissions-Policy"] and "Strict-Transport-Security" not in answer
    settings.HUB_HSTS = 600
    assert client.get("/")["Strict-Transport-Security"] == "max-age=600"


def test_a_host_that_is_not_ours_is_refused(settings):
    settings.ALLOWED_HOSTS = ["hub.example.org"]
    for host in ("evil.example", "hub.example.org.evil.example", "hub.example.org@evil.example"):
        assert Client().get("/sign-in/", headers={"Host": host}).status_code == 400
    assert Client().get("/sign-in/", headers={"Host": "hub.example.org"}).status_code == 200


def test_only_a_proxy_of_ours_says_who_asks(settings, redis_server):
    start_counting_anew(redis_server)
    person("viewer", "mara")

    def seen(address: str, said: str) -> str:
        client = Client(REMOTE_ADDR=address, headers={"X-Forwarded-For": said})
        client.post("/sign-in/", {"username": "mara", "password": PASSWORD})
        return Session.objects.latest("created_at").address

    assert seen("192.0.2.9", "203.0.113.7") == "192.0.2.9"
    settings.HUB_TRUSTED_PROXIES = [ipaddress.ip_network("10.0.0.0/8")]
    assert seen("10.0.0.5", "203.0.113.7") == "203.0.113.7"
    assert seen("10.0.0.5", "198.51.100.1, 203.0.113.7, 10.0.0.6") == "203.0.113.7"
    assert seen("192.0.2.9", "203.0.113.7") == "192.0.2.9"
    assert seen("10.0.0.5", "nonsense") == "10.0.0.5"


def test_answers_are_compressed_and_their_length_tells_nothing():
    client, lengths = admin_client(headers={"Accept-Encoding": "gzip"}), set()
    for _ in range(12):
        answer = client.get("/tasks/")
        assert answer["Content-Encoding"] == "gzip" and "Accept-Encoding" in answer["Vary"]
        lengths.add(len(answer.content))
    assert len(lengths) > 2
    assert "Content-Encoding" not in client.get("/events/export/")


# --- Other people's things --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("method", "path", "body"), [
    ("post", "/api/projects", {"created_by": "eve"}), ("post", "/api/projects", {"state": "running"}),
    ("post", "/api/projects", {"id": 1}), ("patch", "/api/projects/1", {"created_by": "eve"}),
    ("patch", "/api/projects/1", {"desired": "running"}), ("post", "/api/tasks", {"actor": "eve"}),
    ("post", "/api/tasks", {"state": "succeeded"}), ("post", "/api/events", {"actor": "eve"}),
    ("post", "/api/events", {"timestamp": "2020-01-01T00:00:00Z"}), ("post", "/api/token", {"key": 1}),
])
def test_a_field_that_is_not_for_callers_is_refused(method, path, body, projects_folder):
    Project.objects.create(pk=1, name="One", slug="one", path=str(projects_folder), created_by="mara")
    whole = {"/api/projects": {"name": "Two", "path": str(projects_folder)},
             "/api/tasks": {"job": "demo.sleep", "params": {}},
             "/api/events": {"subject": f"hub.{settings.HUB_ID}.shop.sold", "payload": {}}}.get(path, {})
    answer = getattr(ApiClient("admin"), method)(path, whole | body, content_type="application/json")
    assert answer.status_code == 422
    assert Project.objects.get().created_by == "mara" and not Task.objects.exists()


def test_one_view_saved_by_somebody_is_not_anothers():
    mara, eve = person("viewer", "mara"), Client()
    view = SavedView.objects.create(owner=mara, name="Mine", query="q=x")
    eve.force_login(person("admin", "eve"))
    for what in ("rename", "delete"):
        assert eve.post(f"/tasks/saved/{view.pk}/{what}/", {"name": "Taken"}).status_code == 404
    view.refresh_from_db()
    assert view.name == "Mine"


def test_no_link_and_no_key_is_found_by_guessing(redis_server):
    plain = make_key("script", "admin")[1]
    for guess in (plain[:-1], plain.swapcase(), plain[:17] + "A" * 43, "hub_%_%", "hub_' OR 1=1 --"):
        answer = Client(headers={"Authorization": f"Bearer {guess}"}).get("/api/projects")
        assert answer.status_code == 401 and plain not in answer.text
    for guess in ("x", "' OR 1=1", "%", "../"):
        assert Client().get(f"/sign-in/{guess}/").status_code in (404, 400)
