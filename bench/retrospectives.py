"""How often the analysis of retrospectives finds what is there and claims what is not, on teams of which the truth is
known, and what a report costs. `python -m bench.retrospectives TEAMS REPORTS` measures, and prints one line of JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from datetime import date, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from bench.figures import Figure, at_least, at_most, median
from bench.size import Size

ROOT = Path(__file__).resolve().parent.parent
SPRINTS = 20


def run(size: Size) -> list[Figure]:
    """Shares of the teams in per cent, each team of 12 sprints with 25 metrics; reports of 20 sprints with them all."""
    command = [sys.executable, "-m", "bench.retrospectives", str(size.teams), str(size.reports)]
    seen = json.loads(subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
                      .stdout.splitlines()[-1])
    of = f"of {size.teams} teams"
    return [
        Figure("no signal: a hypothesis is given", seen["claimed"], "%", at_most(8), of),
        Figure("three related metrics shift by 2 sigma: found and ranked first", seen["family"], "%", at_least(80), of),
        Figure("one metric steps by 3 sigma: found", seen["single"], "%", at_least(45), of),
        Figure(f"a report of {SPRINTS} sprints and 27 metrics", seen["report"], "s", at_most(1),
               f"median of {size.reports}; the first, with its imports, {seen['first']:.2f} s"),
        Figure("a sync of 20 sprints from a source on this machine", seen["sync"], "s", at_most(1),
               f"asked, read and written to SQLite; median of {size.reports}"),
        Figure("memory that reports take more", seen["memory"], "MiB", at_most(50),
               "numpy, and what a report computes"),
    ]  # fmt: skip


def main(number: int, reports: int) -> dict[str, float]:
    """Shares in per cent, seconds, MiB."""
    before = _memory()
    began = time.perf_counter()
    from retrospectives.analysis import analyse, related
    from retrospectives.evidence.orders import orders
    from retrospectives.hypotheses import hypotheses
    from retrospectives.metrics import EVERY
    from retrospectives.synthetic import FAMILY, STEP, teams

    names = [f"S{at}" for at in range(1, SPRINTS + 1)]

    def report(seed: int) -> float:
        started = time.perf_counter()
        series = {key: [50 + (hash((seed, key, at)) % 1000) / 100 for at in range(SPRINTS)] for key in EVERY}
        hypotheses(analyse(series), names, related(series))
        return time.perf_counter() - started

    report(0)
    first = time.perf_counter() - began
    took = [report(seed) for seed in range(1, reports + 1)]
    memory = _memory() - before
    orders.cache_clear()

    def found(kind: str) -> list:
        return [hypotheses(analyse(team), names) for team in teams(kind, number)]

    def share(hits: list[bool]) -> float:
        return 100 * sum(hits) / number

    worse = {"family": lambda one: set(one.affected) == set(FAMILY) and not one.better,
             "single": lambda one: STEP in one.affected and not one.better}
    return {
        "claimed": share([bool(one) for one in found("none")]),
        "family": share([bool(one) and worse["family"](one[0]) for one in found("family")]),
        "single": share([any(map(worse["single"], one)) for one in found("single")]),
        "report": median(took), "first": first, "memory": memory, "sync": _sync(reports),
    }  # fmt: skip


def _sync(rounds: int) -> float:
    """Seconds from the question to a local HTTP server until its 20 sprints are kept, on a database of its own."""
    with tempfile.TemporaryDirectory(prefix="hub-bench-") as folder:
        os.environ.update(HUB_DATA=folder, DATABASE_URL="", REDIS_URL="", DJANGO_SETTINGS_MODULE="hub.settings")
        # After the environment, which the settings read once.
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0)
        from retrospectives.actions import keep
        from retrospectives.files import read_rows
        from retrospectives.metrics import METRICS
        from retrospectives.source import fetch

        days = [date(2026, 1, 5) + timedelta(days=14 * number) for number in range(SPRINTS)]
        body = json.dumps([{"sprint_id": str(day), "start_date": str(day), "end_date": str(day + timedelta(days=11)),
                            **dict.fromkeys(METRICS, 5)} for day in days]).encode()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: object) -> None:
                """Quiet."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        took = []
        for _ in range(rounds):
            began = time.perf_counter()
            rows, faults = read_rows(fetch(f"http://127.0.0.1:{server.server_port}", "", SPRINTS))
            kept = keep(rows, source="source")
            took.append(time.perf_counter() - began)
            assert not faults and len(kept.created) + len(kept.updated) == SPRINTS
        server.shutdown()
        return median(took)


def _memory() -> float:
    """The most memory that this process has held, in MiB."""
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]), int(sys.argv[2]))))
