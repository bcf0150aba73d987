"""The slow starter: loads its model for SLOW_SECONDS before its port answers; then it names values."""

import json
import os
import time
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, urlsplit

from server import answer, serve
from service import end_at_signal, log


class Model(BaseHTTPRequestHandler):
    def do_GET(self):
        url = urlsplit(self.path)
        if url.path == "/health":
            answer(self, 200, "text/plain", "ok\n")
            return
        try:
            value = float(parse_qs(url.query)["value"][0])
        except (KeyError, ValueError):
            answer(self, 422, "application/json", '{"error": "Ask for /?value=21.5"}\n')
            return
        word = "cold" if value < 19 else "hot" if value > 23 else "pleasant"
        answer(self, 200, "application/json", json.dumps({"value": value, "word": word}) + "\n")

    def log_message(self, words, *values):
        log(words % values)


end_at_signal()
seconds = float(os.environ.get("SLOW_SECONDS", "8"))
began = time.monotonic()
while (spent := time.monotonic() - began) < seconds:
    log(f"loading the model: {spent:.0f} of {seconds:g} s")
    time.sleep(min(1, seconds - spent))
serve(Model, int(os.environ.get("PORT", "8001")))
