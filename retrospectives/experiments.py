"""What to try next, with a measure that will tell; and what became of what was tried."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from retrospectives.analysis import Analysis
from retrospectives.hypotheses import Hypothesis
from retrospectives.metrics import EVERY, LOWER
from retrospectives.models import Experiment, Sprint
from retrospectives.wording import WORDS

MOST = 3


@dataclass(frozen=True, slots=True)
class Proposal:
    """An experiment that a report proposes. `target`: what the mean of `measure` should reach while it runs."""

    title: str
    steps: tuple[str, ...]
    duration_sprints: int
    measure: str
    target: float
    hypothesis: str

    @property
    def success_measure(self) -> str:
        metric = EVERY[self.measure]
        return f"{metric.label}: {'at most' if metric.better == LOWER else 'at least'} {metric.say(self.target)}"


def proposals(analysis: Analysis, found: Sequence[Hypothesis]) -> tuple[Proposal, ...]:
    """One for each hypothesis, at most MOST. What got worse has to come back to where it was before; what got better
    has to stay."""
    made = []
    for one in found[:MOST]:
        words, line = WORDS[one.family], analysis.lines[one.lead]
        split = one.since or len(line.values) // 2
        side = line.values[split:] if one.better else line.values[:split]
        known = [value for value in side if value is not None]
        if one.better:
            title, steps, duration = f"Keep it: {one.title[0].lower()}{one.title[1:]}", (
                "Write down what was changed at that time", "Go on with it, and look at the same number again"), 2
        else:
            title, steps, duration = words.experiment, words.steps, words.duration
        made.append(Proposal(title, steps, duration, one.lead, round(sum(known) / len(known), 2), one.title))
    return tuple(made)


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
