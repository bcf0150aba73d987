"""Compose files as people have them: up, used, down; the files are left as they are."""

from __future__ import annotations

import shutil
import socket
import urllib.request
from dataclasses import replace
from pathlib import Path

import pytest

from projects.stacks.spec import Port, Stack
from projects.tests.engines.compose.kit import ComposeKit
from projects.tests.engines.processes_seen import until

pytestmark = pytest.mark.xdist_group("docker")

FILES = Path(__file__).resolve().parent.parent / "compose_files"


def page(stack: Stack, service: str, port: int, path: str = "", number: int = 1) -> str:
    host = stack.host_ports[service, number, port]
    with urllib.request.urlopen(f"http://127.0.0.1:{host}/{path}", timeout=5) as answer:
        return answer.read().decode().strip()


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def started(kit: ComposeKit, name: str, env: dict[str, str] | None = None) -> Stack:
    path = kit.folder / name
    shutil.copytree(FILES / name, path, dirs_exist_ok=True)
    stack = kit.read(path, env=env)
    kit.up(stack)
    return stack


def ended(kit: ComposeKit, stack: Stack, name: str) -> None:
    """After a stop nothing is left but the volumes; the user's folder is as it was."""
    volumes = {one.name for one in kit.engine.remains(stack) if one.kind == "volume"}
    kit.down(stack)
    assert set(kit.left(stack)) == volumes
    assert content(stack.path) == content(FILES / name)


def test_web_db_and_cache(kit):
    stack = started(kit, "web-db-cache")
    assert page(stack, "web", 8080) == "db-ready\ncache-ready"
    kit.run_in(stack, "db", "echo a guest > /var/lib/db/guests")
    ended(kit, stack, "web-db-cache")
    kit.up(stack)
    assert kit.run_in(stack, "db", "cat /var/lib/db/guests") == "a guest"
    list(kit.engine.restart(stack, "db"))
    assert kit.run_in(stack, "db", "cat /var/lib/db/guests") == "a guest"


def test_a_worker_with_a_queue(kit):
    stack = started(kit, "worker-queue")
    kit.run_in(stack, "api", "echo x > /queue/todo/letter")
    until(lambda: "did letter" in kit.engine.logs(stack, "worker").lines, 10, "the letter is done")
    assert page(stack, "api", 8000, "done/letter") == "x"
    ended(kit, stack, "worker-queue")
    assert "did letter" in kit.engine.logs(stack, "worker").lines


def test_a_migration_before_the_app(kit):
    stack = started(kit, "migrate")
    assert page(stack, "app", 3000, "schema") == "migration 0001 applied"
    migrate = kit.state(stack, "migrate")
    assert (migrate.state, migrate.kind, migrate.instances[0].exit_code) == ("completed", "one-shot", 0)
    ended(kit, stack, "migrate")


def test_only_the_profiles_that_are_asked_for(kit):
    stack = started(kit, "profiles")
    assert [service.name for service in stack.services] == ["web", "admin"]
    assert (page(stack, "web", 80), page(stack, "admin", 80)) == ("site", "admin")
    ended(kit, stack, "profiles")


def test_a_chain_of_health_checks(kit):
    stack = started(kit, "health-chain")
    assert page(stack, "third", 80).split() == ["first", "second", "third"]
    assert {one.health for one in kit.engine.status(stack).services} == {"healthy"}
    ended(kit, stack, "health-chain")


def test_images_that_are_built(kit):
    stack = started(kit, "build-args")
    assert page(stack, "web", 8000) == "hello version 1.4.2"
    assert kit.engine.logs(stack, "job").lines == ("version 1.4.2",)
    assert kit.engine.logs(stack, "again").lines == ("hello version 1.4.2",)
    names = [tag for image in kit.client.images.list() for tag in image.tags]
    assert f"hub-{stack.slug}-web:r1" in names and "example/web:latest" not in names
    ended(kit, stack, "build-args")
    assert {one.kind for one in kit.engine.remains(stack)} == {"image", "folder"}
    kit.engine.remove(stack)
    assert kit.engine.remains(stack) == []


def test_several_networks(kit):
    stack = started(kit, "networks")
    assert page(stack, "proxy", 80) == "rows"
    kit.run_in(stack, "app", "wget -q -O - http://database/")
    kit.run_in(stack, "proxy", "! wget -q -T 2 -O - http://database/")
    ended(kit, stack, "networks")


def test_data_in_volumes_survives_and_is_not_shared_with_a_copy(kit):
    stack = started(kit, "volumes")
    assert page(stack, "store", 9000) == "from the project's folder"
    kit.run_in(stack, "store", "echo ledger > /records/book && touch /scratch/x")
    assert kit.run_in(stack, "reader", "cat /records/book") == "ledger"
    copy = kit.read(stack.path)
    kit.up(copy)
    assert kit.run_in(copy, "store", "ls /records") == ""
    ended(kit, stack, "volumes")
    kit.up(stack)
    assert kit.run_in(stack, "store", "cat /records/book") == "ledger"


def test_replicas_have_a_port_each(kit):
    stack = started(kit, "replicas")
    pages = {page(stack, "web", 80, number=number) for number in (1, 2, 3)}
    assert len(pages) == 3
    web = kit.state(stack, "web")
    assert [one.name for one in web.instances] == ["web.1", "web.2", "web.3"]
    lines = until(lambda: len(found := kit.engine.logs(stack, "worker").lines) == 2 and found, 10, "two lines")
    assert {line.split(" | ")[0] for line in lines} == {"worker.1", "worker.2"}
    ended(kit, stack, "replicas")


def test_variables_from_everywhere(kit):
    stack = started(kit, "env-files", env={"WHO": "moon"})
    seen = dict(line.split("=", 1) for line in page(stack, "show", 8000).splitlines())
    expected = {"FROM_FILE": "good day, moon", "LITERAL": "costs $5", "PASSED": "passed on", "COLOUR": "blue",
                "SIZE": "large"}
    assert {name: seen.get(name) for name in expected} == expected
    assert seen["HUB_PORT_SHOW_8000"] == str(stack.host_ports["show", 1, 8000])
    ended(kit, stack, "env-files")


def test_a_stack_of_several_files(kit):
    stack = started(kit, "composed")
    assert {service.name for service in stack.services} == {"web", "worker", "cache"}
    assert page(stack, "web", 80) == "I am overridden"
    ended(kit, stack, "composed")


def test_every_way_of_publishing_a_port(kit):
    stack = started(kit, "ports")
    for port in (3000, 3001, 4000, 4001, 5000, 6000, 5353):
        assert page(stack, "many", port) == "served"
    udp = stack.host_port("many", 1, Port(5353, "udp"))
    assert udp != stack.host_ports["many", 1, 5353]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as second, pytest.raises(OSError, match="in use"):
        second.bind(("127.0.0.1", udp))
    published = kit.container(stack, "many").attrs["NetworkSettings"]["Ports"]
    assert published["5353/udp"] == [{"HostIp": "127.0.0.1", "HostPort": str(udp)}]
    assert {binding["HostIp"] for bindings in published.values() for binding in bindings or ()} == {"127.0.0.1"}
    ended(kit, stack, "ports")


def test_an_image_of_an_earlier_revision_is_run_again(kit):
    """What a rollback needs: the digest that was seen is enough to run the same again."""
    text = "services:\n  web: {build: ., init: true, volumes: ['data:/data']}\nvolumes: {data: {}}\n"

    def dockerfile(word: str) -> dict[str, str]:
        return {"Dockerfile": f"FROM hub-test/busybox:1\nRUN echo {word} > /word\nCMD [\"sleep\", \"1000\"]\n"}

    first = kit.stack_of(text, files=dockerfile("old"))
    kit.up(first)
    kit.run_in(first, "web", "echo precious > /data/x")
    image = kit.state(first, "web").instances[0].image
    second = kit.stack_of(text, files=dockerfile("new"), path=first.path, slug=first.slug, revision=2)
    second = replace(second, keeps=frozenset({image}))  # the first revision is kept, and ran it
    kit.up(second)
    assert kit.run_in(second, "web", "cat /word /data/x") == "new\nprecious"
    kit.up(replace(second, revision=3, images={"web": image}))
    assert kit.run_in(second, "web", "cat /word /data/x") == "old\nprecious"
    assert kit.state(second, "web").instances[0].image == image
    gone = replace(second, revision=4, images={"web": "sha256:" + "0" * 64})
    assert [problem.code for problem in kit.engine.problems(gone)] == ["image"]
