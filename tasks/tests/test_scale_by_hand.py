"""How many workers there are to be, said by hand: on the page, in the API and by command."""

from __future__ import annotations

import io
import json

import pytest
from django.conf import settings
from django.core.cache import cache
from django.core.management import CommandError, call_command

from accounts.tests.api_client import error_of
from accounts.tests.people import signed_in
from events.models import Event
from tasks.crews import actions as crews
from tasks.crews.models import Crew
from tasks.monitor import shared

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fresh(redis_server) -> None:
    """No look at the monitor is kept from an earlier test."""
    cache.clear()
    shared.forget()


@pytest.fixture
def crew() -> Crew:
    """That of an `up` which keeps from 1 to 4 workers, and has just decided on 2."""
    crews.decided("main", fewest=1, most=4, wanted=2, reason="5 waiting, and nobody is free: 2 workers.")
    return Crew.objects.get()


def facts(action: str) -> list[dict]:
    """What events say, newest first."""
    subject = f"hub.{settings.HUB_ID}.worker.{action}"
    return [event.payload for event in Event.objects.filter(subject=subject).order_by("-id")]


def test_the_page_keeps_a_number_and_releases_it(crew):
    operator = signed_in("operator")
    page = operator.get("/tasks/monitor/").content.decode()
    assert "2 workers, as many as are needed from 1 to 4" in page and "5 waiting, and nobody is free" in page
    assert "Release" not in page and "main keeps 2 workers" in page
    answer = operator.post("/tasks/crews/main/", {"workers": "6", "reason": "a sale", "monitor": "1"})
    assert answer.status_code == 302 and answer["Location"] == "/tasks/monitor/"
    page = operator.get("/tasks/monitor/").content.decode()
    assert "6 workers, set by hand (2 until now)" in page and "Release" in page
    assert "Set by hand by " in page and ": a sale</p>" in page
    (fact,) = facts("fixed")
    assert (fact["node"], fact["workers"], fact["before"]) == ("main", 6, None) and fact["reason"].endswith("a sale")

    htmx = operator.post("/tasks/crews/main/", {"release": "1"}, headers={"HX-Request": "true"})
    assert 'id="crews"' in htmx.content.decode() and "as many as are needed" in htmx["HX-Trigger"]
    assert Crew.objects.get().fixed is None and facts("released")[0]["before"] == 6
    assert operator.post("/tasks/crews/main/", {"release": "1"}).status_code == 302 and len(facts("released")) == 1


@pytest.mark.parametrize(("workers", "reason", "said"), [
    ("0", "", "a whole number from 1 to 64"), ("65", "", "a whole number from 1 to 64"), ("many", "", "a whole number"),
    ("", "", "a whole number"), ("3", "x" * 201, "at most 200 characters"),
])
def test_a_number_that_cannot_be_is_refused_on_the_page_with_what_was_typed(crew, workers, reason, said):
    answer = signed_in("operator").post("/tasks/crews/main/", {"workers": workers, "reason": reason or "because"})
    page = answer.content.decode()
    assert answer.status_code == 400 and said in page and 'role="alert"' in page and 'aria-invalid="true"' in page
    assert f'value="{workers}"' in page and f'value="{reason or "because"}"' in page
    assert Crew.objects.get().fixed is None and not facts("fixed")


def test_viewers_look_and_do_not_touch(crew, api):
    viewer = signed_in("viewer")
    page = viewer.get("/tasks/workers/").content.decode()
    assert "as many as are needed from 1 to 4" in page and "/tasks/crews/main/" not in page
    assert viewer.post("/tasks/crews/main/", {"workers": "3"}).status_code == 403
    error_of(api("viewer").patch("/api/crews/main", {"fixed": 3}, content_type="application/json"), 403)
    assert api("viewer").get("/api/crews").json()["items"][0]["most"] == 4 and Crew.objects.get().fixed is None


def test_the_api_keeps_a_number_and_releases_it(crew, api):
    operator = api("operator")

    def patch(body: dict, node: str = "main"):
        return operator.patch(f"/api/crews/{node}", json.dumps(body), content_type="application/json")

    answer = patch({"fixed": 6, "reason": "a sale"}).json()
    assert (answer["fixed"], answer["wanted"], answer["fewest"], answer["most"]) == (6, 2, 1, 4)
    assert answer["note"] == "Set by hand by key:operator of a test: a sale"
    assert patch({"fixed": None}).json()["fixed"] is None
    for body, field in (({}, "fixed"), ({"fixed": "3"}, "fixed"), ({"fixed": 0}, "fixed"), ({"fixed": True}, "fixed"),
                        ({"fixed": 3, "reason": "x" * 201}, "reason"), ({"fixed": 3, "x": 1}, "x")):
        assert error_of(patch(body), 422)["field"] == field, body
    assert "elsewhere" in error_of(patch({"fixed": 3}, "elsewhere"), 404)["message"]


def test_the_command_keeps_a_number_and_releases_it(crew):
    def run(*arguments: str) -> str:
        out = io.StringIO()
        call_command("workers", "scale", *arguments, "--node", "main", stdout=out)
        return out.getvalue()

    assert run() == "main  2 workers, as many as are needed from 1 to 4\n"
    assert run("6", "--reason", "a sale") == "main  6 workers, set by hand (2 until now)\n"
    assert json.loads(run("--json"))["fixed"] == 6 and facts("fixed")[0]["reason"].endswith("a sale")
    assert run("auto").endswith("from 1 to 4\n")
    for wrong in ("0", "65", "many"):
        with pytest.raises(CommandError) as refused:
            run(wrong)
        assert refused.value.returncode == 2


def test_what_is_decided_is_written_once_and_leaves_what_is_set_by_hand(crew):
    crews.fix("main", 3)
    crews.decided("main", fewest=1, most=4, wanted=2)
    crews.decided("main", fewest=1, most=4, wanted=3, reason="Set by hand.")
    found = Crew.objects.get()
    assert (found.wanted, found.fixed, found.reason) == (3, 3, "Set by hand.")
    assert [fact["workers"] for fact in facts("scaled")] == [3, 2]
