"""Charts: whatever the values are, the picture is well-formed, says nothing that was not asked, and leaves gaps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

import pytest

from events.charts import SECONDS, Series, count, line
from events.charts.bars import bars
from events.charts.units import number, seconds, size, ticks

EVIL = '<b onclick="x">&"\''
BEGIN = datetime(2026, 11, 1, tzinfo=UTC)


def times(values: list) -> list[datetime]:
    return [BEGIN + timedelta(minutes=place) for place in range(len(values))]


@pytest.mark.parametrize("values", [[], [None], [5], [0], [0, 0, 0], [None, 3, None, 4, 5], [1e7, 4.5, 3], [
    float(place % 7) for place in range(60)]])
@pytest.mark.parametrize("draw", [line, bars])
def test_a_chart_is_well_formed_and_escaped_for_any_values(draw, values):
    series = [Series(EVIL, values), Series("b", values, "task:failed", dashed=True)]
    markup = draw("k", times(values), series, count(EVIL), EVIL).figure(EVIL, EVIL)
    ElementTree.fromstring(markup.replace("scope=col", 'scope="col"'))
    assert "<b onclick" not in markup and "style=" not in markup and "nan" not in markup


@pytest.mark.parametrize("draw", [line, bars])
def test_without_a_value_a_chart_says_that_there_is_none(draw):
    assert "No data" in draw("k", times([None]), [Series("a", [None])], SECONDS).plot


def test_nothing_that_ended_is_a_zero_and_no_gap():
    chart = bars("k", times([0, 0]), [Series("a", [0, 0])], count("tasks"))
    assert "No data" not in chart.plot and "bar" not in chart.plot and chart.plot.count("a 0") == 4


def test_columns_stand_on_each_other_and_are_told_one_by_one():
    chart = bars("k", times([1, 2]), [Series("good", [1, 2]), Series("bad", [1, None], "task:failed")], count("tasks"))
    root = ElementTree.fromstring(chart.plot)
    columns = [one for one in root.iter("rect") if one.get("class") == "bar"]
    assert [one.get("y") for one in columns] == ["50%", "0%", "0%"]
    assert [one.get("height") for one in columns] == ["50%", "50%", "100%"]
    tips = [one.text for one in root.iter("title")]
    assert tips == ["1 Nov 00:00: good 1, bad 1", "1 Nov 00:01: good 2"]
    assert [one.get("id") for one in root.iter("input")] == ["k-0", "k-1"]


def test_numbers_are_written_as_people_read_them():
    assert [seconds(value) for value in (0.012, 4.1, 38, 112, 3600, 273600)] == [
        "12 ms", "4.1 s", "38 s", "1 min 52 s", "1 h", "3 d 4 h"]
    assert [size(0), size(46 * 1024**2), number(1204881), number(-0.5)] == ["0 B", "46 MiB", "1,204,881", "−0.5"]
    assert ticks(0, 113) == [0, 50, 100, 150] and ticks(0, 2, whole=True) == [0, 1, 2] and ticks(5, 5)[-1] > 5
