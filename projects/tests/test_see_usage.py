"""See what a project used in the last hour: measured by watch, bounded, as charts with their numbers."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts.tests.people import signed_in
from projects import actions, reconcile
from projects.engines.base import Usage
from projects.models import Project, UsageSample
from projects.tests.engines.kit import PYTHON
from projects.tests.engines.processes_seen import until
from projects.tests.stack_tasks import SERVE, down, folder_of, started
from projects.usage import SLOTS, Recorder, history_of

pytestmark = pytest.mark.django_db

BEGIN = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.fixture
def project() -> Project:
    return actions.create_project(name="busy", path=str(folder_of("busy", "web: serve $PORT\nworker: work\n")))


def measured(recorder: Recorder, project: Project, begin: datetime, seconds: int, cpu: float = 0.5) -> None:
    """As watch would, every five seconds: the counters grow by 100 and 50 bytes a second."""
    for second in range(0, seconds, 5):
        at = begin + timedelta(seconds=second)
        count = int(at.timestamp())
        usages = [Usage(name, cpu, 1000 + second, 1, disk_read=count * 100, disk_written=count * 50)
                  for name in ("web", "worker")]
        recorder.add(project.pk, usages, at)
        recorder.flush({project.pk}, at)


def test_a_stretch_is_averages_and_rates(project):
    measured(Recorder(), project, BEGIN, 95, cpu=0.25)
    samples = UsageSample.objects.filter(service="web").order_by("at")
    assert [sample.at for sample in samples] == [BEGIN + timedelta(seconds=30 * number) for number in (1, 2, 3)]
    # The measurement at a border still counts for the stretch that ends there.
    assert (samples[1].cpu, samples[1].memory, samples[1].disk_read, samples[1].disk_written) == (0.25, 1060, 100, 50)
    assert samples[1].network_in is None, "what is not known is not zero"


def test_the_ring_never_grows_and_the_last_hour_is_read(project):
    recorder = Recorder()
    measured(recorder, project, BEGIN, 3 * 3600)
    assert UsageSample.objects.count() == 2 * SLOTS
    history = history_of(project, BEGIN + timedelta(hours=3))
    assert len(history.times) == SLOTS and set(history.services) == {"web", "worker"}
    assert sum(value is not None for value in history.services["web"]["cpu"]) >= SLOTS - 2
    assert history_of(project, BEGIN + timedelta(hours=5)).is_empty


def test_a_stop_is_a_gap_and_a_counter_that_goes_back_is_not_known(project):
    recorder = Recorder()
    measured(recorder, project, BEGIN, 60)
    recorder.add(project.pk, [], BEGIN + timedelta(seconds=60))
    for second in range(60, 180, 5):
        recorder.add(project.pk, [], BEGIN + timedelta(seconds=second))
        recorder.flush({project.pk}, BEGIN + timedelta(seconds=second))
    assert UsageSample.objects.filter(service="web", at__gt=BEGIN + timedelta(seconds=90)).count() == 0
    at = BEGIN + timedelta(seconds=200)
    recorder.add(project.pk, [Usage("web", 0.1, 5, 1, disk_read=10)], at)
    recorder.add(project.pk, [Usage("web", 0.1, 5, 1, disk_read=5)], at + timedelta(seconds=5))
    recorder.flush({project.pk}, at + timedelta(seconds=20))
    assert UsageSample.objects.filter(service="web").latest("at").disk_read is None


def test_a_deleted_project_is_not_written_and_all_projects_are_one_statement(project, django_assert_num_queries):
    recorder = Recorder()
    other = actions.create_project(name="other", path=project.path)
    for pk in (project.pk, other.pk, 987654):
        recorder.add(pk, [Usage("web", 0.1, 5, 1)], BEGIN)
    recorder.flush({project.pk, other.pk}, BEGIN)
    with django_assert_num_queries(1):
        assert recorder.flush({project.pk, other.pk}, BEGIN + timedelta(seconds=31)) == 2


def test_the_page_draws_it_with_axes_units_values_and_a_table(project):
    now = timezone.now()
    measured(Recorder(), project, now - timedelta(minutes=20), 1200, cpu=0.5)
    viewer = signed_in("viewer")
    text = viewer.get(reverse("projects:usage", args=[project.pk])).content.decode()
    for words in ("Processor", "Memory", "Disk", 'class="unit"', "Show the numbers", "50 %", "150 B/s",
                  "does not count what plain processes send", "All services"):
        assert words in text, words
    assert "style=" not in text and "<script>" not in text
    part = re.search(r'hx-get="([^"]+usage/charts[^"]+)"', text)[1].replace("&amp;", "&")
    assert viewer.get(part, headers={"HX-Request": "true"}).status_code == 204


def test_nothing_measured_is_said(project, api):
    text = signed_in("viewer").get(reverse("projects:usage", args=[project.pk])).content.decode()
    assert "Nothing was measured in the last hour" in text
    assert api("viewer").get(f"/api/projects/{project.pk}/usage").json()["services"] == {}


@pytest.mark.django_db(transaction=True)
def test_a_service_without_a_process_uses_nothing_that_is_known(redis_server, monkeypatch):
    project = started(actions.create_project(
        name="brief", path=str(folder_of("brief", f"release: true\nweb: {SERVE}\n"))))
    monkeypatch.setattr(reconcile, "USAGE_EVERY", 0.0)

    def memory() -> dict[str, int | None]:
        reconcile.reconcile()
        return dict(project.services.values_list("name", "memory"))

    try:
        until(lambda: memory()["web"], 20, "web is measured")
        assert memory()["release"] is None
    finally:
        down(project)


@pytest.mark.django_db(transaction=True)
def test_watch_measures_what_runs(redis_server, monkeypatch, api):
    folder = folder_of("burning", f"worker: {PYTHON} burn.py\n")
    (folder / "burn.py").write_text("import os\nwhile True:\n    sum(range(10000))\n    os.write(1, b'x')\n")
    project = started(actions.create_project(name="burning", path=str(folder)))
    clock = {"now": datetime.now(UTC)}
    monkeypatch.setattr(reconcile, "USAGE_EVERY", 0.0)
    monkeypatch.setattr(reconcile, "_recorder", Recorder())
    try:
        def sampled() -> bool:
            reconcile.reconcile()
            clock["now"] += timedelta(seconds=30)
            reconcile._recorder.flush({project.pk}, clock["now"])
            return UsageSample.objects.filter(project=project, cpu__gt=0.05, memory__gt=1_000_000).exists()

        until(sampled, 20, "a sample with some use")
    finally:
        down(project)
