"""The example stacks are what they say, run as they are under honcho, answer along the whole chain, and end cleanly."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode
from uuid import uuid4

import psutil
import pytest
import redis

from projects.stacks import detect

EXAMPLES = Path(__file__).parents[3] / "examples"
DEADLINE = 20


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_base(types: int) -> int:
    """A port that is free, as are those that Foreman's numbering makes of it for so many process types."""
    start = 20_000 + os.getpid() % 5_000
    return next(base for base in range(start, start + 900) if all(is_free(base + 100 * i) for i in range(types)))


def get(port: int, path: str, method: str = "GET", body: str | None = None) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request(method, path, body)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def wait_for(look):
    """What `look` returns, as soon as it is true; fails with its last answer at the deadline."""
    end = time.monotonic() + DEADLINE
    while True:
        try:
            seen = look()
        except OSError as error:
            seen = None
            last = error
        else:
            last = seen
        if seen:
            return seen
        assert time.monotonic() < end, last
        time.sleep(0.05)


def is_up(port: int, path: str = "/health"):
    return lambda: get(port, path)[0] == 200


def marked(mark: str) -> list[psutil.Process]:
    """The processes that carry this mark in their environment: they cannot hide by leaving a group or a parent."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("EXAMPLE_MARK") == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


@contextmanager
def processes():
    """Start processes in a folder; at the end each gets SIGTERM, must end in 5 s, and nothing may be left of any."""
    mark, started = str(uuid4()), []

    def start(folder: Path, *command: str, **env: str) -> subprocess.Popen:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("HUB_") and name != "PORT"}
        started.append(subprocess.Popen(command, cwd=folder, env={**clean, "EXAMPLE_MARK": mark, **env}))
        return started[-1]

    try:
        yield start
        for process in started:
            process.send_signal(signal.SIGTERM)
        for process in started:
            process.wait(5)
        wait_for(lambda: not marked(mark))
    finally:
        for process in marked(mark):
            process.kill()


def honcho(*words: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "honcho", *words)


@pytest.fixture(autouse=True)
def writes_nothing():
    """No example writes into its folder: copies of it run side by side."""
    before = sorted(EXAMPLES.rglob("*"))
    yield
    assert sorted(EXAMPLES.rglob("*")) == before


def shape(name: str) -> dict[str, tuple]:
    services = detect.read(EXAMPLES / name).services
    return {s.name: (s.kind, [port.container_port for port in s.ports], s.ready.kind, s.depends_on) for s in services}


def test_each_example_is_listed_and_described():
    folders = {path.name for path in EXAMPLES.iterdir() if path.is_dir()} - {"api"}  # which holds no stack
    assert folders == {"hello", "shop", "pipeline"}
    for name in folders:
        assert (EXAMPLES / name / "README.md").read_text().startswith(f"# {name}\n")
        assert f"({name}/)" in (EXAMPLES / "README.md").read_text()


def test_hello_is_one_web_process():
    assert shape("hello") == {"web": ("service", [8000], "http", ())}
    assert detect.read(EXAMPLES / "hello").env == {"GREETING": "Hello from Hub"}


def test_shop_is_four_services_on_their_own_ports():
    assert shape("shop") == {
        "postgres": ("service", [5432], "tcp", ()),
        "redis": ("service", [6379], "tcp", ()),
        "backend": ("service", [8000], "http", ("postgres", "redis")),
        "frontend": ("service", [3000], "http", ("backend",)),
    }


def test_pipeline_migrates_before_all_else():
    assert shape("pipeline") == {
        "model": ("service", [8001], "http", ("release",)),
        "worker": ("service", [], "up", ("release",)),
        "web": ("service", [8000], "http", ("release",)),
        "release": ("one-shot", [], "up", ()),
    }


def test_hello_runs():
    port = free_base(1)
    with processes() as start:
        start(EXAMPLES / "hello", *honcho("start", "-p", str(port)))
        wait_for(is_up(port))
        status, page = get(port, "/")
        assert (status, "Hello from Hub" in page, str(port) in page) == (200, True, True)
        assert get(port, "/nothing")[0] == 404
    assert is_free(port)


def test_shop_runs_and_sells():
    base = free_base(4)
    frontend = base + 300
    with processes() as start:
        start(EXAMPLES / "shop", *honcho("start", "-p", str(base)))
        wait_for(is_up(frontend))
        assert "No orders yet" in get(frontend, "/")[1]
        assert get(frontend, "/buy", "POST", urlencode({"product": 2}))[0] == 303
        status, page = get(frontend, "/")
        assert status == 200
        assert "1 × Croissant" in page and "€ 2.50" in page and "visit 2" in page
        assert get(frontend, "/buy", "POST", urlencode({"product": 99}))[0] == 404
        assert json.loads(get(base + 200, "/api/orders")[1])[0]["name"] == "Croissant"
    assert all(is_free(base + 100 * number) for number in range(4))


def test_shop_health_follows_the_chain_and_recovers_and_orders_outlive_a_restart(tmp_path):
    base = free_base(4)
    ports = {name: str(base + 100 * number) for number, name in enumerate(shape("shop"))}
    env = {"HUB_STACK_DATA": str(tmp_path / "data")}
    env |= {f"HUB_PORT_{name.upper()}": port for name, port in ports.items()}
    frontend = int(ports["frontend"])

    with processes() as start:
        def run(service, script):
            return start(EXAMPLES / "shop", sys.executable, "-SB", script, PORT=ports[service], **env)

        run("frontend", "frontend.py")
        wait_for(lambda: "backend does not answer" in get(frontend, "/health")[1])
        assert get(frontend, "/")[0] == 503
        run("backend", "backend.py")
        wait_for(lambda: "postgres does not answer" in get(frontend, "/health")[1])
        database = run("postgres", "database.py")
        wait_for(lambda: "redis does not answer" in get(frontend, "/health")[1])
        run("redis", "cache.py")
        wait_for(is_up(frontend))
        assert get(int(ports["backend"]), "/api/orders", "POST", '{"product": 1, "quantity": 3}')[0] == 201
        database.kill()
        database.wait()
        status, health = get(frontend, "/health")
        assert (status, "postgres" in health) == (503, True)
        run("postgres", "database.py")
        wait_for(is_up(frontend))
        assert "3 × Coffee" in get(frontend, "/")[1]


def test_the_shops_cache_speaks_the_redis_protocol():
    port = free_base(1)
    with processes() as start:
        start(EXAMPLES / "shop", sys.executable, "-SB", "cache.py", PORT=str(port))
        wait_for(lambda: not is_free(port))
        client = redis.Redis(port=port, protocol=2)
        assert wait_for(client.ping)
        client.set("name", "Grüße\r\n")
        assert client.get("name").decode() == "Grüße\r\n"
        answers = [client.execute_command(*words.split()) for words in ("INCR n", "INCR n", "DEL n", "GET n", "DEL n")]
        assert answers == [1, 2, 1, None, 0]
        for wrong in ("INCR name", "SET alone", "FLUSHALL"):
            with pytest.raises(redis.ResponseError):
                client.execute_command(*wrong.split())
        client.close()


def test_shop_answers_bad_requests_with_the_reason():
    base = free_base(4)
    with processes() as start:
        start(EXAMPLES / "shop", *honcho("start", "-p", str(base)))
        wait_for(is_up(base + 200))
        for body in ("", "[]", "{", '{"product": "x"}', '{"product": 1, "quantity": 0}'):
            status, answer = get(base + 200, "/api/orders", "POST", body)
            assert (status, "error" in json.loads(answer)) == (422, True), body
        assert get(base + 200, "/api/nothing", "POST", "{}")[0] == 404


def test_pipeline_runs_in_two_steps_under_honcho(tmp_path):
    base = free_base(3)
    env = {"PIPELINE_DATA": str(tmp_path), "SLOW_SECONDS": "1.5"}
    with processes() as start:
        migration = start(EXAMPLES / "pipeline", *honcho("start", "release"), **env)
        assert migration.wait(DEADLINE) == 0
    with processes() as start:
        began = time.monotonic()
        start(EXAMPLES / "pipeline", *honcho("start", "-p", str(base), "model", "worker", "web"), **env)
        web = base + 200
        wait_for(is_up(web))
        wait_for(lambda: len(json.loads(get(web, "/measurements")[1])) >= 2)
        wait_for(is_up(base))
        assert time.monotonic() - began >= 1.5, "the port of a slow starter answers late"
        status, page = get(web, "/")
        assert (status, "°C" in page, "still loading" in page) == (200, True, False)
    assert is_free(base) and is_free(web)


def test_pipeline_says_that_the_migration_is_missing(tmp_path):
    port = free_base(1)
    with processes() as start:
        env = {"PORT": str(port), "HUB_STACK_DATA": str(tmp_path / "new")}
        start(EXAMPLES / "pipeline", sys.executable, "-SB", "web.py", **env)
        wait_for(lambda: not is_free(port))
        status, text = wait_for(lambda: get(port, "/health"))
        assert (status, "migration" in text) == (503, True)
