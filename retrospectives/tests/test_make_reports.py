"""From sprints to a report: by real workers, on the pages, by the API and from the command line."""

from __future__ import annotations

import io
import json
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import override_settings
from django.utils import timezone

from accounts.actions import make_key
from accounts.models import Role
from retrospectives import actions
from retrospectives.composition import compose
from retrospectives.errors import NotEnough, RetrospectiveError
from retrospectives.files import read_rows
from retrospectives.following import followed
from retrospectives.jobs import GenerateReport
from retrospectives.models import Experiment, Report, Sprint
from retrospectives.shapes import markdown
from retrospectives.tests.conftest import csv_of, sprint
from tasks.actions import enqueue
from tasks.errors import BadTask
from tasks.models import Task

pytestmark = pytest.mark.django_db


def kept(number: int = 12, team: str = "", first: int = 1) -> None:
    rows, faults = read_rows([sprint(one) for one in range(first, first + number)], team)
    assert not faults and not actions.keep(rows, source="file").errors


def made(number: int = 12, **more) -> Report:
    kept(number)
    return actions.keep_report(compose(actions.chosen(), **more), team="", task=None, by="mara", tried=())


def api(client, path: str, body=None, key: str = ""):
    headers = {"authorization": f"Bearer {key}"} if key else {}
    if body is None:
        return client.get(path, headers=headers)
    return client.post(path, json.dumps(body), content_type="application/json", headers=headers)


@pytest.mark.django_db(transaction=True)
def test_from_a_file_to_a_report_by_a_real_worker(redis_server, workers, person, eventually):
    client = person(Role.OPERATOR)
    workers(1)
    file = SimpleUploadedFile("sprints.csv", csv_of([sprint(one) for one in range(1, 13)]).encode())
    assert client.post("/sprints/import/", {"file": file, "team": "Harbour"}).status_code == 302
    page = client.get("/sprints/")
    assert "Sprint 12" in page.text and "22 of 27" not in page.text
    waiting = client.post("/retrospectives/new/", {"team": "Harbour", "count": "12", "context": "Two were away."})
    assert waiting.status_code == 302 and waiting["Location"].startswith("/retrospectives/made/")
    shown = eventually(lambda: (answer := client.get(waiting["Location"])).status_code == 302 and answer, 20,
                       "the report is made")
    told = client.get(shown["Location"])
    assert "Review is where the work waits, since Sprint 7" in told.text
    for part in ("Two were away.", "It would be refuted if", "First review within half a working day",
                 "In the meeting"):
        assert part in told.text
    report = Report.objects.get()
    task = Task.objects.get(pk=report.task)
    assert task.state == "succeeded" and task.result == {
        "report_id": report.pk, "headline": report.content["headline"], "sprints_analyzed": 12,
        "hypotheses_count": len(report.content["hypotheses"]),
        "experiments_count": len(report.content["experiments"])}
    assert report.experiments.count() == len(report.content["experiments"]) >= 1


@pytest.mark.django_db(transaction=True)
def test_sync_by_a_real_worker(redis_server, workers, source, eventually, client):
    key = make_key("script", Role.OPERATOR)[1]
    workers(1, environ={"METRICS_API_URL": source.url, "METRICS_API_KEY": "secret"})
    source.say([sprint(2), sprint(1), sprint(3, team_happiness=99)])

    def synced(**body):
        with override_settings(HUB_METRICS_API_URL=source.url):
            answer = api(client, "/api/tasks/metrics/sync", body, key)
        assert answer.status_code == 202, answer.text
        pk = answer.json()["id"]
        return eventually(lambda: (task := Task.objects.get(pk=pk)).state == "succeeded" and task.result, 20, "synced")

    first = synced(sprint_count=3)
    assert (first["created"], first["updated"], first["skipped"]) == (2, 0, 0)
    assert first["errors"][0]["row"] == 3 and first["errors"][0]["field"] == "team_happiness"
    assert (again := synced(sprint_count=3)) and (again["created"], again["skipped"]) == (0, 2)
    assert synced(sprint_count=3, force_refresh=True)["updated"] == 2
    assert source.asked[0] == ("/api/sprints?count=3", "Bearer secret")


def test_the_same_sprints_give_the_same_words():
    kept()
    assert compose(actions.chosen()) == compose(actions.chosen())


def test_a_report_is_all_that_the_contract_says(client):
    report = made(context="Two were away.")
    key = make_key("script", Role.VIEWER)[1]
    told = api(client, f"/api/reports/{report.pk}", key=key).json()
    assert {"headline", "summary", "sprints", "team_id", "hypotheses", "experiments", "facilitation", "trends",
            "correlations", "created_at"} <= set(told)
    one = told["hypotheses"][0]
    assert set(one) == {"title", "description", "confidence", "confidence_score", "evidence", "affected_metrics",
                        "would_refute"}
    assert one["confidence"] in ("High", "Medium", "Low") and 0 <= one["confidence_score"] <= 1
    assert set(one["evidence"][0]) == {"metric", "statement", "statistic", "p"}
    assert {"title", "steps", "duration_sprints", "success_measure", "hypothesis"} <= set(told["experiments"][0])
    assert len(told["facilitation"]["questions"]) == 3
    (line,) = api(client, "/api/reports", key=key).json()["items"]
    assert line["headline"] == told["headline"]
    assert api(client, "/api/reports/999", key=key).status_code == 404
    assert api(client, "/api/reports").status_code == 401
    assert api(client, "/api/tasks/reports/generate", {}, key).status_code == 403


@pytest.mark.parametrize(("body", "field"), [
    ({"sprint_count": 2}, "sprint_count"), ({"sprint_count": 21}, "sprint_count"),
    ({"sprint_count": "5"}, "sprint_count"),
    ({"sprint_ids": ["s-1"]}, "sprint_ids"), ({"sprint_ids": ["s-1", "s-1", "s-2"]}, "sprint_ids"),
    ({"sprint_ids": ["s-1", "s-2", "other-1"]}, "sprint_ids"),
    ({"sprint_ids": ["s-1"] * 3, "sprint_count": 3}, "sprint_ids"),
    ({"focus_metrics": ["velocity"]}, "focus_metrics"), ({"custom_context": "x" * 100_000}, "custom_context"),
    ({"team_id": "nobody"}, "sprint_count"), ({"sprints": 3}, "sprints"),
])
def test_a_wish_that_cannot_be_met_names_its_field(client, body, field):
    kept(4)
    key = make_key("script", Role.OPERATOR)[1]
    answer = api(client, "/api/tasks/reports/generate", body, key)
    assert answer.status_code == 422, answer.text
    assert answer.json()["error"]["field"].startswith(field) and answer.json()["error"]["message"]
    assert not Task.objects.exists()


def test_one_sprint_and_sprints_without_values_are_too_little():
    kept(1)
    with pytest.raises(NotEnough, match="There are 1 sprints"):
        actions.chosen()
    Sprint.objects.all().delete()
    for number in range(1, 5):
        actions.enter({name: sprint(number)[name] for name in ("sprint_id", "sprint_name", "start_date", "end_date")})
    with pytest.raises(BadTask, match="None of these sprints has a value"):
        enqueue(GenerateReport, {})


def test_overlapping_sprints_are_left_out_and_told(person):
    kept(3)
    rows, _ = read_rows([{**sprint(4), "start_date": sprint(3)["start_date"]}, {**sprint(4), "sprint_id": "s-5",
                         "start_date": sprint(3)["end_date"]}])
    found = actions.keep(rows, source="file")
    assert len(found.created) == 1 and "overlaps Sprint 3" in found.errors[0].message
    file = SimpleUploadedFile("s.csv", csv_of([{**sprint(2), "sprint_id": "copy"}]).encode())
    answer = person(Role.OPERATOR).post("/sprints/import/", {"file": file})
    assert answer.status_code == 422 and "overlaps Sprint 2" in answer.text


@pytest.mark.parametrize(("content", "said"), [
    (b"", "empty"), (b"\xff\xfe\x00", "not UTF-8"), (b"a,b\n1,2\n", "sprint_id"), (b"[{]", "no JSON"),
    (b"sprint_id,sprint_id\n1,2\n", "there twice"), (b"sprint_id,start_date\n", "only its names"), (b"5", "sprint_id"),
])
def test_a_file_that_is_none(person, content, said):
    answer = person(Role.OPERATOR).post("/sprints/import/", {"file": SimpleUploadedFile("s.csv", content)})
    assert said in answer.text
    assert not Sprint.objects.exists()


def test_semicolons_a_byte_order_mark_and_json_are_read():
    text = csv_of([sprint(1)]).replace(",", ";")
    assert len(actions.import_file(("\ufeff" + text).encode()).created) == 1
    assert len(actions.import_file(json.dumps({"items": [sprint(2)]}).encode()).created) == 1
    assert Sprint.objects.get(sprint_id="s-1").values == Sprint.objects.get(sprint_id="s-1").values
    assert Sprint.objects.get(sprint_id="s-2").values["points_large"] == 6


def test_an_experiment_is_begun_followed_and_judged(person):
    report = made()
    one = report.experiments.first()
    client = person(Role.OPERATOR)
    assert client.post(f"/retrospectives/experiments/{one.pk}/begin/", {"owner": "Mara"}).status_code == 302
    one.refresh_from_db()
    assert (one.state, one.owner) == ("running", "Mara")
    Experiment.objects.filter(pk=one.pk).update(began_at=timezone.make_aware(
        timezone.datetime.fromisoformat(sprint(12)["end_date"])))
    kept(1, first=13)
    (early,) = followed(actions.running(""), actions.chosen())
    assert early.state == "running" and "1 of its 2 sprints" in early.text
    rows, _ = read_rows([sprint(14, **{one.measure: 1}), sprint(13, **{one.measure: 1})])
    actions.keep(rows, source="file")
    tried = followed(actions.running(""), actions.chosen())
    assert tried[0].state == "worked" and "was the aim" in tried[0].text
    later = actions.keep_report(compose(actions.chosen(), tried=tried), team="", task=None, by="mara", tried=tried)
    one.refresh_from_db()
    assert one.state == "worked" and one.outcome == tried[0].text
    assert tried[0].text in client.get(later.get_absolute_url()).text.replace("&#x27;", "'")
    with pytest.raises(RetrospectiveError, match="already"):
        actions.begin(one, "Mara")


def test_a_second_run_of_its_task_makes_no_second_report():
    kept()
    task = enqueue(GenerateReport, {})
    content = compose(actions.chosen())
    first = actions.keep_report(content, team="", task=task.pk, by="mara", tried=())
    assert actions.keep_report(content, team="", task=task.pk, by="mara", tried=()) == first
    assert Experiment.objects.count() == len(content["experiments"])


def test_old_reports_go_with_their_experiments_but_not_while_one_runs():
    report = made()
    running = actions.keep_report(report.content, team="", task=None, by="mara", tried=())
    actions.begin(running.experiments.first(), "Mara")
    Report.objects.update(created_at=timezone.now() - timedelta(days=91))
    number = report.experiments.count()
    expected = {"reports": 1, "experiments": number, "kept_for_experiments": 1}
    assert actions.clean_up(dry=True) == expected and Report.objects.count() == 2
    assert actions.clean_up() == expected
    assert list(Report.objects.all()) == [running]
    with pytest.raises(RetrospectiveError, match="1 to 36,500"):
        actions.clean_up(0)


def test_html_in_every_text_is_text(person):
    evil = "<b onclick=x>&\"'"
    rows, _ = read_rows([sprint(one, sprint_name=f"{evil}{one}") for one in range(1, 13)], evil)
    actions.keep(rows, source="file")
    content = compose(actions.chosen(team=evil), context=evil)
    report = actions.keep_report(content, team=evil, task=None, by=evil, tried=())
    client = person(Role.OPERATOR)
    for path in ("/sprints/", "/retrospectives/", report.get_absolute_url(), "/retrospectives/new/",
                 f"/retrospectives/compare/?old={report.pk}&new={report.pk}", f"/sprints/{Sprint.objects.first().pk}/"):
        answer = client.get(path)
        assert answer.status_code == 200 and "<b onclick" not in answer.text, path
    assert "<b onclick" not in markdown(report)


def test_who_may_do_what(person):
    report = made()
    viewer = person(Role.VIEWER)
    for path in ("/sprints/", "/retrospectives/", report.get_absolute_url(), f"{report.get_absolute_url()}report.md",
                 f"{report.get_absolute_url()}report.json"):
        assert viewer.get(path).status_code == 200, path
    for path in ("/sprints/import/", "/sprints/new/", "/retrospectives/new/"):
        assert viewer.get(path).status_code == 403, path
    pk = Sprint.objects.first().pk
    assert viewer.post(f"/sprints/{pk}/", {}).status_code == 403
    assert viewer.post(f"/sprints/{pk}/delete/").status_code == 403


def test_a_sprint_by_hand_with_a_wrong_value_keeps_what_was_typed(person):
    client = person(Role.OPERATOR)
    given = {"sprint_id": "1", "sprint_name": "First", "start_date": "2026-01-05", "end_date": "2026-01-16",
             "team_happiness": "12", "bugs_prod": "3"}
    answer = client.post("/sprints/new/", given)
    assert answer.status_code == 422 and "happiness goes from 0 to 10" in answer.text and 'value="3"' in answer.text
    assert client.post("/sprints/new/", {**given, "team_happiness": "8"}).status_code == 302
    assert Sprint.objects.get().values == {"team_happiness": 8.0, "bugs_prod": 3}


def test_a_page_of_reports_asks_a_bounded_number_of_queries(person, django_assert_max_num_queries):
    report = made()
    for _ in range(5):
        actions.keep_report(report.content, team="", task=None, by="mara", tried=())
    client = person(Role.VIEWER)
    with django_assert_max_num_queries(6):
        client.get("/retrospectives/")
    with django_assert_max_num_queries(6):
        client.get(report.get_absolute_url())


def test_from_the_command_line(tmp_path):
    file, out = tmp_path / "sprints.json", io.StringIO()
    file.write_text(json.dumps([sprint(one) for one in range(1, 13)]))
    call_command("retrospective", "import", str(file), "--team", "Harbour", stdout=out)
    assert out.getvalue().startswith("12 new, 0 replaced")
    report = actions.keep_report(compose(actions.chosen(team="Harbour")), team="Harbour", task=None, by="x", tried=())
    shown = io.StringIO()
    call_command("retrospective", "show", str(report.pk), stdout=shown)
    assert shown.getvalue().startswith("# Review is where the work waits")
    with pytest.raises(CommandError, match="There is no report 999"):
        call_command("retrospective", "show", "999")
    with pytest.raises(CommandError, match="There is no metric"):
        call_command("retrospective", "generate", "--team", "Harbour", "--focus", "velocity")
    with pytest.raises(CommandError, match="METRICS_API_URL"):
        call_command("retrospective", "sync")


@pytest.mark.django_db(transaction=True)
def test_a_language_model_that_fails_leaves_the_words_of_the_rule(redis_server, workers, eventually):
    kept()
    workers(1, environ={"LLM_BASE_URL": "http://127.0.0.1:9/v1", "LLM_TIMEOUT": "1"})
    task = enqueue(GenerateReport, {})
    assert eventually(lambda: Task.objects.get(pk=task.pk).state == "succeeded", 20, "the report is made")
    assert Report.objects.get().content["written_by"] == "rule"
    assert any("did not answer" in line.text for line in task.log_lines.all())
