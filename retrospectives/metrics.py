"""What is measured of a sprint: each metric with its unit, its bounds and which way is better; and the families that
metrics are tested in together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

HIGHER, LOWER, NEITHER = 1, -1, 0


@dataclass(frozen=True, slots=True)
class Metric:
    """`better`: HIGHER, LOWER, or NEITHER where a change is neither good nor bad in itself; `low`, `high`: what the
    value cannot go beyond; `whole`: it is a count."""

    key: str
    label: str
    unit: str
    better: int
    high: float | None = None
    whole: bool = False
    low: float = 0.0

    def say(self, value: float) -> str:
        """The value as people read it, with its unit."""
        text = f"{value:,.0f}" if self.whole and value == int(value) else f"{value:,.1f}"
        return f"{text} {self.unit}".replace("-", "−").rstrip()


_ALL = (
    Metric("team_happiness", "Happiness", "of 10", HIGHER, 10),
    Metric("story_points_completed", "Points done", "points", HIGHER),
    Metric("story_points_planned", "Points planned", "points", NEITHER),
    Metric("points_small", "Points in small stories", "points", NEITHER),
    Metric("points_medium", "Points in medium stories", "points", NEITHER),
    Metric("points_large", "Points in large stories", "points", NEITHER),
    Metric("items_completed", "Items done", "items", HIGHER, whole=True),
    Metric("items_carried_over", "Items carried over", "items", LOWER, whole=True),
    Metric("items_out_of_sprint_percent", "Work from outside the sprint", "%", LOWER, 100),
    Metric("defect_rate_production", "Defect rate in production", "", LOWER),
    Metric("defect_rate_all", "Defect rate", "", LOWER),
    Metric("bugs_prod", "Bugs found in production", "bugs", LOWER, whole=True),
    Metric("bugs_acc", "Bugs found in acceptance", "bugs", LOWER, whole=True),
    Metric("bugs_test", "Bugs found in test", "bugs", LOWER, whole=True),
    Metric("bugs_dev", "Bugs found in development", "bugs", LOWER, whole=True),
    Metric("bugs_other", "Bugs found elsewhere", "bugs", LOWER, whole=True),
    Metric("open_bugs_count", "Open bugs", "bugs", LOWER, whole=True),
    Metric("bugs_missed_testing", "Bugs missed in testing", "bugs", LOWER, whole=True),
    Metric("bugs_missed_impact", "Bugs of an impact not seen", "bugs", LOWER, whole=True),
    Metric("bugs_requirement_gap", "Bugs of a gap in requirements", "bugs", LOWER, whole=True),
    Metric("bugs_configuration", "Bugs of configuration", "bugs", LOWER, whole=True),
    Metric("bugs_third_party", "Bugs of third parties", "bugs", LOWER, whole=True),
    Metric("bugs_database", "Bugs of the database", "bugs", LOWER, whole=True),
    Metric("bugs_security", "Security bugs", "bugs", LOWER, whole=True),
    Metric("coding_time", "Coding time", "h", LOWER),
    Metric("review_time", "Review time", "h", LOWER),
    Metric("testing_time", "Testing time", "h", LOWER),
)
METRICS = {metric.key: metric for metric in _ALL}
"""What is kept of a sprint, by key, in the order in which it is shown."""

SIZES = {"small": "points_small", "medium": "points_medium", "large": "points_large"}
"""The parts of `story_point_distribution`, and the metrics that they are kept as."""

_DERIVED = (
    Metric("large_share", "Share of points in large stories", "%", LOWER, 100),
    Metric("small_share", "Share of points in small stories", "%", HIGHER, 100),
    Metric("kept_share", "Points done of those planned", "%", HIGHER),
)
DERIVED = {metric.key: metric for metric in _DERIVED}
"""What follows from the kept values of the same sprint."""

EVERY = METRICS | DERIVED
SINGLES = tuple(key for key, metric in METRICS.items() if metric.better != NEITHER)
"""The metrics that are also tested alone."""


@dataclass(frozen=True, slots=True)
class Family:
    """Metrics that would move together if its `cause` were true."""

    key: str
    title: str
    members: tuple[str, ...]


FAMILIES = (
    Family("review", "Review bottleneck", ("review_time", "coding_time", "testing_time")),
    Family("slicing", "Story slicing", ("large_share", "small_share")),
    Family("quality", "Quality and testing gaps",
           ("bugs_missed_testing", "bugs_missed_impact", "bugs_requirement_gap")),
    Family("morale", "Team morale", ("team_happiness",)),
    Family("flow", "Flow and carry-over", ("items_carried_over", "items_out_of_sprint_percent", "items_completed")),
    Family("defects", "Defect patterns", (
        "defect_rate_production", "defect_rate_all", "bugs_prod", "bugs_acc", "bugs_test", "bugs_dev", "bugs_other",
        "open_bugs_count", "bugs_configuration", "bugs_third_party", "bugs_database", "bugs_security",
    )),
    Family("commitment", "Over-commitment", ("kept_share", "story_points_completed")),
)
FAMILY_OF = {member: family for family in FAMILIES for member in family.members}


def with_derived(values: Mapping[str, float | None]) -> dict[str, float | None]:
    """A sprint's values by key of EVERY, None where there is none."""
    whole = {key: values.get(key) for key in METRICS}
    sizes = [whole[key] for key in SIZES.values()]
    total = sum(sizes) if None not in sizes else 0
    whole["large_share"] = 100 * whole["points_large"] / total if total else None
    whole["small_share"] = 100 * whole["points_small"] / total if total else None
    done, planned = whole["story_points_completed"], whole["story_points_planned"]
    whole["kept_share"] = 100 * done / planned if planned and done is not None else None
    return whole
