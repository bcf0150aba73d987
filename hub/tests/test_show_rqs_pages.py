"""What RQ's own pages may run. That nothing inline runs at any address: `access/test_every_address.py`."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.test import Client

from accounts.tests.people import person
from hub.policies import UI_POLICY, policy_for

pytestmark = pytest.mark.django_db
POLICY = "Content-Security-Policy"


@pytest.fixture
def superuser() -> Client:
    client = Client()
    client.force_login(person("admin", "root"))
    User.objects.update(is_superuser=True)
    return client


@pytest.mark.usefixtures("redis_server")
def test_the_pages_of_rq_run_what_they_bring_and_nothing_else(superuser):
    """Each script and style on them is allowed by its own hash; with one letter more it is not."""
    seen = set()
    assert "unsafe" not in policy_for("/rq/")
    for path in ("/rq/", "/rq/queues/0/", "/rq/queues/0/failed/", "/rq/queues/0/details/", "/rq/workers/0/"):
        answer = superuser.get(path, follow=True)
        assert answer.status_code == 200, path
        for kind, text in re.findall(r"<(script|style)\b[^>]*>(.*?)</\1>", answer.text, re.DOTALL):
            if text.strip():
                seen.add(kind)
                assert _hashed(text) in _of(answer[POLICY], kind)
                assert _hashed(f"{text} ") not in answer[POLICY]
    assert seen == {"script", "style"}
    assert policy_for("/tasks/") == UI_POLICY and "sha256" not in UI_POLICY


def test_no_inline_script_of_rq_depends_on_what_it_shows():
    """Else its hash would differ from page to page, and it would not run."""
    folder = Path(apps.get_app_config("django_rq").path) / "templates"
    for page in folder.rglob("*.html"):
        for _, text in re.findall(r"<(script|style)\b[^>]*>(.*?)</\1>", page.read_text(), re.DOTALL):
            assert "{{" not in text and "{%" not in text, page.name


def _hashed(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _of(policy: str, kind: str) -> str:
    return next(part for part in policy.split("; ") if part.startswith(f"{kind}-src"))
