"""Who may use the API, and what others are answered."""

import pytest
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.middleware.csrf import get_token
from django.test import Client, RequestFactory

from accounts.actions import make_key, revoke_key
from accounts.tests.api_client import ApiClient, error_of
from events.models import Event

pytestmark = pytest.mark.django_db

READ = ["/api/projects", "/api/projects/1", "/api/projects/stats", "/api/projects/1/remains",
        "/api/projects/1/logs/web", "/api/orchestration/1/status", "/api/filesystem/home",
        "/api/filesystem/browse?path=/", "/api/tasks", "/api/tasks/x", "/api/tasks/x/status", "/api/tasks/status/x"]
CHANGE = [("post", "/api/projects"), ("patch", "/api/projects/1"), ("delete", "/api/projects/1"),
          ("post", "/api/projects/1/copy"), ("post", "/api/orchestration/1/start"),
          ("post", "/api/orchestration/1/stop"), ("post", "/api/orchestration/1/restart"),
          ("post", "/api/orchestration/1/restart/web"), ("post", "/api/tasks"), ("delete", "/api/tasks/x")]


@pytest.mark.parametrize("path", READ)
def test_reading_without_a_key_is_401_and_never_leads_to_the_sign_in_page(api, path):
    response = api().get(path)
    assert error_of(response, 401)["code"] == "unauthenticated"
    assert response["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(("method", "path"), CHANGE)
def test_changing_without_a_key_is_401_whatever_the_body(api, method, path):
    error_of(getattr(api(), method)(path, "{broken", content_type="application/json"), 401)


@pytest.mark.parametrize(("method", "path"), CHANGE)
def test_a_viewer_is_refused_before_the_body_is_looked_at(api, method, path):
    response = getattr(api("viewer"), method)(path, "{broken", content_type="application/json")
    assert error_of(response, 403)["message"] == "This needs the role operator; yours is viewer."


@pytest.mark.parametrize("header", [
    "Bearer", "Bearer ", "Bearer wrong", "Bearer hub_000000000000_" + "A" * 43, "Bearer hub_x_y", "Bearer \u00e9",
    "Basic dXNlcjpwYXNz", "hub_000000000000_AAAA", "Bearer " + "x" * 5000,
])
def test_a_wrong_authorization_header_is_401(api, header):
    error_of(api().get("/api/projects", headers={"Authorization": header}), 401)


def test_a_wrong_key_is_401_also_beside_a_good_session(client, admin_user):
    client.force_login(admin_user)
    assert client.get("/api/projects").status_code == 200
    error_of(client.get("/api/projects", headers={"Authorization": "Bearer wrong"}), 401)


def test_a_revoked_key_is_401():
    key, plain = make_key("script", "viewer")
    client = Client(headers={"Authorization": f"bearer {plain}"})
    assert client.get("/api/projects").status_code == 200
    revoke_key(key)
    assert error_of(client.get("/api/projects"), 401)["message"] == "The key is wrong, expired or revoked."


def test_a_key_needs_no_csrf_token(projects_folder):
    client = ApiClient("operator", enforce_csrf_checks=True)
    assert client.post("/api/projects", {"name": "Shop", "path": str(projects_folder)}).status_code == 201


def test_a_session_needs_the_csrf_token_to_change_something(projects_folder):
    client = ApiClient(enforce_csrf_checks=True)
    client.force_login(User.objects.create_superuser("ada"))
    body = {"name": "Shop", "path": str(projects_folder)}
    assert client.get("/api/projects").status_code == 200
    assert "CSRF" in error_of(client.post("/api/projects", body), 403)["message"]

    request = RequestFactory().get("/")
    token = get_token(request)
    client.cookies[settings.CSRF_COOKIE_NAME] = request.META["CSRF_COOKIE"]
    assert client.post("/api/projects", body, headers={"X-CSRFToken": token}).status_code == 201


def test_somebody_signed_in_without_a_role_is_403(client):
    client.force_login(User.objects.create_user("bob"))
    assert error_of(client.get("/api/projects"), 403)["message"] == "This needs the role viewer; yours is none."


def test_a_viewer_who_is_signed_in_may_read_and_not_change(client):
    user = User.objects.create_user("vera")
    user.groups.add(Group.objects.get_or_create(name="viewer")[0])
    client.force_login(user)
    assert client.get("/api/tasks").status_code == 200
    error_of(client.post("/api/orchestration/1/start"), 403)


def test_what_a_key_does_is_recorded_under_its_name_and_the_requests_correlation_id(api, projects_folder):
    asked = "0d1c9e2e-8f3a-4b7a-9d55-2f6f3a1b0c4d"
    response = api("operator").post("/api/projects", {"name": "Shop", "path": str(projects_folder)},
                                    headers={"X-Correlation-ID": asked})
    assert response["X-Correlation-ID"] == asked
    event = Event.objects.get(subject=f"hub.{settings.HUB_ID}.project.created")
    assert (event.actor, event.origin, str(event.correlation_id)) == ("key:operator of a test", "api", asked)
