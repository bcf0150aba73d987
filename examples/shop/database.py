"""The database: one SQL statement a line, as JSON `{"sql": ..., "args": [...]}`; the answer is `{"rows": ...}` or
`{"error": ...}`. Kept in a SQLite file in HUB_STACK_DATA, or in memory where Hub sets none."""

import json
import os
import socketserver
import sqlite3
import threading

from service import log, port_of, serve


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address):
        super().__init__(address, Session)
        folder = os.environ.get("HUB_STACK_DATA")
        if folder:
            os.makedirs(folder, exist_ok=True)
        file = os.path.join(folder, "shop.sqlite3") if folder else ":memory:"
        self.connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
        self.connection.execute("PRAGMA journal_mode = WAL")
        self.lock = threading.Lock()
        log("data in", file)

    def run(self, sql, args):
        with self.lock:
            return self.connection.execute(sql, args).fetchall()


class Session(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            try:
                request = json.loads(line)
                answer = {"rows": self.server.run(request["sql"], request.get("args", []))}
                if not request["sql"].startswith("SELECT 1"):
                    log(request["sql"].split("(")[0].strip()[:60], "->", len(answer["rows"]), "rows")
            except (ValueError, KeyError, TypeError, sqlite3.Error) as error:
                answer = {"error": f"{type(error).__name__}: {error}"}
                log(answer["error"])
            self.wfile.write(json.dumps(answer).encode() + b"\n")


port = port_of("postgres", me="postgres")
serve(Server(("127.0.0.1", port)), port)
