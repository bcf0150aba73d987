"""The page: what the worker measured, and what the model says about the newest value."""

import http.client
import json
import os
import sqlite3
import time
from html import escape
from http.server import BaseHTTPRequestHandler

from server import answer, serve
from service import database, end_at_signal, log

PORT = int(os.environ.get("PORT", "8000"))
# Foreman's numbering: the model stands two lines above the web process.
MODEL = int(os.environ.get("HUB_PORT_MODEL") or (PORT - 200 if "PORT" in os.environ else 8001))
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="2"><title>Pipeline</title><link rel="icon" href="data:,">
<style>
:root {{ color-scheme: light dark; --text: light-dark(#17171a, #ececef); --soft: light-dark(#5b5b66, #a3a4ae);
  --accent: light-dark(#4a44cf, #8f8fff); --bg: light-dark(#f7f7f8, #0d0e10); --line: light-dark(#e5e5e9, #2a2b31); }}
body {{ margin: 0 auto; padding: 2rem 1.25rem; max-width: 40rem; background: var(--bg); color: var(--text);
  font: 1rem/1.5 "Segoe UI", Roboto, "Liberation Sans", Arial, sans-serif; font-variant-numeric: tabular-nums; }}
h1 {{ margin: 0; letter-spacing: -.02em; }} .soft {{ color: var(--soft); }}
.now {{ font-size: 2.5rem; margin: 1rem 0 0; }}
svg {{ width: 100%; height: 6rem; margin: 1rem 0; }} polyline {{ fill: none; stroke: var(--accent); stroke-width: 2;
  vector-effect: non-scaling-stroke; }}
table {{ width: 100%; border-collapse: collapse; }} td {{ padding: .3rem 0; border-top: 1px solid var(--line); }}
td:last-child {{ text-align: right; }}
</style></head><body><h1>Pipeline</h1>{main}</body></html>"""


def newest(count):
    connection = database()
    try:
        return connection.execute("SELECT at, value FROM measurement ORDER BY id DESC LIMIT ?", (count,)).fetchall()
    finally:
        connection.close()


def word_for(value):
    """What the model calls a value, or why it does not say."""
    connection = http.client.HTTPConnection("127.0.0.1", MODEL, timeout=2)
    try:
        connection.request("GET", f"/?value={value}")
        return json.loads(connection.getresponse().read())["word"]
    except (OSError, ValueError, KeyError, http.client.HTTPException):
        return "the model is still loading"
    finally:
        connection.close()


def main_part(rows):
    if not rows:
        return '<p class="soft">The worker has not measured anything yet.</p>'
    value = rows[0][1]
    points = " ".join(f"{120 - 2 * x},{60 - 6 * (y - 16):.1f}" for x, (_, y) in enumerate(rows))
    table = "".join(
        f"<tr><td>{time.strftime('%H:%M:%S', time.localtime(at))}</td><td>{y:.2f} °C</td></tr>" for at, y in rows[:12])
    return (f'<p class="now">{value:.2f} °C</p><p class="soft">{escape(word_for(value))}</p>'
            f'<svg viewBox="0 0 120 60" preserveAspectRatio="none" role="img" aria-label="The last minute">'
            f'<polyline points="{points}"/></svg><table>{table}</table>')


class Web(BaseHTTPRequestHandler):
    def do_GET(self):
        try:
            if self.path == "/health":
                newest(1)
                answer(self, 200, "text/plain", "ok\n")
            elif self.path == "/":
                answer(self, 200, "text/html; charset=utf-8", PAGE.format(main=main_part(newest(60))))
            elif self.path == "/measurements":
                answer(self, 200, "application/json", json.dumps(newest(60)) + "\n")
            else:
                answer(self, 404, "text/plain", "There is no such page.\n")
        except sqlite3.OperationalError as error:
            answer(self, 503, "text/plain", f"The database: {error}. Was the migration run?\n")

    def log_message(self, words, *values):
        log(words % values)


end_at_signal()
serve(Web, PORT)
