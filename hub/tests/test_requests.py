"""What every request gets, whatever page it asks for."""

from __future__ import annotations

import logging
import uuid

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import path

from accounts.actions import make_sign_in_link
from accounts.tests.people import PASSWORD, person, signed_in
from events.context import CorrelationFilter
from events.models import Event
from hub.log_lines import LineFormatter

pytestmark = pytest.mark.django_db


def broken(request):
    raise RuntimeError("broken on purpose")


urlpatterns = [path("sign-in/broken", broken)]
handler500 = "hub.error_pages.server_error"


def test_a_correlation_id_is_made_and_answered(client):
    first, second = (client.get("/sign-in/")["X-Correlation-ID"] for _ in range(2))
    assert uuid.UUID(first) != uuid.UUID(second)


def test_the_callers_correlation_id_is_taken_over_and_carried_into_facts(client):
    person("viewer", "mara")
    mine = str(uuid.uuid4())
    response = client.post("/sign-in/", {"username": "mara", "password": PASSWORD}, headers={"X-Correlation-ID": mine})
    assert response["X-Correlation-ID"] == mine
    assert str(Event.objects.get().correlation_id) == mine


@pytest.mark.parametrize("bad", ["1", "x" * 36, "{12345678-1234-1234-1234-12345678901}", "a\tb", "<b>"])
def test_what_is_no_uuid_is_not_taken_over(client, bad):
    answered = client.get("/sign-in/", headers={"X-Correlation-ID": bad})["X-Correlation-ID"]
    assert str(uuid.UUID(answered)) == answered != bad


def test_one_request_leaves_nothing_to_the_next(client):
    user = person("viewer", "mara")
    client.force_login(user)
    client.get("/tasks/")
    Client().post("/sign-in/", {"username": "mara", "password": "wrong"}, REMOTE_ADDR="192.0.2.8")
    event = Event.objects.get(subject__endswith="sign-in-failed")
    assert (event.actor, event.address) == ("anonymous", "192.0.2.8")


@pytest.mark.parametrize("url", ["/sign-in/", "/tasks/", "/nothing/", "/theme", "/admin/"])
def test_no_page_may_run_inline_scripts_or_be_framed(url):
    response = signed_in("admin").get(url)
    policy = response["Content-Security-Policy"]
    assert "script-src 'self';" in policy
    assert "style-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert response["X-Content-Type-Options"] == "nosniff"


def test_our_pages_carry_nothing_inline():
    client = signed_in("admin")
    for url in ("/", "/tasks/", "/events/", "/nothing/"):
        text = client.get(url).text
        assert " style=" not in text
        assert "<style" not in text
        assert "<script>" not in text
        assert " onclick" not in text
        assert "hx-on" not in text


def test_a_wrong_method_gets_a_page_that_says_which_is_right():
    response = signed_in("viewer").get("/sign-out/")
    assert response.status_code == 405
    assert response["Allow"] == "POST"
    assert "GET is not possible here; POST is." in response.text


def test_an_unknown_address_gets_a_page():
    response = signed_in("viewer").get("/nothing/")
    assert response.status_code == 404
    assert "Nothing at this address" in response.text
    assert response["X-Correlation-ID"] in response.text


def test_a_fragment_that_is_gone_gets_a_small_answer():
    response = signed_in("viewer").get(f"/tasks/{uuid.uuid4()}/live/", headers={"HX-Request": "true"})
    assert response.status_code == 404
    assert "<html" not in response.text
    assert 'role="alert"' in response.text


def test_something_broken_gets_a_page_that_needs_no_database(client, settings, django_assert_num_queries):
    settings.ROOT_URLCONF = __name__
    client.raise_request_exception = False
    with django_assert_num_queries(0):
        response = client.get("/sign-in/broken")
    assert response.status_code == 500
    assert "Something broke here" in response.text
    assert f"Hub {settings.VERSION}" in response.text
    assert "broken on purpose" not in response.text
    assert response["X-Correlation-ID"] in response.text
    assert "Content-Security-Policy" in response


def test_a_body_over_the_limit_is_refused_before_it_is_read(client, settings):
    limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    response = client.post("/sign-in/", {"username": "x" * limit})
    assert response.status_code == 413
    assert f"{limit:,} bytes" in response.text
    assert client.post("/sign-in/", {"username": "x" * 1000}).status_code == 422


@pytest.mark.parametrize("length", ["-1", "1e3", "ten", "²"])
def test_a_length_that_is_no_number_is_refused(client, length):
    assert client.post("/sign-in/", {}, CONTENT_LENGTH=length).status_code == 400


@pytest.mark.parametrize("url", ["/rq/", "/rq/stats.json", "/rq/queues/0/"])
def test_rqs_dashboard_is_for_superusers(url, redis_server):
    admin = signed_in("admin")
    assert admin.get(url).status_code == 404
    User.objects.update(is_superuser=True)
    assert admin.get(url, follow=True).status_code == 200
    # It does not open a second door in the admin site, where every member of the staff could read.
    assert admin.get("/admin/django_rq/dashboard/stats.json").status_code == 404


def test_the_log_names_the_request(client, caplog):
    caplog.handler.addFilter(CorrelationFilter())
    answered = client.get("/sign-in/nothing/more")["X-Correlation-ID"]
    assert [str(record.correlation_id) for record in caplog.records] == [answered]


def test_the_log_hides_the_token_of_a_link_that_is_still_good(client, caplog):
    link = make_sign_in_link()
    client.post(link, {"username": "", "password1": "short"})
    (formatter,) = (handler.formatter for handler in logging.getLogger().handlers
                    if isinstance(handler.formatter, LineFormatter))
    assert not logging.getLogger("django").handlers and not logging.getLogger("django.server").handlers
    (record,) = caplog.records
    CorrelationFilter().filter(record)
    line = formatter.format(record)
    assert "Unprocessable Entity: /sign-in/…/" in line and link.split("/")[2] not in line


@pytest.mark.parametrize("url", [
    "/events/?actor=%00", "/events/?subject=%00", "/tasks/?job=%00", "/tasks/?lane=a%00b", "/tasks/?subject=%00",
    "/projects/?q=%00", "/?q=%00", "/sign-in/?next=%00",
])
def test_a_zero_byte_in_an_address_is_refused_with_a_reason(url):
    response = signed_in("viewer").get(url)
    assert response.status_code == 400
    assert "zero byte" in response.text


def test_a_percent_sign_before_two_zeros_is_no_zero_byte():
    assert signed_in("viewer").get("/events/?actor=%2500").status_code == 200


def test_the_shell_costs_one_query_and_a_fragment_none(django_assert_num_queries, redis_server):
    client = signed_in("viewer")
    client.get("/tasks/")
    # The person with the role, then what the page shows (no task here) and offers, then the counts of the shell.
    with django_assert_num_queries(4):
        page = client.get("/tasks/")
    with django_assert_num_queries(2):
        assert client.get("/tasks/rows/", {"v": page.context["rows_version"]}).status_code == 204


def test_the_admin_site_is_named_after_hub():
    text = signed_in("admin").get("/admin/").text
    assert "Hub administration" in text
    assert "Django administration" not in text and "Django site admin" not in text


def test_names_with_html_are_text_in_the_shell():
    client = Client()
    client.force_login(person("viewer", "<b>mara</b>"))
    text = client.get("/tasks/").text
    assert "<b>mara" not in text
    assert "&lt;b&gt;mara&lt;/b&gt;" in text
