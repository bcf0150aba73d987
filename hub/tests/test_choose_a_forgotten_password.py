"""Somebody who forgot the password gets a link from a real mail server, and is in again with a new one."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from accounts.tests.people import PASSWORD, person
from alerts.tests.mailbox import listening

pytestmark = pytest.mark.django_db
NEW = "a-much-better-password-7"


def test_from_the_sign_in_page_by_mail_to_a_new_password(settings, eventually):
    person("viewer", "mara", email="mara@example.org")
    thief = Client()
    assert thief.login(username="mara", password=PASSWORD)
    with listening() as box:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", box.port
        settings.EMAIL_HOST_USER, settings.EMAIL_USE_TLS, settings.EMAIL_USE_SSL = "", False, False
        client = Client()
        assert "/sign-in/forgotten/" in client.get("/sign-in/").text
        assert client.post("/sign-in/forgotten/", {"name": "mara"}).status_code == 200
        eventually(lambda: box.mails)
    mail = box.mails[0]
    assert (mail["To"], mail["Subject"]) == ("mara@example.org", "[Hub] Choose a new password")
    link = re.search(r"http://testserver(\S+)", mail.get_content())[1]
    assert client.get(link).status_code == 200
    assert client.post(link, {"password1": NEW}).status_code == 302
    assert client.get("/tasks/").status_code == 200
    # The old password, the link, and who was in with the old one: all are over.
    assert not Client().login(username="mara", password=PASSWORD) and Client().login(username="mara", password=NEW)
    assert Client().post(link, {"password1": "yet-another-password-8"}).status_code != 302
    assert thief.get("/tasks/").status_code == 302
