"""What is found in teams of which the truth is known; `bin/bench retrospectives` does it with a thousand of each."""

from __future__ import annotations

import pytest

from retrospectives.analysis import analyse, related
from retrospectives.hypotheses import hypotheses
from retrospectives.metrics import EVERY, METRICS
from retrospectives.synthetic import FAMILY, SPRINTS, STEP, teams

NAMES = [f"S{number}" for number in range(1, 21)]


def found(series, focus=()):
    return hypotheses(analyse(series, focus), NAMES)


def test_a_family_that_gets_worse_together_is_found_and_ranked_first():
    first = [next(iter(found(team)), None) for team in teams("family", 40)]
    hits = [one for one in first if one and one.family == "quality" and not one.better]
    assert len(hits) >= 30
    one = hits[0]
    assert set(one.affected) == set(FAMILY) and one.lead in FAMILY and one.evidence[0].p <= 0.06
    assert abs(one.since - SPRINTS // 2) <= 1 and NAMES[one.since] in one.evidence[0].statement


def test_teams_in_which_nothing_changes_are_seldom_given_a_hypothesis():
    assert sum(bool(found(team)) for team in teams("none", 40)) <= 6


def test_one_metric_alone_that_steps_is_found_in_many_teams():
    hits = sum(any(STEP in one.affected and not one.better for one in found(team)) for team in teams("single", 40))
    assert hits >= 12


def test_a_constant_an_empty_and_a_short_series_are_no_claim():
    series = {"review_time": [5.0] * 12, "bugs_prod": [None] * 12, "coding_time": [1.0, 2.0, 3.0] + [None] * 9}
    analysis = analyse(series)
    assert hypotheses(analysis, NAMES) == () and related(series) == ()
    assert analysis.silent == {"bugs_prod": 0, "coding_time": 3}
    assert analysis.lines["bugs_prod"].behaviour is None


def test_gaps_do_not_move_the_place_of_a_change():
    values = [1.0, None, 1.2, 0.9, 1.1, None, 1.0, 8.0, 8.2, None, 7.9, 8.1, 8.0, 8.1]
    analysis = analyse({"review_time": values}, ["review_time"])
    line = analysis.lines["review_time"]
    assert line.positions[line.shift.at] == 7
    (one,) = hypotheses(analysis, NAMES)
    assert one.since == 7 and one.family == "review" and not one.better
    assert "from S8 on" in one.evidence[0].statement


def test_what_got_better_is_told_as_such():
    (one,) = found({"team_happiness": [5.0, 5.1, 4.9, 5.0, 5.2, 5.0, 8.0, 8.1, 7.9, 8.0, 8.2, 8.1]}, ["team_happiness"])
    assert one.better and one.title == "The team is happier"


def test_no_more_than_three_and_no_family_twice():
    step = [1.0, 1.1, 0.9, 1.0, 1.05, 0.95]
    worse = {key: [*step, *(9 + one for one in step)] for key in METRICS if EVERY[key].better == -1}
    many = found(worse)
    assert len(many) == 3 and len({one.family for one in many}) == 3


@pytest.mark.parametrize("length", [3, 4, 5])
def test_below_six_sprints_nothing_is_claimed(length):
    analysis = analyse({"review_time": list(range(length)), "coding_time": list(range(length))})
    assert hypotheses(analysis, NAMES) == ()
    assert set(analysis.silent) == {"review_time", "coding_time"}
