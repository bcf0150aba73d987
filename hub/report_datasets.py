"""The data sets of projects and sprints: only this room knows both them and the report builder."""

from __future__ import annotations

from django.db.models import Count, FloatField, OuterRef, Subquery
from django.db.models.fields.json import KT
from django.db.models.functions import Cast

from analytics.builder.datasets import NUMBER, TIME, Column, DataSet, register
from projects.models import Project, Service
from retrospectives.metrics import METRICS
from retrospectives.models import Sprint

SERVICES = Subquery(Service.objects.filter(project=OuterRef("pk")).order_by().values("project").annotate(
    number=Count("pk")).values("number"))

register(
    DataSet(
        "projects", "Projects", Project.objects.all, (
            Column("id", "Id", NUMBER), Column("name", "Name"), Column("slug", "Slug"), Column("engine", "Engine"),
            Column("status", "State", source="state"), Column("desired", "Wanted"), Column("node", "Node"),
            Column("path", "Folder", wide=True), Column("reason", "Reason", wide=True),
            Column("services", "Services", NUMBER, SERVICES),
            Column("created_by", "Added by"), Column("created_at", "Added", TIME),
            Column("observed_at", "Seen", TIME), Column("state_since", "In this state since", TIME),
        ),
        ("id", "name", "engine", "status", "desired", "node", "services", "created_at"), at="created_at", place=1,
    ),
    DataSet(
        "sprints", "Sprint metrics", Sprint.objects.all, (
            Column("sprint_id", "Id"), Column("team", "Team"), Column("name", "Name"),
            Column("start_date", "Begin"), Column("end_date", "End"), Column("source", "Source"),
            *(Column(one.key, one.label, NUMBER, Cast(KT(f"values__{one.key}"), FloatField()))
              for one in METRICS.values()),
        ),
        ("team", "name", "start_date", "end_date", *list(METRICS)[:6]), place=2,
    ),
)
