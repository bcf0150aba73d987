"""What the API answers about a report; `retrospectives.composition` makes it. Numbers that are not known are null."""

from __future__ import annotations

from datetime import datetime

from ninja import Field, Schema


class Evidence(Schema):
    metric: str
    statement: str
    statistic: str
    p: float | None


class Hypothesis(Schema):
    title: str
    description: str
    confidence: str
    confidence_score: float
    evidence: list[Evidence]
    affected_metrics: list[str]
    would_refute: str


class Experiment(Schema):
    id: int
    title: str
    steps: list[str]
    duration_sprints: int
    success_measure: str
    hypothesis: str
    state: str
    owner: str
    outcome: str


class ReportSprint(Schema):
    id: str
    name: str
    start_date: str
    end_date: str


class FollowedOut(Schema):
    """What became of an experiment of an earlier report."""

    title: str
    report: int
    state: str
    text: str


class AgendaItem(Schema):
    minutes: str
    text: str


class Facilitation(Schema):
    questions: list[str]
    agenda: list[AgendaItem]


class Limits(Schema):
    """Between `lower` and `upper` the metric usually is."""

    mean: float | None
    lower: float | None
    upper: float | None


class Shift(Schema):
    since: str
    before: float | None
    after: float | None
    p: float | None
    adjusted_p: float | None


class Slope(Schema):
    per_sprint: float | None
    tau: float | None
    p: float | None
    sure: bool


class MetricTrend(Schema):
    """A metric over all sprints of the report; `outliers` and `signals` are places in `values`."""

    metric: str
    label: str
    unit: str
    better: int = Field(description="1: higher is better, -1: lower, 0: neither")
    values: list[float | None]
    average: list[float | None]
    outliers: list[int]
    limits: Limits | None = None
    signals: list[int] = []
    shift: Shift | None = None
    slope: Slope | None = None


class Correlation(Schema):
    """Two metrics that go together, the second `lag` sprints after the first."""

    first: str
    second: str
    lag: int
    rho: float | None
    points: int
    p: float | None
    adjusted_p: float | None


class ReportOut(Schema):
    id: int
    headline: str
    summary: str
    certainty: str
    sprints: list[ReportSprint]
    team_id: str | None
    focus_metrics: list[str]
    custom_context: str
    hypotheses: list[Hypothesis]
    experiments: list[Experiment]
    followed: list[FollowedOut]
    facilitation: Facilitation
    trends: list[MetricTrend]
    correlations: list[Correlation]
    created_at: datetime


