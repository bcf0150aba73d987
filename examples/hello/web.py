"""One web page that greets: the smallest stack."""

import html
import os
import signal
import socketserver
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

STARTED = time.monotonic()
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{greeting}</title><link rel="icon" href="data:,">
<style>
:root {{ color-scheme: light dark; --text: light-dark(#17171a, #ececef); --soft: light-dark(#5b5b66, #a3a4ae);
  --accent: light-dark(#4a44cf, #a5a7ff); --bg: light-dark(#f7f7f8, #0d0e10); --card: light-dark(#fff, #17181c); }}
body {{ margin: 0; min-height: 100vh; display: grid; place-items: center; background: var(--bg); color: var(--text);
  font: 1rem/1.5 "Segoe UI", Roboto, "Liberation Sans", Arial, sans-serif; }}
main {{ background: var(--card); padding: 2.5rem 3rem; border-radius: 1rem; border-top: 4px solid var(--accent);
  box-shadow: 0 1px 2px rgb(0 0 0 / .08), 0 12px 40px rgb(0 0 0 / .10); }}
h1 {{ margin: 0 0 1rem; font-size: 2rem; letter-spacing: -.02em; overflow-wrap: anywhere; }}
dl {{ display: grid; grid-template-columns: auto 1fr; gap: .25rem 1.5rem; margin: 0; color: var(--soft); }}
dd {{ margin: 0; color: var(--text); font-variant-numeric: tabular-nums; }}
</style></head>
<body><main><h1>{greeting}</h1><dl>
<dt>Port</dt><dd>{port}</dd><dt>Process</dt><dd>{pid}</dd>
<dt>Up for</dt><dd>{up:.0f} s</dd><dt>Visits</dt><dd>{visits}</dd>
</dl></main></body></html>"""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    visits = 0

    def server_bind(self):
        # HTTPServer would look up this machine's name, which takes seconds where the resolver is slow.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/health":
            self.answer(200, "text/plain", "ok\n")
        elif self.path == "/":
            self.server.visits += 1
            self.answer(200, "text/html; charset=utf-8", PAGE.format(
                greeting=html.escape(os.environ.get("GREETING", "Hello")), port=self.server.server_port,
                pid=os.getpid(), up=time.monotonic() - STARTED, visits=self.server.visits,
            ))
        else:
            self.answer(404, "text/plain", "There is no such page.\n")

    def answer(self, status, kind, text):
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, words, *values):
        print(time.strftime("%H:%M:%S"), words % values, flush=True)


def main():
    port = int(sys.argv[sys.argv.index("--port") + 1])
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    with Server(("127.0.0.1", port), Handler) as server:
        print(f"listening on http://127.0.0.1:{port}", flush=True)
        server.serve_forever()


main()
