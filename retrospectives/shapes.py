"""A report as the API and downloads give it: JSON and Markdown."""

from __future__ import annotations

from typing import Any

from retrospectives.models import Report
from retrospectives.wording import p_text


def report_dict(report: Report) -> dict[str, Any]:
    """Everything a report says, with its experiments as they stand now."""
    content = report.content
    proposed = {one["title"]: one for one in content["experiments"]}
    return {
        **{name: content[name] for name in (
            "headline", "summary", "certainty", "sprints", "focus_metrics", "custom_context", "hypotheses", "followed",
            "facilitation", "trends", "correlations")},
        "id": report.pk,
        "team_id": report.team or None,
        "experiments": [
            {**proposed[one.title], "id": one.pk, "state": one.state, "owner": one.owner, "outcome": one.outcome}
            for one in report.experiments.all()
        ],
        "created_at": report.created_at,
    }


def markdown(report: Report) -> str:
    """A report as text that reads well in a chat, a wiki or a merge request."""
    content = report.content
    names = [one["name"] for one in content["sprints"]]
    lines = [f"# {_plain(content['headline'])}", "",
             _plain(f"{report.team or 'Retrospective'}, {names[0]} to {names[-1]}, "
                    f"made {report.created_at:%Y-%m-%d %H:%M} UTC"), "",
             _plain(content["summary"]), "", f"_{_plain(content['certainty'])}_", ""]
    if content["custom_context"]:
        lines += ["## Context", "", *(f"> {_plain(line)}" for line in content["custom_context"].splitlines()), ""]
    if content["hypotheses"]:
        lines += ["## Hypotheses", ""]
    for one in content["hypotheses"]:
        lines += [f"### {_plain(one['title'])} ({one['confidence'].lower()} confidence, {one['confidence_score']:.2f})",
                  "", _plain(one["description"]), ""]
        lines += [f"- {_plain(each['statement'])} ({_plain(each['statistic'])}"
                  f"{', ' + p_text(each['p']) if each['p'] is not None else ''})" for each in one["evidence"]]
        lines += ["", f"It would be refuted if: {_plain(one['would_refute'])}", ""]
    experiments = list(report.experiments.all())
    if experiments:
        lines += ["## Experiments", ""]
    proposed = {one["title"]: one for one in content["experiments"]}
    for one in experiments:
        said = proposed[one.title]
        lines += [f"### {_plain(one.title)} ({one.duration_sprints} sprints)", "",
                  *(f"1. {_plain(step)}" for step in said["steps"]), "",
                  f"Success: {_plain(said['success_measure'])}", ""]
    if content["followed"]:
        lines += ["## What became of earlier experiments", "",
                  *(f"- {_plain(one['title'])}: {one['state']}. {_plain(one['text'])}" for one in content["followed"]),
                  ""]
    lines += ["## In the meeting", "", *(f"1. {_plain(one)}" for one in content["facilitation"]["questions"]), "",
              *(f"- {one['minutes']} min: {_plain(one['text'])}" for one in content["facilitation"]["agenda"]), ""]
    return "\n".join(lines)


def _plain(text: str) -> str:
    """Text in which nothing is taken for Markdown or HTML."""
    for sign in "\\`*_[]#|":
        text = text.replace(sign, f"\\{sign}")
    return " ".join(text.replace("<", "&lt;").replace(">", "&gt;").split())
