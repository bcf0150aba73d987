"""The shop's page. It asks the backend for everything, on the server: the browser needs no JavaScript."""

import http.client
import json
from html import escape
from urllib.parse import parse_qs

from service import port_of, serve
from web import Handler, Server

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Corner shop</title><link rel="icon" href="data:,"><link rel="stylesheet" href="/style.css"></head>
<body><header><h1>Corner shop</h1><p>{summary}</p></header><main>{main}</main>
<footer>frontend <b>:{port}</b> → backend <b>:{backend}</b> → postgres, redis</footer></body></html>"""
STYLE = """
:root { color-scheme: light dark; --text: light-dark(#17171a, #ececef); --soft: light-dark(#5b5b66, #a3a4ae);
  --accent: light-dark(#4a44cf, #5e58e6); --bg: light-dark(#f7f7f8, #0d0e10); --card: light-dark(#fff, #17181c);
  --line: light-dark(#e5e5e9, #2a2b31); --red: light-dark(#bb2a20, #ff8278); }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.25rem; max-width: 54rem; background: var(--bg); color: var(--text);
  font: 1rem/1.5 "Segoe UI", Roboto, "Liberation Sans", Arial, sans-serif; }
header { display: flex; flex-wrap: wrap; align-items: baseline; justify-content: space-between; gap: 0 1.5rem; }
h1 { margin: 0; letter-spacing: -.02em; } h2 { margin: 2rem 0 .5rem; font-size: 1.1rem; }
p, footer, td:last-child { color: var(--soft); font-variant-numeric: tabular-nums; }
ul { display: grid; grid-template-columns: repeat(auto-fill, minmax(11rem, 1fr)); gap: 1rem;
  padding: 0; margin: 1rem 0; list-style: none; }
li { background: var(--card); border: 1px solid var(--line); border-radius: .75rem; padding: 1.25rem; }
li span { display: grid; place-items: center; width: 3rem; height: 3rem; margin-bottom: .75rem; border-radius: 50%;
  font-size: 1.4rem; font-weight: 600; color: var(--initial);
  background: color-mix(in oklab, currentcolor 14%, transparent); }
li:nth-child(4n+1) { --initial: light-dark(#8a5800, #e3ad41); }
li:nth-child(4n+2) { --initial: light-dark(#a3352b, #ff8278); }
li:nth-child(4n+3) { --initial: light-dark(#17743a, #4cc379); }
li:nth-child(4n) { --initial: light-dark(#4741c6, #a5a7ff); }
li strong { display: block; }
button { margin-top: .75rem; width: 100%; padding: .5rem; border: 0; border-radius: .5rem; background: var(--accent);
  color: #fff; font: inherit; cursor: pointer; } button:focus-visible { outline: 2px solid; outline-offset: 2px; }
table { width: 100%; border-collapse: collapse; } td { padding: .4rem 0; border-top: 1px solid var(--line); }
td:last-child { text-align: right; } footer { margin-top: 2.5rem; font-size: .85rem; }
.down { color: var(--red); }
"""


def backend(method, path, content=None):
    """The backend's `(status, answer)`; 503 with the reason when it does not answer."""
    connection = http.client.HTTPConnection("127.0.0.1", BACKEND, timeout=5)
    try:
        connection.request(method, path, json.dumps(content) if content else None)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    except (OSError, ValueError, http.client.HTTPException) as error:
        return 503, {"error": f"backend does not answer: {error}"}
    finally:
        connection.close()


def money(cents):
    return f"€ {cents // 100}.{cents % 100:02}"


def page():
    answers = [backend("GET", path) for path in ("/api/stats", "/api/products", "/api/orders")]
    if broken := next((content for status, content in answers if status != 200), None):
        return 503, "closed", f'<p class="down" role="alert">{escape(broken["error"])}</p>'
    stats, products, orders = (content for _, content in answers)
    shelf = "".join(
        f'<li><span aria-hidden="true">{escape(product["name"][:1])}</span><strong>{escape(product["name"])}</strong>'
        f'{money(product["cents"])}<form method="post" action="/buy"><button name="product" value="{product["id"]}"'
        f' aria-label="Buy {escape(product["name"])}">Buy</button></form></li>' for product in products)
    bought = "".join(
        f'<tr><td>#{order["id"]}</td><td>{order["quantity"]} × {escape(order["name"])}</td>'
        f'<td>{money(order["cents"])}</td></tr>' for order in orders) or "<tr><td>No orders yet.</td></tr>"
    orders = "1 order" if stats["orders"] == 1 else f'{stats["orders"]} orders'
    summary = f'{orders} · {money(stats["cents"])} · visit {stats["visits"]}'
    return 200, summary, f"<ul>{shelf}</ul><h2>Latest orders</h2><table>{bought}</table>"


class Shop(Handler):
    def do_GET(self):
        if self.path == "/health":
            status, content = backend("GET", "/health")
            self.answer(200 if status == 200 else 503, "application/json", json.dumps(content) + "\n")
        elif self.path == "/style.css":
            self.answer(200, "text/css", STYLE)
        elif self.path == "/":
            status, summary, main = page()
            self.answer(status, "text/html; charset=utf-8",
                        PAGE.format(summary=summary, main=main, port=PORT, backend=BACKEND))
        else:
            self.answer(404, "text/plain", "There is no such page.\n")

    def do_POST(self):
        form = parse_qs(self.body().decode(errors="replace"))
        if self.path != "/buy":
            self.answer(404, "text/plain", "There is no such page.\n")
            return
        status, content = backend("POST", "/api/orders", {"product": form.get("product", [""])[0], "quantity": 1})
        if status == 201:
            self.answer(303, "text/plain", "", location="/")
        else:
            self.answer(status, "text/plain; charset=utf-8", content["error"] + "\n")


PORT, BACKEND = port_of("frontend", me="frontend"), port_of("backend", me="frontend")
serve(Server(("127.0.0.1", PORT), Shop), PORT)
