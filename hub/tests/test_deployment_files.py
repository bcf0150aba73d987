"""Somebody runs Hub itself by Docker Compose: what the files say, as Compose reads them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from django.core.management import get_commands

from hub.env import ROOT, read_env
from projects.tests.docker_engine import plugins

NEEDED = {"HUB_DB_PASSWORD": "dbsecret", "HUB_REDIS_PASSWORD": "queuesecret", "HUB_PROJECTS_ROOT": "/tmp"}
OURS = {"home", "prepare", "web", "worker", "watch"}
SOCKET = "/var/run/docker.sock"


def compose(*words: str, **variables: str) -> subprocess.CompletedProcess:
    if shutil.which("docker") is None or not (plugins() / "cli-plugins" / "docker-compose").exists():
        pytest.skip("Docker Compose is not here: run .ci/docker as root.")
    given = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "DOCKER_CONFIG": str(plugins())}
    command = ["docker", "compose", "--env-file", "/dev/null", *words, "config", "--format", "json"]
    return subprocess.run(command, cwd=ROOT, env={**given, **variables}, capture_output=True, text=True, timeout=60)


def read(*words: str, **variables: str) -> dict:
    done = compose(*words, **{**NEEDED, **variables})
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_what_must_be_set_is_named():
    for name in NEEDED:
        done = compose(**{key: value for key, value in NEEDED.items() if key != name})
        assert done.returncode != 0 and f"{name} is missing a value: set it in .env" in done.stderr


def test_the_parts_of_hub_go_together():
    content = read()
    services = content["services"]
    assert set(services) == OURS | {"postgres", "redis"}
    for name in OURS - {"home"}:
        one = services[name]
        assert one["pid"] == "service:home" and one["network_mode"] == "host"
        assert {mount["target"] for mount in one["volumes"]} == {"/var/lib/hub", "/tmp"}
        assert one["command"][0] in get_commands()
        # Hub itself accepts what it would be given.
        env = read_env({**one["environment"], "HUB_DATA": os.environ["HUB_DATA"]})
        assert (env.host, env.port, env.embedded_redis, env.projects_root) == ("127.0.0.1", 9000, False, Path("/tmp"))
        assert env.database["PASSWORD"] == "dbsecret" and "queuesecret" in env.redis_url
    worker = read(HUB_WORKERS="3")["services"]["worker"]
    assert worker["deploy"]["replicas"] == int(worker["environment"]["HUB_WORKERS"]) == 3
    assert services["web"]["depends_on"]["prepare"]["condition"] == "service_completed_successfully"
    # Nobody but this host reaches what is published, and no image is bound to one registry.
    for one in services.values():
        assert all(port["host_ip"] == "127.0.0.1" for port in one.get("ports", ()))
        assert re.fullmatch(r"[a-z]+:[\w.]+", one["image"])


def test_nats_is_there_only_when_it_is_asked_for():
    assert "nats" not in read()["services"]
    content = read("--profile", "nats", NATS_URL="nats://127.0.0.1:4222")
    assert "--jetstream" in content["services"]["nats"]["command"]
    assert content["services"]["web"]["environment"]["NATS_URL"] == "nats://127.0.0.1:4222"


def test_the_hosts_docker_is_reached_by_choice_alone():
    assert SOCKET not in json.dumps(read())
    files = ("-f", "docker-compose.yml", "-f", "docker-compose.docker.yml")
    done = compose(*files, **NEEDED)
    assert done.returncode != 0 and "DOCKER_GID is missing a value" in done.stderr
    services = read(*files, DOCKER_GID="999")["services"]
    for name in OURS - {"home"}:
        mounts = {mount["target"]: mount for mount in services[name]["volumes"]}
        assert mounts[SOCKET]["source"] == SOCKET and services[name]["group_add"] == ["999"]
        assert (mounts["/var/lib/hub"]["type"], mounts["/var/lib/hub"]["source"]) == ("bind", "/var/lib/hub")
    assert all(SOCKET not in json.dumps(services[name]) for name in ("home", "postgres", "redis"))


def test_the_image_is_made_of_what_is_here():
    text = (ROOT / "Dockerfile").read_text()
    copied = re.findall(r"^COPY (?!--from)(\S+) ", text, flags=re.MULTILINE)
    assert copied == ["requirements.txt", "."] and (ROOT / "requirements.txt").is_file()
    kept_out = (ROOT / ".dockerignore").read_text().split()
    assert {".env", "var", ".git", ".venv"} <= set(kept_out)
    # The package index is the builder's own: no address of one stands in any of these files.
    for name in ("Dockerfile", "docker-compose.yml", "docker-compose.docker.yml"):
        assert not re.search(r"https?://(?!127\.0\.0\.1)", (ROOT / name).read_text())
