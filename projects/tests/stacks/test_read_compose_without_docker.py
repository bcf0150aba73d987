"""A Compose file is read where no docker command is: for detection and preview."""

from __future__ import annotations

import pytest

from projects.stacks import detect
from projects.stacks.spec import StackError
from projects.tests.engines.compose.test_real_world_files import FILES


@pytest.fixture(autouse=True)
def no_docker(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))


def read(tmp_path, text: str, env: str = "", **files: str):
    (tmp_path / "compose.yaml").write_text(text)
    (tmp_path / ".env").write_text(env)
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    return detect.read(tmp_path)


EXPECTED = {
    "web-db-cache": {"db": [], "cache": [6379], "web": [8080]},
    "worker-queue": {"api": [8000], "worker": []},
    "migrate": {"app": [3000], "migrate": [], "db": []},
    "profiles": {"web": [80], "admin": [80]},
    "health-chain": {"first": [], "second": [], "third": [80]},
    "build-args": {"web": [8000], "job": [], "again": []},
    "networks": {"proxy": [80], "app": [], "db": []},
    "volumes": {"store": [9000], "reader": []},
    "replicas": {"web": [80], "worker": []},
    "env-files": {"show": [8000]},
    "composed": {"cache": [], "web": [80], "worker": []},
    "ports": {"many": [3000, 3001, 4000, 4001, 5000, 6000, 5353, 5353]},
}


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_services_and_ports_are_those_that_compose_finds(name):
    definition = detect.read(FILES / name)
    found = {service.name: [port.container_port for port in service.ports] for service in definition.services}
    assert found == EXPECTED[name]
    assert definition.document == {}


def test_what_a_service_needs_and_how_it_behaves(tmp_path):
    definition = read(tmp_path, """
services:
  web:
    image: x
    ports: [80]
    restart: unless-stopped
    stop_grace_period: 1m30s
    labels: ["hub.ready=/health", "hub.ready.timeout=7"]
    depends_on: {db: {condition: service_started}, migrate: {condition: service_completed_successfully}}
  db: {image: y, deploy: {replicas: 2}}
  migrate: {image: x}
""")
    web, db, migrate = definition.services
    assert web.depends_on == ("db", "migrate") and web.restart == "always" and web.stop_grace == 90
    assert (web.ready.kind, web.ready.path, web.ready.timeout) == ("http", "/health", 7)
    assert db.instances == 2 and migrate.kind == "one-shot" and web.line == 3


def test_the_env_file_is_read_by_composes_rules(tmp_path):
    definition = read(
        tmp_path, "services: {a: {image: x}}",
        "# comment\nexport A=plain # gone\nB='as $A is'\nC=\"${A}\\nline\"\nD=${A}-${NONE:-else}\nE=\nF: yaml\n"
        'G="two\nlines"\n',
    )
    assert definition.env == {"A": "plain", "B": "as $A is", "C": "plain\nline", "D": "plain-else", "E": "",
                              "F": "yaml", "G": "two\nlines"}


@pytest.mark.parametrize(("env", "line"), [("A=1\nnonsense here\n", 2), ("A='open\n", 1), ("A='x' y\n", 1)])
def test_a_bad_env_file_names_its_line_and_not_its_values(tmp_path, env, line):
    with pytest.raises(StackError) as raised:
        read(tmp_path, "services: {a: {image: x}}", env)
    assert raised.value.line == line and "open" not in raised.value.message.replace("opened", "")


@pytest.mark.parametrize(("text", "line", "words"), [
    ("services:\n  a: {image: [\n", 3, "line 3"), ("- a\n", 1, "begins with a key"),
    ("services:\n  a:\n", 2, "must be a mapping"), ("services:\n  a: {image: x, ports: ['80:x']}\n", 2, "is no port"),
    ("services:\n  a: {image: x, extends: {service: b}}\n", 2, "extends b"),
    ("services:\n  a: {image: '${N:?needed}'}\n", 2, "N is not set: needed"),
    ("services:\n  a: {image: x, ports: ['1000-3000:1000-3000']}\n", 2, "range of 2001"),
])
def test_what_is_wrong_is_named_with_its_line(tmp_path, text, line, words):
    with pytest.raises(StackError) as raised:
        read(tmp_path, text)
    assert raised.value.line == line and words in raised.value.message


def test_aliases_of_aliases_are_not_multiplied(tmp_path):
    bomb = "x0: &x0 [a, a, a, a, a, a, a, a, a, a]\n"
    bomb += "".join(f"x{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 10)}]\n" for n in range(1, 9))
    with pytest.raises(StackError, match="too many values"):
        read(tmp_path, bomb + "services: {a: {image: x}}\n")


def test_yes_and_times_are_text_as_they_are_for_compose(tmp_path):
    definition = read(tmp_path, "services:\n  a: {image: x, ports: [22:22, 80:80], environment: {ON: yes}}\n")
    assert [port.container_port for port in definition.services[0].ports] == [22, 80]
