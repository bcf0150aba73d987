"""Charts are well-formed, escaped, without inline style or script, and hold for odd input."""

from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

import pytest

from events.charts import BYTES, PERCENT, SECONDS, Series, count, line
from events.charts.pieces import time_labels
from events.charts.units import number, seconds, size, ticks

EVIL = '<b onclick="x">&"\''
BEGIN = datetime(2026, 11, 1, tzinfo=UTC)
FULL = [float(place % 7) for place in range(30)]


@pytest.mark.parametrize("unit", [PERCENT, SECONDS, BYTES, count(EVIL)])
@pytest.mark.parametrize(
    "values", [[], [None], [5.0], [0.0], [0.0, 0.0], [None, 3.0, None, 4.0, 5.0], [-3.0, 4.5, 1e7], FULL]
)
def test_every_picture_is_well_formed_and_escaped(unit, values):
    times = [BEGIN + timedelta(days=place) for place in range(len(values))]
    series = [Series(EVIL, values, area=True), Series("b", values, "task:failed", dashed=True)]
    text = line("key", times, series, unit, EVIL).figure(EVIL, EVIL)
    ElementTree.fromstring(text)
    assert "<b onclick" not in text and "style=" not in text and "nan" not in text


def test_a_gap_is_no_zero_one_point_is_a_dot_and_nothing_says_so():
    times = [BEGIN + timedelta(minutes=place) for place in range(3)]
    text = line("k", times, [Series("a", [1.0, None, 3.0])], PERCENT).plot
    assert "<path" not in text and text.count("<circle") == 2 and "1 Nov 00:01: no data" in text
    assert "No data" in line("k", [], [], PERCENT).plot and "radio" not in line("k", [], [], PERCENT).plot
    one = line("k", times[:1], [Series("a", [5.0])], PERCENT).plot
    assert 'cx="50%"' in one and one.count("<title>") == one.count("radio") == 1


def test_numbers_and_axes_are_round():
    assert ticks(0, 113) == [0, 50, 100, 150] and ticks(0, 2, whole=True) == [0, 1, 2] and ticks(5, 5)[-1] > 5
    assert [seconds(value) for value in (0.012, 4.1, 112, 3600)] == ["12 ms", "4.1 s", "1 min 52 s", "1 h"]
    assert [size(0), size(46 * 1024**2), number(1204881), number(-0.5)] == ["0 B", "46 MiB", "1,204,881", "−0.5"]
    hour = [BEGIN + timedelta(seconds=30 * place) for place in range(120)]
    assert sorted(time_labels(hour).values())[:2] == ["00:10", "00:20"]
