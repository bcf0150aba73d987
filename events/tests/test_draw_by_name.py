"""Bars by name, and cells by two names."""

from __future__ import annotations

from events.charts import Series, count, heat, ranks
from events.charts.heat import shade

TASKS = count("tasks")


def test_a_bar_for_each_name_says_its_value_and_leads_somewhere():
    chart = ranks("lanes", ["stacks", "<b>"], Series("Tasks", [8, 2]), TASKS, first="Lane",
                  links=["/tasks/?q=lane:stacks", ""], notes=["2 failed", ""])
    assert 'width="100%" height="16"' in chart.plot and 'width="25%"' in chart.plot
    assert "stacks: 8, 2 failed" in chart.plot and "&lt;b&gt;: 2" in chart.plot and "<b>" not in chart.plot
    assert chart.plot.count('href="/tasks/?q=lane:stacks"') == 1 and chart.plot.count('type="radio"') == 2
    assert '<a href="/tasks/?q=lane:stacks">stacks</a>' in chart.table
    assert "No data" in ranks("none", ["a"], Series("Tasks", [0]), TASKS).plot


def test_a_cell_for_each_hour_is_darker_where_there_is_more():
    chart = heat("week", ["Monday", "Tuesday"], ["00:00", "01:00"], [[0, 1], [5, 10]], TASKS, "Tasks",
                 links=[["", "/a"], ["/b", "/c"]], notes=[["", ""], ["", "3 failed"]])
    assert [f'data-heat="{level}"' in chart.plot for level in range(6)] == [True, True, False, True, False, True]
    assert "Tuesday 01:00: 10, 3 failed" in chart.plot and chart.plot.count("tabindex") == 3
    assert "<td>Tuesday</td>" in chart.table
    assert "No data" in heat("none", ["a"], ["b"], [[0]], TASKS, "Tasks").plot
    assert [shade(value, 10) for value in (0, 0.1, 2, 2.1, 10)] == [0, 1, 1, 2, 5]
