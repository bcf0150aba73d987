"""A language model may give other words, and never another number; a real HTTP server plays it, good and bad."""

from __future__ import annotations

import copy
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from retrospectives.rewording import NotReworded, reworded

CONTENT = {
    "headline": "Review is where the work waits, since Sprint 7",
    "summary": "Review time got worse together from Sprint 7 on (p = 0.003).",
    "hypotheses": [{"title": "t", "description": "Work takes longer."}], "custom_context": "secret",
    "written_by": "rule",
}


class Model:
    """Answers `says`, a function of the parts it was given, and keeps what it was asked."""

    def __init__(self) -> None:
        self.says: Any = lambda parts: {name: f"In short: {text}" for name, text in parts.items()}
        self.asked: list[dict] = []
        self.url = ""


@pytest.fixture
def model() -> Iterator[Model]:
    told = Model()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            told.asked.append({"path": self.path, "key": self.headers.get("Authorization"), **question})
            said = told.says(json.loads(question["messages"][1]["content"]))
            if isinstance(said, threading.Event):
                said.wait(20)
                return
            if isinstance(said, dict):
                said = json.dumps({"choices": [{"message": {"content": f"Here it is: {json.dumps(said)}"},
                                                "finish_reason": "stop"}]})
            body = said.encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told.url = f"http://127.0.0.1:{server.server_port}/v1"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield told
    server.shutdown()
    server.server_close()


def asked(model: Model, timeout: float = 10) -> dict[str, Any]:
    return reworded(CONTENT, url=model.url, key="k", model="small", timeout=timeout, tokens=300)


def test_other_words_with_the_same_numbers_are_taken(model):
    before = copy.deepcopy(CONTENT)
    told = asked(model)
    assert told["headline"] == f"In short: {CONTENT['headline']}" and told["written_by"] == "small"
    assert told["hypotheses"][0] == {"title": "t", "description": "In short: Work takes longer."}
    assert before == CONTENT
    question = model.asked[0]
    assert (question["path"], question["key"], question["max_tokens"]) == ("/v1/chat/completions", "Bearer k", 300)
    assert "secret" not in json.dumps(question)


@pytest.mark.parametrize(("says", "why"), [
    (lambda parts: {**parts, "summary": parts["summary"].replace("0.003", "0.03")}, "changed a number in the summary"),
    (lambda parts: {**parts, "headline": "Review waits"}, "changed a number in the headline"),
    (lambda parts: {**parts, "summary": parts["summary"] + " 12 people"}, "changed a number"),
    (lambda parts: {"headline": parts["headline"]}, "left out or added"),
    (lambda parts: {**parts, "more": "x"}, "left out or added"),
    (lambda parts: {**parts, "summary": ["x"]}, "left out or added"),
    (lambda parts: {**parts, "hypothesis_0": "word " * 500}, "far too much"),
    (lambda parts: {**parts, "hypothesis_0": " "}, "nothing"),
    (lambda parts: "not json", "form that is not understood"),
    (lambda parts: json.dumps({"choices": []}), "form that is not understood"),
    (lambda parts: json.dumps({"choices": [{"message": {"content": "no object"}}]}), "no JSON"),
    (lambda parts: json.dumps({"choices": [{"message": {"content": "{}"}, "finish_reason": "length"}]}),
     "LLM_MAX_TOKENS"),
    (lambda parts: "x" * 600_000, "too much"),
])
def test_what_does_not_hold_is_thrown_away(model, says, why):
    model.says = says
    with pytest.raises(NotReworded, match=why):
        asked(model)


def test_one_that_is_silent_or_away_is_given_up(model):
    silent = threading.Event()
    model.says = lambda parts: silent
    with pytest.raises(NotReworded, match="did not answer"):
        asked(model, timeout=0.5)
    silent.set()
    with pytest.raises(NotReworded, match="did not answer"):
        reworded(CONTENT, url="http://127.0.0.1:9/v1", key="", model="m", timeout=1, tokens=100)
