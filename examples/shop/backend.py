"""The JSON API of the shop: orders go to the database, counts to the cache."""

import json
import threading

from service import Line, port_of, serve
from web import Handler, Server

SCHEMA = (
    "CREATE TABLE IF NOT EXISTS product (id INTEGER PRIMARY KEY, name TEXT, price INTEGER)",
    "CREATE TABLE IF NOT EXISTS purchase (id INTEGER PRIMARY KEY, product INTEGER, quantity INTEGER,"
    " created_at TEXT DEFAULT CURRENT_TIMESTAMP)",
    "INSERT OR IGNORE INTO product VALUES (1, 'Coffee', 320), (2, 'Croissant', 250), (3, 'Orange juice', 410),"
    " (4, 'Apple cake', 480)",
)


class Down(Exception):
    """A neighbour does not answer; the text says which."""


class Neighbours:
    """The database and the cache. One request at a time is plenty for a corner shop."""

    def __init__(self):
        # On each new connection, because a database in memory comes back empty.
        schema = [statement(sql) for sql in SCHEMA]
        self.database = Line(port_of("postgres", me="backend"), read_line, schema)
        self.cache = Line(port_of("redis", me="backend"), read_reply)
        self.lock = threading.Lock()

    def sql(self, sql, *args):
        """The rows of one statement."""
        try:
            with self.lock:
                answer = json.loads(self.database.ask(statement(sql, *args)))
        except OSError as error:
            raise Down(f"postgres does not answer: {error}") from None
        if "error" in answer:
            raise Down(f"postgres: {answer['error']}")
        return answer["rows"]

    def redis(self, *words):
        """The answer to one command: a text, a number, or None."""
        parts = [str(word).encode() for word in words]
        request = b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)
        try:
            with self.lock:
                return self.cache.ask(request)
        except OSError as error:
            raise Down(f"redis does not answer: {error}") from None


def statement(sql, *args):
    return json.dumps({"sql": sql, "args": args}).encode() + b"\n"


def read_line(file):
    line = file.readline()
    if not line:
        raise ConnectionResetError("the connection was closed")
    return line


def read_reply(file):
    line = read_line(file).strip()
    kind, rest = line[:1], line[1:].decode()
    if kind == b"$":
        return None if rest == "-1" else file.read(int(rest) + 2)[:-2].decode()
    if kind == b"-":
        raise Down(f"redis: {rest}")
    return int(rest) if kind == b":" else rest


class Api(Handler):
    def do_GET(self):
        self.respond({"/health": self.health, "/api/products": self.products, "/api/orders": self.orders,
                      "/api/stats": self.stats}.get(self.path))

    def do_POST(self):
        self.content = self.body()
        self.respond(self.order if self.path == "/api/orders" else None)

    def respond(self, action):
        try:
            status, content = action() if action else (404, {"error": "There is no such path."})
        except Down as error:
            status, content = 503, {"error": str(error)}
        self.answer(status, "application/json", json.dumps(content, ensure_ascii=False) + "\n")

    def health(self):
        neighbours.sql("SELECT 1")
        neighbours.redis("PING")
        return 200, {"postgres": "ok", "redis": "ok"}

    def products(self):
        rows = neighbours.sql("SELECT id, name, price FROM product ORDER BY id")
        return 200, [dict(zip(("id", "name", "cents"), row, strict=True)) for row in rows]

    def orders(self):
        rows = neighbours.sql(
            "SELECT p.id, name, quantity, quantity * price, created_at FROM purchase p"
            " JOIN product ON product.id = product ORDER BY p.id DESC LIMIT 10")
        return 200, [dict(zip(("id", "name", "quantity", "cents", "at"), row, strict=True)) for row in rows]

    def order(self):
        try:
            wanted = json.loads(self.content)
            product, quantity = int(wanted["product"]), int(wanted.get("quantity", 1))
        except (ValueError, KeyError, TypeError, AttributeError):
            return 422, {"error": 'Send {"product": 1, "quantity": 2}.'}
        if not 1 <= quantity <= 99:
            return 422, {"error": "The quantity is from 1 to 99."}
        if not neighbours.sql("SELECT id FROM product WHERE id = ?", product):
            return 404, {"error": "There is no such product."}
        (number,), = neighbours.sql(
            "INSERT INTO purchase (product, quantity) VALUES (?, ?) RETURNING id", product, quantity)
        return 201, {"id": number, "sold_since_start": neighbours.redis("INCR", "sold")}

    def stats(self):
        (orders, cents), = neighbours.sql(
            "SELECT COUNT(*), COALESCE(SUM(quantity * price), 0) FROM purchase JOIN product ON product.id = product")
        return 200, {"visits": neighbours.redis("INCR", "visits"), "orders": orders, "cents": cents}


neighbours = Neighbours()
port = port_of("backend", me="backend")
serve(Server(("127.0.0.1", port), Api), port)
