"""A stand-in for the Dagger CLI and its engine: `python -m projects.tests.engines.dagger.double OPTIONS session`.

It speaks the protocol of the SDK (a line with port and token, then GraphQL over HTTP with basic authentication), by the
schema that the installed SDK was generated from. It validates every query itself, because the SDK does not. Of the
hundreds of fields it answers those that Hub asks for, and says so of every other. Images are really built and tagged,
by Docker; without it the RUN commands of a Dockerfile are run as they are, in a copy of the context.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import signal
import sys
import threading
from dataclasses import asdict, dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from graphql import (
    GraphQLError,
    GraphQLResolveInfo,
    PossibleFragmentSpreadsRule,
    execute_sync,
    get_named_type,
    is_composite_type,
    parse,
    specified_rules,
    validate,
)

from projects.tests.engines.dagger.double_images import DoubleImages
from projects.tests.engines.dagger.schema import schema_of_the_sdk

# An interface that nothing implements in this view of the schema is no mistake of who asks for it.
RULES = [rule for rule in specified_rules if rule is not PossibleFragmentSpreadsRule]


@dataclass
class Options:
    """How the double behaves. `docker`: build with Docker. `record`: a file that gets every field asked for, as JSON
    lines. `without`: see `schema`. `die_at`, `stuck_at`: the field at which it kills itself, or never answers."""

    docker: bool = False
    record: str = ""
    without: list[str] = field(default_factory=list)
    die_at: str = ""
    stuck_at: str = ""

    def to_word(self) -> str:
        return json.dumps(asdict(self))


@dataclass(frozen=True)
class Recipe:
    """An object as the engine knows it: how it came about. `steps` are fields with their arguments, from the root."""

    type: str
    steps: tuple[tuple[str, tuple[tuple[str, Any], ...]], ...] = ()

    def then(self, name: str, arguments: dict[str, Any], type: str) -> Recipe:
        return Recipe(type, (*self.steps, (name, tuple((key, _frozen(value)) for key, value in arguments.items()))))


class Double:
    """The engine: answers queries."""

    def __init__(self, options: Options):
        self.options = options
        self.schema = schema_of_the_sdk(frozenset(options.without))
        self.images = DoubleImages(with_docker=options.docker)
        self.known: dict[str, Recipe] = {}
        self._lock = threading.Lock()

    def answer(self, query: str) -> dict[str, Any]:
        try:
            document = parse(query)
            errors = validate(self.schema, document, RULES)
        except GraphQLError as error:
            errors = [error]
        if errors:
            return {"errors": [error.formatted for error in errors]}
        done = execute_sync(self.schema, document, Recipe("Query"), field_resolver=self.resolve)
        return done.formatted

    def resolve(self, source: Recipe, info: GraphQLResolveInfo, **arguments: Any) -> Any:
        name = f"{info.parent_type.name}.{info.field_name}"
        self._record(name, arguments)
        if name == self.options.die_at:
            os.kill(os.getpid(), signal.SIGKILL)
        if name == self.options.stuck_at:
            threading.Event().wait()
        if name == "Query.node":
            return self._at(arguments["id"])
        made = get_named_type(info.return_type)
        if is_composite_type(made):
            resolved = {key: [self._at(one) for one in value] if key == "secrets" else value
                        for key, value in arguments.items()}
            return source.then(name, resolved, made.name)
        if name == "Query.version":
            return "v0.0.0-double"
        if info.field_name in ("id", "sync"):
            if info.field_name == "sync":
                self.images.make(source)
            return self._id_of(source)
        if name == "Container.exportImage":
            return self.images.export(source, **arguments)
        raise GraphQLError(f"The double does not answer {name}.")

    def _id_of(self, recipe: Recipe) -> str:
        with self._lock:
            for known, one in self.known.items():
                if one == recipe:
                    return known
            given = f"{recipe.type}@{secrets.token_hex(6)}"
            self.known[given] = recipe
            return given

    def _at(self, given: str) -> Recipe:
        try:
            return self.known[given]
        except KeyError:
            raise GraphQLError(f"There is no object {given}.") from None

    def _record(self, name: str, arguments: dict[str, Any]) -> None:
        if self.options.record:
            with self._lock, Path(self.options.record).open("a") as file:
                file.write(json.dumps({"field": name, "arguments": arguments}) + "\n")


class Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    double: Double
    token: str

    def do_POST(self) -> None:
        wanted = "Basic " + base64.b64encode(f"{self.token}:".encode()).decode()
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path != "/query" or self.headers["Authorization"] != wanted:
            self.send_error(401)
            return
        said = json.dumps(self.double.answer(json.loads(body)["query"])).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet: what the double has to say of itself is in its record."""


def _frozen(value: Any) -> Any:
    """The same value, fit to be compared and kept in a set."""
    if isinstance(value, list):
        return tuple(map(_frozen, value))
    if isinstance(value, dict):
        return tuple((key, _frozen(one)) for key, one in value.items())
    return value


def main() -> None:
    """Hold a session until standard input ends, as the real one does."""
    options = Options(**json.loads(sys.argv[1]))
    assert sys.argv[2] == "session", sys.argv
    print("1   : connect", file=sys.stderr, flush=True)
    Answer.double, Answer.token = Double(options), secrets.token_hex(8)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(json.dumps({"port": server.server_port, "session_token": Answer.token}), flush=True)
    sys.stdin.buffer.read()
    Answer.double.images.close()


if __name__ == "__main__":
    main()
