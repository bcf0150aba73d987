"""Prometheus and Grafana look after Hub with the files of `deploy/monitoring`: what they ask for is what Hub says."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from django.core.cache import cache
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from accounts.models import Role
from accounts.tests.people import person
from hub.env import ROOT
from hub.tests.test_read_metrics import ended
from projects.models import Project
from tasks.monitor import shared

FILES = ROOT / "deploy" / "monitoring"
# Labels that Prometheus itself adds, and its own metric of a scrape.
ADDED, OF_PROMETHEUS = {"instance", "job"}, {"up"}
# Words of PromQL that stand before a parenthesis or a list of labels.
WORDS = {"by", "on", "and", "or", "unless", "offset", "group_right", "group_left", "ignoring", "without", "bool"}


def panels() -> list[dict]:
    return [one for one in json.loads((FILES / "grafana-dashboard.json").read_text())["panels"] if one["type"] != "row"]


def rules() -> list[dict]:
    return [rule for group in yaml.safe_load((FILES / "alerts.yml").read_text())["groups"] for rule in group["rules"]]


def asked() -> dict[str, str]:
    """Every expression, by where it stands, with the variables of Grafana filled in."""
    dashboard = json.loads((FILES / "grafana-dashboard.json").read_text())
    found = {f"{panel['title']} {target['refId']}": target["expr"] for panel in panels() for target in panel["targets"]}
    found |= {f"annotation {one['name']}": one["expr"] for one in dashboard["annotations"]["list"]}
    found |= {rule["alert"]: rule["expr"] for rule in rules()}
    return {name: expr.replace("$__rate_interval", "5m").replace("$instance", ".*") for name, expr in found.items()}


@pytest.fixture
def said(db, redis_server, projects_folder) -> dict[str, set[str]]:
    """The labels of every metric that /metrics answers, by its name, on a Hub where something has happened."""
    cache.clear()
    viewer = Client()
    viewer.force_login(person(Role.VIEWER, "vera"))
    Project.objects.create(name="Shop", slug="shop", path=str(projects_folder))
    viewer.get("/")
    for _ in range(2):  # the first look begins to count
        shared.forget()
        answer = viewer.get("/metrics")
        ended()
    return {sample.name: set(sample.labels) for family in text_string_to_metric_families(answer.content.decode())
            for sample in family.samples}


def selectors(expr: str) -> Iterator[tuple[str, set[str]]]:
    """Each metric that an expression names, with the labels that are asked of it."""
    plain = re.sub(r"\b(by|on|group_right) \([^)]*\)", "", re.sub(r'"[^"]*"', '""', expr))
    for match in re.finditer(r"\b([a-z_]+)\b(?!\s*\()(?:\{([^}]*)\})?", plain):
        if match[1] not in WORDS:
            yield match[1], set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", match[2] or ""))


def test_every_metric_and_label_is_one_of_hubs(said):
    for name, expr in asked().items():
        named = list(selectors(expr))
        assert named, name
        for metric, labels in named:
            assert metric in said or metric in OF_PROMETHEUS, f"{name}: there is no {metric}"
            assert labels <= said.get(metric, set()) | ADDED, f"{name}: {metric} has no {labels}"
        lists = re.findall(r"\b(?:by|on) \(([^)]*)\)", expr)
        grouped = {label.strip() for words in lists for label in words.split(",")}
        known = ADDED.union(*(said.get(metric, set()) for metric, _ in named))
        assert grouped <= known, f"{name}: {grouped - known}"


def test_what_is_not_there_would_be_found():
    assert list(selectors('sum by (lane) (rate(hub_gone{state=~"a|b"}[5m])) > 1')) == [("hub_gone", {"state"})]


def test_every_metric_of_the_tables_is_looked_at():
    """A metric that nobody looks at would be one too many."""
    described = set(re.findall(r"`(hub_\w+)", (ROOT / "docs" / "monitor.md").read_text()))
    looked_at = {re.sub(r"_(bucket|sum|count)$", "", metric) for expr in asked().values()
                 for metric, _ in selectors(expr)}
    assert described == looked_at - OF_PROMETHEUS


def test_every_panel_says_what_it_shows():
    for panel in panels():
        assert panel["description"] and panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert all(target["legendFormat"] or panel["type"] == "stat" for target in panel["targets"])
    places = [panel["gridPos"] for panel in panels()]
    cells = [(at["x"] + right, at["y"] + down) for at in places for right in range(at["w"]) for down in range(at["h"])]
    assert len(cells) == len(set(cells)) and all(x < 24 for x, _ in cells)


def test_every_alert_says_what_to_do():
    for rule in rules():
        assert rule["labels"]["severity"] in ("critical", "warning", "info")
        assert rule["annotations"]["summary"].strip() and rule["annotations"]["description"].endswith(".")


# --- By Prometheus' own tool ------------------------------------------------------------------------------------------


def promtool(*words: str | Path, cwd: Path = FILES) -> str:
    found = shutil.which("promtool")
    if found is None:
        pytest.skip("promtool is not here: install the Debian package prometheus.")
    done = subprocess.run([found, *map(str, words)], cwd=cwd, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_prometheus_reads_the_files(tmp_path):
    for name in ("prometheus.yml", "alerts.yml"):
        shutil.copy(FILES / name, tmp_path)
    (tmp_path / "hub.key").write_text("hub_...")
    assert f"{len(rules())} rules found" in promtool("check", "config", "prometheus.yml", cwd=tmp_path)


def test_every_question_of_the_dashboard_is_promql(tmp_path):
    records = [{"record": f"asked:{number}", "expr": expr} for number, expr in enumerate(asked().values())]
    (tmp_path / "asked.yml").write_text(yaml.safe_dump({"groups": [{"name": "asked", "rules": records}]}))
    assert f"{len(records)} rules found" in promtool("check", "rules", "asked.yml", cwd=tmp_path)


# By alert: what Prometheus has read each minute, and from which minute on it fires; None: it never does.
SEEN = {
    "HubDown": ({'up{job="hub",instance="a"}': "1 1 0x20"}, 4),
    "HubNoWorkers": ({'hub_workers{instance="a",state="idle"}': "2 0x20"}, 3),
    "HubRedisAway": ({'hub_info{instance="a"}': "1x20", 'hub_workers{instance="a",state="idle"}': "1 1 stale"}, 4),
    "HubNoWatch": ({'hub_events_lag_seconds{instance="a"}': "0 30x20"}, 3),
    "HubEventsNotSent": ({'hub_events_position{instance="a"}': "0+1000x20",
                          'hub_events_sent_position{instance="a",to="nats"}': "0x20"}, 8),
    "HubTasksFail": ({'hub_tasks_ended_total{instance="a",state="failed",job="j",lane="l"}': "0+2x30",
                      'hub_tasks_ended_total{instance="a",state="succeeded",job="j",lane="l"}': "0+4x30"}, 4),
    "HubTaskWaits": ({'hub_lane_oldest_seconds{instance="a",lane="x"}': "700x20",
                      'hub_lane_paused{instance="a",lane="x"}': "0x20"}, 6),
    "HubLanePaused": ({'hub_lane_paused{instance="a",lane="x"}': "1x80"}, 61),
    "HubProjectFailed": ({'hub_projects{instance="a",state="failed"}': "0 1x20"}, 7),
    "HubErrors": ({'hub_http_requests_total{instance="a",status="500",method="GET",route="/"}': "0+60x20"}, 8),
    "HubSlow": ({'hub_http_request_seconds_bucket{instance="a",method="GET",le="1.0"}': "0+1x20",
                 'hub_http_request_seconds_bucket{instance="a",method="GET",le="2.5"}': "0+60x20",
                 'hub_http_request_seconds_bucket{instance="a",method="GET",le="+Inf"}': "0+60x20"}, 13),
    "HubStreamsNearLimit": ({'hub_streams_open{instance="a"}': "0 450x20"}, 7),
}
QUIET = {
    "HubTasksFail": {'hub_tasks_ended_total{instance="a",state="failed",job="j",lane="l"}': "0 3x30"},  # too few
    "HubTaskWaits": {'hub_lane_oldest_seconds{instance="a",lane="x"}': "700x30",
                     'hub_lane_paused{instance="a",lane="x"}': "1x30"},
    "HubRedisAway": {'hub_info{instance="a"}': "1x30", 'hub_workers{instance="a",state="idle"}': "0x30"},
    "HubEventsNotSent": {'hub_events_position{instance="a"}': "0+1000x30",
                         'hub_events_sent_position{instance="a",to="nats"}': "0+1000x30"},
}


def test_each_alert_fires_when_it_should_and_not_before(tmp_path):
    """Prometheus evaluates the rules itself, and is asked for the metric ALERTS, which it writes."""
    assert set(SEEN) == {rule["alert"] for rule in rules()}
    tests = []
    for alert, (series, minute) in SEEN.items():
        tests.append(_case(series, [(alert, minute, 1), (alert, minute // 2, 0)]))
    tests += [_case(series, [(alert, 25, 0)]) for alert, series in QUIET.items()]
    (tmp_path / "tests.yml").write_text(yaml.safe_dump(
        {"rule_files": [str(FILES / "alerts.yml")], "evaluation_interval": "1m", "tests": tests}))
    promtool("test", "rules", "tests.yml", cwd=tmp_path)


def _case(series: dict[str, str], expected: list[tuple[str, int, int]]) -> dict:
    return {"interval": "1m", "input_series": [{"series": name, "values": values} for name, values in series.items()],
            "promql_expr_test": [
                {"expr": f'count(ALERTS{{alertname="{alert}",alertstate="firing"}}) or vector(0)',
                 "eval_time": f"{minute}m", "exp_samples": [{"labels": "{}", "value": number}]}
                for alert, minute, number in expected]}
