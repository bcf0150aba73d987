"""Schedules by the API: made, changed, paused, run and deleted."""

import pytest

from accounts.tests.api_client import error_of
from tasks.models import Task
from tasks.schedules.models import Schedule

pytestmark = pytest.mark.django_db
NIGHTLY = {"name": "Nightly", "job": "demo.sleep", "params": {"seconds": 1}, "cron": "30 4 * * *",
           "zone": "Europe/Zurich"}


@pytest.fixture
def operator(api):
    return api("operator")


@pytest.fixture
def nightly(operator) -> str:
    return f"/api/schedules/{operator.post('/api/schedules', NIGHTLY).json()['id']}"


def change(client, path: str, body: dict):
    return client.patch(path, body, content_type="application/json")


def test_one_is_made_and_listed_with_its_next_runs(api, operator):
    made = operator.post("/api/schedules", NIGHTLY)
    assert made.status_code == 201
    one = made.json()
    assert one.items() >= {**NIGHTLY, "interval": "", "paused": False, "overlap": "skip", "priority": 5}.items()
    assert len(one["next_runs"]) == 5 and one["next_runs"] == sorted(one["next_runs"])
    assert api("viewer").get("/api/schedules?limit=1").json()["items"] == [one]
    assert api("viewer").get(f"/api/schedules/{one['id']}").json() == one


@pytest.mark.parametrize(("body", "field"), [
    ({"cron": "99 * * * *"}, "cron"), ({"interval": "15m"}, "cron"), ({"zone": "Mars"}, "zone"),
    ({"job": "nothing"}, "job"), ({"params": {"seconds": "x"}}, "params"), ({"name": " "}, "name"),
    ({"overlap": "both"}, "overlap"), ({"priority": 11}, "priority"),
])
def test_what_is_wrong_is_said_with_its_field(operator, body, field):
    assert error_of(operator.post("/api/schedules", {**NIGHTLY, **body}), 422)["field"] == field
    assert not Schedule.objects.filter(job="demo.sleep").exists()


def test_only_what_is_named_is_changed(operator, nightly):
    changed = change(operator, nightly, {"interval": "90m", "priority": 8}).json()
    assert (changed["interval"], changed["cron"], changed["priority"]) == ("90m", "", 8)
    assert (changed["name"], changed["zone"]) == ("Nightly", "Europe/Zurich")


def test_it_is_paused_resumed_run_and_deleted(operator, nightly):
    paused = operator.post(f"{nightly}/pause").json()
    assert (paused["paused"], paused["paused_by"], paused["next_runs"]) == (True, "key:operator of a test", [])
    assert len(operator.post(f"{nightly}/resume").json()["next_runs"]) == 5
    begun = operator.post(f"{nightly}/run")
    assert begun.status_code == 202
    assert Task.objects.get(pk=begun.json()["task_id"]).job == "demo.sleep"
    error_of(operator.post(f"{nightly}/run"), 409)  # it skips while the last run goes on
    change(operator, nightly, {"overlap": "queue"})
    assert operator.post(f"{nightly}/run").json()["task_id"] is None
    assert operator.delete(nightly).status_code == 204
    error_of(operator.get(nightly), 404)
    assert Task.objects.count() == 1


def test_the_next_times_of_a_rhythm_are_told_before_it_is_made(api):
    runs = api("viewer").get("/api/schedules/next?cron=0 12 * * *&zone=UTC&count=3").json()["runs"]
    assert len(runs) == 3 and all(run.endswith("T12:00:00.000000Z") for run in runs)
    assert error_of(api("viewer").get("/api/schedules/next?cron=x"), 422)["field"] == "cron"
