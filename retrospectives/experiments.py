"""What to try next, with a measure that will tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from retrospectives.analysis import Analysis
from retrospectives.hypotheses import Hypothesis
from retrospectives.metrics import EVERY, LOWER
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
