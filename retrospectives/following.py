"""What became of the experiments that somebody began."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from retrospectives.metrics import EVERY, LOWER
from retrospectives.models import Experiment, Sprint


@dataclass(frozen=True, slots=True)
class Followed:
    """What became of an experiment. `state`: one of Experiment.State; `text` says it with its numbers."""

    experiment: Experiment
    state: str
    text: str


def followed(running: Iterable[Experiment], sprints: Sequence[Sprint]) -> list[Followed]:
    """Judge experiments by the sprints that ended after they began, oldest first, as many as each was to take."""
    return [_judged(one, sprints) for one in running]


def _judged(one: Experiment, sprints: Sequence[Sprint]) -> Followed:
    metric = EVERY[one.measure]
    began = one.began_at.date()
    since = [sprint for sprint in sprints if sprint.end_date > began][: one.duration_sprints]
    if len(since) < one.duration_sprints:
        return Followed(one, Experiment.State.RUNNING,
                        f"{len(since)} of its {one.duration_sprints} sprints have ended; it is too early to say.")
    values = [value for sprint in since if (value := sprint.whole.get(one.measure)) is not None]
    if not values:
        return Followed(one, Experiment.State.RUNNING,
                        f"Its sprints have ended, and none has a value for {metric.label.lower()}: enter one.")
    mean = sum(values) / len(values)
    reached = mean <= one.target if metric.better == LOWER else mean >= one.target
    word = "at most" if metric.better == LOWER else "at least"
    return Followed(one, Experiment.State.WORKED if reached else Experiment.State.FAILED,
                    f"{metric.label} was {metric.say(mean)} on average in {_names(since)}; "
                    f"{word} {metric.say(one.target)} was the aim.")


def _names(sprints: Sequence[Sprint]) -> str:
    return " and ".join(sprint.name for sprint in sprints) if len(sprints) < 3 else \
        f"{sprints[0].name} to {sprints[-1].name}"
