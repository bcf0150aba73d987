"""A report, from sprints to all that it says. Importing this imports numpy: see `retrospectives.analysis`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from retrospectives.analysis import SURE_TREND, Analysis, Line, analyse, related
from retrospectives.experiments import Proposal, proposals
from retrospectives.following import Followed
from retrospectives.hypotheses import Hypothesis, hypotheses
from retrospectives.metrics import EVERY, SIZES
from retrospectives.models import Sprint
from retrospectives.wording import WORDS, p_text

ENOUGH = 6
"""Sprints below which nothing is claimed: see `retrospectives.evidence.shifts.MINIMUM`."""
GOOD = 12


def compose(sprints: Sequence[Sprint], *, focus: Sequence[str] = (), context: str = "",
            tried: Sequence[Followed] = (), unbegun: Sequence[str] = ()) -> dict[str, Any]:
    """All that a report says of these sprints of one team, oldest first, as JSON. Deterministic: the same sprints give
    the same words. `tried`: what became of experiments; `unbegun`: titles of those that nobody began."""
    names = [sprint.name for sprint in sprints]
    series = {key: [sprint.whole[key] for sprint in sprints] for key in EVERY}
    series = {key: values for key, values in series.items() if any(value is not None for value in values)}
    analysis, pairs = analyse(series, focus), related(series, focus)
    found = hypotheses(analysis, names, pairs)
    tries = proposals(analysis, found)
    return {
        "headline": _headline(analysis, found, names),
        "summary": _summary(analysis, found, names, tried),
        "certainty": _certainty(analysis, sprints),
        "sprints": [{"id": one.sprint_id, "name": one.name, "start_date": str(one.start_date),
                     "end_date": str(one.end_date)} for one in sprints],
        "focus_metrics": list(focus),
        "custom_context": context,
        "hypotheses": [_hypothesis(one) for one in found],
        "experiments": [_experiment(one) for one in tries],
        "followed": [{"title": one.experiment.title, "report": one.experiment.report_id, "state": one.state,
                      "text": one.text} for one in tried],
        "unbegun": list(unbegun),
        "facilitation": _facilitation(found),
        "trends": [_trend(line, names) for line in analysis.lines.values()],
        "correlations": [_plain({"first": one.first, "second": one.second, "lag": one.lag, "rho": one.rho,
                                 "points": one.points, "p": one.p, "adjusted_p": one.adjusted})
                         for one in pairs],
        "sizes": _sizes(sprints),
        "silent": analysis.silent,
        "written_by": "rule",
    }


def _headline(analysis: Analysis, found: Sequence[Hypothesis], names: Sequence[str]) -> str:
    if analysis.length < ENOUGH:
        return f"Not enough data yet: {analysis.length} sprints, {ENOUGH} are needed"
    if not found:
        return f"No change that chance would not explain, over {analysis.length} sprints"
    first = found[0]
    return f"{first.title}, since {names[first.since]}" if first.since else first.title


def _summary(analysis: Analysis, found: Sequence[Hypothesis], names: Sequence[str], tried: Sequence[Followed]) -> str:
    said = []
    if analysis.length < ENOUGH:
        said.append(f"With {analysis.length} sprints every claim would be a guess, so this report makes none. "
                    f"It shows the numbers, and needs {ENOUGH - analysis.length} more to look for changes.")
    elif not found:
        said.append("The numbers went up and down as they usually do. That is a finding as well: nothing that was "
                    "tried in this time, and nothing that went wrong, has changed a level.")
    else:
        for one in found:
            said.append(f"{one.evidence[0].statement} ({p_text(one.evidence[0].p)}).")
    last = [line for line in analysis.lines.values() if _outside_now(line)]
    if last:
        said.append(f"In {names[-1]} " + "; ".join(_said_outside(line) for line in last[:3]) + ".")
    if tried:
        worked = sum(one.state == "worked" for one in tried)
        ended = sum(one.state in ("worked", "failed") for one in tried)
        if ended:
            said.append(f"Of {ended} experiment{'s' * (ended > 1)} that ended, {worked} reached "
                        f"{'its' if ended == 1 else 'their'} aim.")
    return " ".join(said)


def _outside_now(line: Line) -> bool:
    """Whether the value of the last sprint lies outside the natural limits."""
    return bool(line.behaviour and line.behaviour.outside and line.positions[line.behaviour.outside[-1]]
                == len(line.values) - 1)


def _said_outside(line: Line) -> str:
    metric, value = EVERY[line.key], line.values[-1]
    limit, word = (line.behaviour.upper, "above") if value > line.behaviour.mean else (line.behaviour.lower, "below")
    return f"{metric.label.lower()} was {metric.say(value)}, {word} its limit of {metric.say(limit)}"


def _certainty(analysis: Analysis, sprints: Sequence[Sprint]) -> str:
    cells = sum(len(line.values) for line in analysis.lines.values())
    known = sum(len(line.positions) for line in analysis.lines.values())
    share = 100 * known // max(1, cells)
    base = (f"Built from {analysis.length} sprints and {len(analysis.lines)} metrics; {share} % of the values are "
            "there.")
    if analysis.length < ENOUGH:
        return f"{base} Below {ENOUGH} sprints no change can be told from chance."
    few = "" if analysis.length >= GOOD else \
        f" With fewer than {GOOD} sprints only large changes can be seen; what is not shown may still be there."
    return f"{base} A team in which nothing changes would be given a hypothesis in about one report of twenty.{few}"


def _hypothesis(one: Hypothesis) -> dict[str, Any]:
    return _plain({
        "title": one.title, "description": one.description, "confidence": one.confidence,
        "confidence_score": one.score, "evidence": [asdict(each) for each in one.evidence],
        "affected_metrics": list(one.affected), "would_refute": one.would_refute, "family": one.family,
        "better": one.better, "lead": one.lead, "since": one.since,
    })


def _experiment(one: Proposal) -> dict[str, Any]:
    return {"title": one.title, "steps": list(one.steps), "duration_sprints": one.duration_sprints,
            "success_measure": one.success_measure, "hypothesis": one.hypothesis, "measure": one.measure,
            "target": one.target}


def _facilitation(found: Sequence[Hypothesis]) -> dict[str, Any]:
    asked = [WORDS[one.family].question for one in found]
    general = ["What surprised you in these numbers?", "What did the numbers not see?",
               "What is the smallest thing that we could change for the next sprint?"]
    questions = (asked + general)[:3]
    return {"questions": questions, "agenda": [
        {"minutes": "0–2", "text": "Read the headline aloud. No discussion yet."},
        {"minutes": "2–7", "text": questions[0] + " Each writes one line, then all are read."},
        {"minutes": "7–11", "text": questions[1]},
        {"minutes": "11–14", "text": questions[2] + " Choose one experiment, and who looks after it."},
        {"minutes": "14–15", "text": "Say aloud what was decided, and when it will be looked at."},
    ]}


def _trend(line: Line, names: Sequence[str]) -> dict[str, Any]:
    metric, found = EVERY[line.key], {}
    if line.behaviour:
        found["limits"] = {"mean": line.behaviour.mean, "lower": line.behaviour.lower, "upper": line.behaviour.upper}
        found["signals"] = sorted({line.positions[at] for at in (
            *line.behaviour.outside, *line.behaviour.runs, *line.behaviour.near)})
    if line.shift:
        found["shift"] = {"since": names[line.positions[line.shift.at]], "before": line.shift.before,
                          "after": line.shift.after, "p": line.shift.p, "adjusted_p": line.adjusted}
    if line.trend:
        found["slope"] = {"per_sprint": line.trend.slope, "tau": line.trend.tau, "p": line.trend.p,
                          "sure": line.trend.p <= SURE_TREND}
    return _plain({
        "metric": line.key, "label": metric.label, "unit": metric.unit, "better": metric.better,
        "values": list(line.values), "average": list(line.average),
        "outliers": [line.positions[at] for at in line.outliers], **found,
    })


def _sizes(sprints: Sequence[Sprint]) -> list[dict[str, Any]]:
    """The mix of story sizes in per cent of the points, for the sprints that have all three."""
    mix = []
    for one in sprints:
        points = {size: one.values.get(key) for size, key in SIZES.items()}
        total = sum(points.values()) if None not in points.values() else 0
        if total:
            mix.append({"sprint": one.name, **{size: round(100 * value / total, 1) for size, value in points.items()}})
    return mix


def _plain(value: Any) -> Any:
    """As JSON can hold it: numbers rounded to what they are worth, no infinity."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    return value
