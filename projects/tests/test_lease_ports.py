"""Ports: one project each, kept while the project lives, whoever asks at the same moment."""

import socket
import threading

import pytest
from django.conf import settings
from django.db import connection

from projects import actions
from projects.errors import ProjectError
from projects.models import PortLease, Project
from projects.tests.port_slice import free_port

pytestmark = pytest.mark.django_db

PROCFILE = "web: serve --port $PORT\nworker: work\nredis: cache --port $REDIS_PORT\n"


@pytest.fixture
def folder():
    path = settings.HUB_PROJECTS_ROOT / "leases"
    path.mkdir(exist_ok=True)
    (path / "Procfile").write_text(PROCFILE)
    return str(path)


def ports_of(project: Project) -> dict[str, int]:
    return {lease.service: lease.host_port for lease in project.leases.all()}


def test_each_service_that_declares_a_port_gets_one_of_the_range(folder):
    project = actions.create_project(name="one", path=folder)
    low, high = settings.HUB_PORT_RANGE
    assert set(ports_of(project)) == {"web", "redis"}
    assert all(low <= port <= high for port in ports_of(project).values())


def test_two_copies_of_one_folder_share_no_port(folder):
    first = actions.create_project(name="first", path=folder)
    second = actions.copy_project(first, name="second")
    assert not set(ports_of(first).values()) & set(ports_of(second).values())


def test_delete_one_add_one_gives_no_clash(folder):
    """The older Hub counted projects to find ports: after a delete the next one collided."""
    kept = [actions.create_project(name=f"p{number}", path=folder) for number in range(3)]
    kept.pop(0).delete()
    kept.append(actions.create_project(name="new", path=folder))
    ports = [port for project in kept for port in ports_of(project).values()]
    assert len(ports) == len(set(ports)) == 6


def test_a_listener_outside_hub_is_passed_over(folder):
    first = actions.preview(folder).ports
    with socket.create_server(("127.0.0.1", first[0][2])):
        project = actions.create_project(name="beside", path=folder)
        assert first[0][2] not in ports_of(project).values()


def test_a_listener_on_ipv6_alone_counts_as_well(folder):
    first = actions.preview(folder).ports[0][2]
    with socket.create_server(("::1", first), family=socket.AF_INET6):
        assert first not in ports_of(actions.create_project(name="six", path=folder)).values()


def test_a_wanted_port_is_given(folder):
    wanted = free_port()
    assert ports_of(actions.create_project(name="wanted", path=folder, ports={"web": wanted}))["web"] == wanted


@pytest.mark.parametrize(
    ("ports", "words"),
    [
        ({"web": 0}, "1 to 65535"),
        ({"web": 70000}, "1 to 65535"),
        ({"web": "8010"}, "1 to 65535"),
        ({"web": True}, "1 to 65535"),
        ({"nobody": 8010}, "no port of 'nobody'"),
        ({"worker": 8010}, "no port of 'worker'"),
        ({"web:1": 8010}, "no port of 'web:1'"),
        ({"web": 18010, "redis": 18010}, "twice"),
    ],
)
def test_a_wish_that_makes_no_sense_is_refused_and_nothing_is_made(folder, ports, words):
    with pytest.raises(ProjectError, match=words):
        actions.create_project(name="bad", path=folder, ports=ports)
    assert not Project.objects.exists() and not PortLease.objects.exists()


def test_a_wanted_port_of_another_project_names_it(folder):
    port = ports_of(actions.create_project(name="owner", path=folder))["web"]
    with pytest.raises(ProjectError, match=f"{port} is leased to web of owner"):
        actions.create_project(name="late", path=folder, ports={"web": port})


def test_a_wanted_port_that_a_process_holds_names_the_process(folder):
    with socket.socket() as foreign:
        foreign.bind(("127.0.0.1", 0))
        foreign.listen()
        with pytest.raises(ProjectError, match=r"taken by .*pid \d+"):
            actions.create_project(name="late", path=folder, ports={"web": foreign.getsockname()[1]})


def test_one_click_leases_another_port(folder):
    project = actions.create_project(name="moved", path=folder)
    lease = project.leases.get(service="web")
    after = actions.release_port(project, lease.pk)
    assert after.host_port != lease.host_port and ports_of(project)["web"] == after.host_port


def test_a_used_up_range_says_so(folder, settings):
    low, _ = settings.HUB_PORT_RANGE
    settings.HUB_PORT_RANGE = (low, low + 2)
    actions.create_project(name="first", path=folder)
    with pytest.raises(ProjectError, match="No port is left"):
        actions.create_project(name="second", path=folder)
    assert [project.name for project in Project.objects.all()] == ["first"]


@pytest.mark.django_db(transaction=True)
def test_twenty_creates_at_once_share_no_port_and_none_fails(folder):
    start = threading.Barrier(20)
    failures = []

    def create(number: int) -> None:
        start.wait()
        try:
            actions.create_project(name=f"at once {number}", path=folder)
        except Exception as error:  # noqa: BLE001 - whatever it is, the test shows it
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=create, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ports = list(PortLease.objects.values_list("host_port", flat=True))
    assert failures == []
    assert Project.objects.count() == 20
    assert len(ports) == len(set(ports)) == 40


def row_of(project: Project, service: str) -> list[int]:
    return list(project.leases.filter(service=service).order_by("instance").values_list("host_port", flat=True))


def test_replicas_of_a_compose_service_get_neighbours_also_when_they_become_more():
    path = settings.HUB_PROJECTS_ROOT / "rows"
    path.mkdir(exist_ok=True)

    def write(replicas: int) -> None:
        (path / "compose.yaml").write_text(
            f"services:\n  web: {{image: x, ports: [80, 81], scale: {replicas}}}\n  one: {{image: y, ports: [80]}}\n")

    write(2)
    project = actions.create_project(name="rows", path=str(path), ports={"one": 9500})
    other = actions.create_project(name="others", path=str(path))
    write(3)
    actions.update_project(project, env={"A": "b"})
    for number in (80, 81):
        row = list(project.leases.filter(service="web", container_port=number).order_by("instance")
                   .values_list("host_port", flat=True))
        assert row == list(range(row[0], row[0] + 3))
    assert row_of(project, "one") == [9500]
    every = list(PortLease.objects.values_list("host_port", flat=True))
    assert len(every) == len(set(every)) == 12
    assert set(row_of(other, "web")).isdisjoint(row_of(project, "web"))


def test_a_port_that_is_asked_for_begins_the_row():
    path = settings.HUB_PROJECTS_ROOT / "wished-row"
    path.mkdir(exist_ok=True)
    (path / "compose.yaml").write_text("services:\n  web: {image: x, ports: [80], scale: 3}\n")
    project = actions.create_project(name="wished", path=str(path), ports={"web": 9600})
    assert row_of(project, "web") == [9600, 9601, 9602]


def test_tcp_and_udp_of_one_number_are_two_leases():
    path = settings.HUB_PROJECTS_ROOT / "names"
    path.mkdir(exist_ok=True)
    (path / "compose.yaml").write_text("services:\n  dns: {image: x, ports: ['53:53/udp', '53:53/tcp']}\n")
    project = actions.create_project(name="names", path=str(path))
    leases = {lease.protocol: lease.host_port for lease in project.leases.all()}
    assert set(leases) == {"tcp", "udp"} and leases["tcp"] != leases["udp"]
