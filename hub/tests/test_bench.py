"""The bench works; how fast Hub is, it says itself."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

BENCHES = ("start", "ports", "web", "idle", "tasks", "graph", "release", "keys", "search", "millions", "lists", "bulk",
           "analytics", "monitor", "wave", "retrospectives", "events", "capacity", "chaos", "fire", "all")
ROOT = Path(__file__).resolve().parent.parent.parent


def test_help_names_the_benches():
    answer = subprocess.run([ROOT / "bin" / "bench", "--help"], cwd="/", capture_output=True, text=True, timeout=30,
                            check=True)
    assert all(f"  {name} " in answer.stdout for name in BENCHES)


def test_a_short_bench_says_each_figure_with_its_bound():
    answer = subprocess.run([sys.executable, "-m", "bench", "ports", "--quick", "--json"], cwd=ROOT,
                            capture_output=True, text=True, timeout=120, check=False)
    assert answer.returncode == 0, answer.stderr
    said = json.loads(answer.stdout)
    figures = {figure["name"]: figure for figure in said["benches"]["ports"]}
    refused = figures["2 creates at once: refused"]
    assert (refused["value"], refused["bound"], refused["holds"]) == (0, "≤ 0", True)
    assert figures["a create with 0 leases present"]["value"] > 0
    assert said["machine"]["cores"] >= 1 and said["missed"] == 0


def test_the_graph_says_each_shape_with_its_bound():
    answer = subprocess.run([sys.executable, "-m", "bench", "graph", "--quick", "--json"], cwd=ROOT,
                            capture_output=True, text=True, timeout=120, check=False)
    assert answer.returncode == 0, answer.stderr
    figures = json.loads(answer.stdout)["benches"]["graph"]
    assert len(figures) == 3 and all(figure["bound"] == "≤ 1" and figure["value"] > 0 for figure in figures)
