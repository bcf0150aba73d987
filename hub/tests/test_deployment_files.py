"""Somebody runs Hub itself by Docker Compose: what the files say, as Compose reads them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import redis
import yaml
from django.core.management import get_commands

from hub.env import ROOT, read_env
from projects.tests.docker_engine import plugins
from tasks.lanes import LANES

NEEDED = {"HUB_DB_PASSWORD": "dbsecret", "HUB_REDIS_PASSWORD": "queuesecret", "HUB_PROJECTS_ROOT": "/tmp"}
OURS = {"home", "prepare", "web", "worker", "watch"}
PROFILES = ("lanes", "nats", "monitoring", "dev")
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
        assert {mount["target"] for mount in one["volumes"]} == {
            "/var/lib/hub", "/run/postgresql", "/run/redis", "/tmp"}
        assert one["command"][0] in get_commands()
        # Hub itself accepts what it would be given.
        env = read_env({**one["environment"], "HUB_DATA": os.environ["HUB_DATA"]})
        assert (env.host, env.port, env.embedded_redis, env.projects_root) == ("127.0.0.1", 9000, False, Path("/tmp"))
        assert (env.database["HOST"], env.database["PASSWORD"]) == ("/run/postgresql", "dbsecret")
        asked = redis.Redis.from_url(env.redis_url).get_connection_kwargs()
        assert (asked["path"], asked["password"], asked["db"]) == ("/run/redis/redis.sock", "queuesecret", 0)
    worker = read(HUB_WORKERS="3")["services"]["worker"]
    assert worker["deploy"]["replicas"] == int(worker["environment"]["HUB_WORKERS"]) == 3
    assert services["web"]["depends_on"]["prepare"]["condition"] == "service_completed_successfully"


def test_every_part_is_bounded_and_none_is_published():
    services = read(*(word for one in PROFILES for word in ("--profile", one)))["services"]
    assert set(services) == OURS | {"postgres", "redis", "worker-stacks", "worker-reports", "nats", "prometheus", "dev"}
    for name, one in services.items():
        assert "ports" not in one, f"{name} is published"
        assert one["restart"] == ("no" if name == "prepare" else "unless-stopped")
        assert one["logging"]["options"] == {"max-size": "10m", "max-file": "5"}
        assert one["security_opt"] == ["no-new-privileges:true"]
        # What only waits, or only runs once, has nothing to be asked.
        assert name in ("home", "prepare", "dev") or one["healthcheck"]["test"]
        # Stacks of processes run in the containers of workers: those have a limit only where one is set.
        assert ("mem_limit" in one) == (name not in ("worker", "worker-stacks", "dev")), name
        # No image is bound to one registry.
        assert re.fullmatch(r"([a-z]+/)?[a-z]+:[\w.-]+", one["image"])
    for name in ("nats", "prometheus"):
        assert "127.0.0.1" in " ".join(services[name]["command"])


def test_workers_of_their_own_for_stacks_and_reports():
    services = read("--profile", "lanes", HUB_LANES="default", HUB_STACK_WORKERS="2")["services"]
    served = {name: one["command"][-1].split(",") for name, one in services.items() if name.startswith("worker")}
    assert {lane for lanes in served.values() for lane in lanes} == set(LANES)
    assert served["worker-stacks"] == ["stacks"] and services["worker-stacks"]["deploy"]["replicas"] == 2
    assert read()["services"]["worker"]["command"][-1].split(",") == list(LANES)


def test_nats_is_there_only_when_it_is_asked_for():
    assert "nats" not in read()["services"]
    content = read("--profile", "nats", NATS_URL="nats://127.0.0.1:4222")
    assert "--jetstream" in content["services"]["nats"]["command"]
    assert content["services"]["web"]["environment"]["NATS_URL"] == "nats://127.0.0.1:4222"


def test_what_monitors_asks_the_port_that_hub_has():
    content = read("--profile", "monitoring", HUB_PORT="9100")
    asked = yaml.safe_load(content["configs"]["prometheus"]["content"])["scrape_configs"][0]
    assert (asked["metrics_path"], asked["static_configs"][0]["targets"]) == ("/metrics", ["127.0.0.1:9100"])


def test_the_template_names_every_variable_of_the_file():
    asked = set(re.findall(r"\$\{([A-Z_]+)", (ROOT / "docker-compose.yml").read_text()))
    asked |= set(re.findall(r"\$\{([A-Z_]+)", (ROOT / "docker-compose.docker.yml").read_text()))
    told = set(re.findall(r"^#?([A-Z_]+)=", (ROOT / "deploy" / "containers.env").read_text(), flags=re.MULTILINE))
    assert asked - told == set() and told - asked <= {"COMPOSE_PROFILES", "COMPOSE_FILE"}


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
