"""REST: sprints, and the experiments that reports proposed."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal

from django.http import Http404, HttpRequest
from ninja import Field, Query, Router, Schema, Status
from pydantic import ConfigDict, create_model

from accounts.api_auth import allow
from accounts.models import Role
from events.api_lists import ListOut, ListQuery
from events.keyset import take
from retrospectives import actions
from retrospectives.metrics import METRICS, SIZES
from retrospectives.models import Experiment, Sprint

sprints_router = Router(tags=["Retrospectives"])
experiments_router = Router(tags=["Retrospectives"])
OPERATOR = allow(Role.OPERATOR)


class SprintOut(Schema):
    """`values`: numbers by metric; a metric without a value is not there."""

    id: int
    sprint_id: str
    sprint_name: str
    team_id: str | None
    start_date: date
    end_date: date
    values: dict[str, float]
    source: str
    fetched_at: datetime


class SprintList(ListOut):
    items: list[SprintOut]


class SprintQuery(ListQuery):
    team_id: str | None = Field(None, max_length=100)


class SprintNames(Schema):
    """A sprint; metrics that are left out, or null, have no value."""

    model_config = ConfigDict(extra="forbid")

    sprint_id: str = Field(max_length=1000)
    start_date: str = Field(max_length=40, description="such as 2026-11-09")
    end_date: str = Field(max_length=40)
    sprint_name: str | None = None
    team_id: str | None = None
    story_point_distribution: dict[Literal[tuple(SIZES)], float | None] | None = Field(
        None, description="story points in small, medium and large stories")


SprintIn = create_model("SprintIn", __base__=SprintNames, **{
    key: (float | None, Field(None, description=metric.label)) for key, metric in METRICS.items()
})


class ImportIn(Schema):
    model_config = ConfigDict(extra="forbid")

    content: str = Field(max_length=1024 * 1024, description="a CSV or JSON file of sprints, as text")
    team_id: str = Field("", max_length=100, description="of the sprints that name none")


class FaultOut(Schema):
    row: int
    field: str
    message: str


class ImportedOut(Schema):
    created: int
    updated: int
    skipped: int
    errors: list[FaultOut] = Field(description="rows that were left out")


class ExperimentOut(Schema):
    """`state`: proposed, running, worked, failed or dropped."""

    id: int
    report: int
    title: str
    measure: str
    target: float
    duration_sprints: int
    state: str
    owner: str
    outcome: str
    began_at: datetime | None


class ExperimentList(ListOut):
    items: list[ExperimentOut]


class ExperimentQuery(ListQuery):
    state: Experiment.State | None = None


class BeginIn(Schema):
    model_config = ConfigDict(extra="forbid")

    owner: str = Field(description="who looks after it; 100 characters at most")


@sprints_router.get("", response=SprintList, summary="List sprints")
def list_sprints(request: HttpRequest, query: Query[SprintQuery]):
    """In the order in which they were entered."""
    sprints = Sprint.objects.all() if query.team_id is None else Sprint.objects.filter(team=query.team_id)
    part = take(sprints, limit=query.limit, cursor=query.cursor, ascending=query.order == "asc")
    return {"items": [_shaped(one) for one in part.items], "next_cursor": part.next_cursor}


@sprints_router.post("", response={201: SprintOut}, auth=OPERATOR, summary="Enter a sprint")
def enter_sprint(request: HttpRequest, body: SprintIn):
    """In place of an earlier one of its team and `sprint_id`."""
    return Status(201, _shaped(actions.enter(body.dict(exclude_none=True))))


@sprints_router.post("/import", response=ImportedOut, auth=OPERATOR, summary="Import sprints")
def import_sprints(request: HttpRequest, body: ImportIn):
    """Rows that are wrong are left out, and told."""
    return actions.import_file(body.content.encode(), body.team_id.strip()).as_dict()


@sprints_router.get("/{sprint}", response=SprintOut, summary="Show a sprint")
def show_sprint(request: HttpRequest, sprint: int):
    return _shaped(_sprint(sprint))


@sprints_router.delete("/{sprint}", response={204: None}, auth=OPERATOR, summary="Delete a sprint")
def delete_sprint(request: HttpRequest, sprint: int):
    """Reports that were made of it stay as they are."""
    actions.remove_sprint(_sprint(sprint))
    return Status(204, None)


@experiments_router.get("", response=ExperimentList, summary="List experiments")
def list_experiments(request: HttpRequest, query: Query[ExperimentQuery]):
    """What reports proposed to try."""
    rows = Experiment.objects.all() if query.state is None else Experiment.objects.filter(state=query.state)
    part = take(rows, limit=query.limit, cursor=query.cursor, ascending=query.order == "asc")
    return {"items": [_told(one) for one in part.items], "next_cursor": part.next_cursor}


@experiments_router.post("/{experiment}/begin", response=ExperimentOut, auth=OPERATOR, summary="Begin an experiment")
def begin_experiment(request: HttpRequest, experiment: int, body: BeginIn):
    """One that was proposed; the report after its sprints says what became of it."""
    return _moved(experiment, lambda one: actions.begin(one, body.owner))


@experiments_router.post("/{experiment}/drop", response=ExperimentOut, auth=OPERATOR, summary="Drop an experiment")
def drop_experiment(request: HttpRequest, experiment: int):
    """It is not tried, or no longer."""
    return _moved(experiment, actions.drop)


def _sprint(key: int) -> Sprint:
    try:
        return Sprint.objects.get(pk=key)
    except Sprint.DoesNotExist:
        raise Http404(f"There is no sprint {key}.") from None


def _shaped(one: Sprint) -> dict[str, Any]:
    return {"id": one.pk, "sprint_id": one.sprint_id, "sprint_name": one.name, "team_id": one.team or None,
            "start_date": one.start_date, "end_date": one.end_date, "values": one.values, "source": one.source,
            "fetched_at": one.fetched_at}


def _moved(key: int, move: Any) -> dict[str, Any]:
    found = Experiment.objects.filter(pk=key).first()
    if found is None:
        raise Http404(f"There is no experiment {key}.")
    move(found)
    found.refresh_from_db()
    return _told(found)


def _told(one: Experiment) -> dict[str, Any]:
    return {"id": one.pk, "report": one.report_id, "title": one.title, "measure": one.measure, "target": one.target,
            "duration_sprints": one.duration_sprints, "state": one.state, "owner": one.owner, "outcome": one.outcome,
            "began_at": one.began_at}
