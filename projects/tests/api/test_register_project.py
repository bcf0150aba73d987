"""Register, show, list, change, copy and count projects."""

import socket

import pytest

from accounts.tests.api_client import error_of
from projects.models import PortLease, Project
from projects.tests.port_slice import free_port

pytestmark = pytest.mark.django_db

KEYS = {"id", "name", "slug", "path", "engine", "status", "health", "desired", "observed_at", "reason", "ports",
        "created_at", "autostart", "return_to_good", "env", "node"}
SERVICES = "web: run $PORT\nbackend: run $PORT\nfrontend: run $PORT\npostgres: run $PORT\nredis: run $PORT\n"


@pytest.fixture
def operator(api):
    return api("operator")


@pytest.fixture
def register(operator, projects_folder):
    def make(**fields):
        response = operator.post("/api/projects", {"name": "Shop", "path": str(projects_folder)} | fields)
        assert response.status_code == 201, response.content
        return response.json()

    return make


def ports_of(project: dict) -> dict[str, int]:
    return {port["service"]: port["port"] for port in project["ports"]}


def test_a_folder_becomes_a_project_with_a_port(register, operator, projects_folder):
    project = register()
    assert set(project) == KEYS
    assert project["path"] == str(projects_folder) and project["engine"] == "process"
    assert (project["status"], project["health"], project["desired"]) == ("stopped", "none", "stopped")
    (port,) = project["ports"]
    assert port["service"] == "web" and port["protocol"] == "tcp"
    assert port["url"] == f"http://127.0.0.1:{port['port']}"
    assert operator.get(f"/api/projects/{project['id']}").json() == project


def test_the_same_folder_twice_has_two_ports(register):
    first, second = register(), register(name="Shop 2")
    assert ports_of(first) != ports_of(second) and first["slug"] != second["slug"]


def test_ports_by_service_and_by_service_and_number(register):
    wanted = free_port()
    project = register(ports={"web": wanted})
    assert ports_of(project) == {"web": wanted}
    inner = project["ports"][0]["container_port"]
    other = free_port()
    assert ports_of(register(name="Other", ports={f"web:{inner}": other})) == {"web": other}


def test_the_ports_of_older_scripts(register, projects_folder):
    (projects_folder / "Procfile").write_text(SERVICES)
    wanted = {name: free_port() for name in ("backend", "frontend", "postgres", "redis", "web")}
    older = {f"{name}_port": port for name, port in wanted.items() if name != "web"}
    assert ports_of(register(**older, ports={"web": wanted["web"]})) == wanted


@pytest.mark.parametrize(("fields", "field"), [
    ({"name": ""}, "name"),
    ({"name": "x" * 300}, "name"),
    ({"name": 7}, "name"),
    ({"name": None}, "name"),
    ({"path": ""}, "path"),
    ({"path": "relative"}, "path"),
    ({"path": "/nothing/here"}, "path"),
    ({"path": "/etc/../etc"}, "path"),
    ({"path": ["/"]}, "path"),
    ({"engine": "kubernetes"}, "engine"),
    ({"ports": {"web": 0}}, "ports.web"),
    ({"ports": {"web": 70000}}, "ports.web"),
    ({"ports": {"web": "8010"}}, "ports.web"),
    ({"ports": {"web": True}}, "ports.web"),
    ({"ports": [8010]}, "ports"),
    ({"ports": {"nothing": 8010}}, "ports"),
    ({"backend_port": 8010}, "ports"),
    ({"backend_port": -1}, "backend_port"),
    ({"env": {"A B": "x"}}, "env"),
    ({"env": {"A": 1}}, "env.A"),
    ({"env": "A=1"}, "env"),
    ({"autostart": "yes"}, "autostart"),
    ({"autostrat": True}, "autostrat"),
])
def test_bad_input_is_422_names_its_field_and_makes_nothing(operator, projects_folder, fields, field):
    response = operator.post("/api/projects", {"name": "Shop", "path": str(projects_folder)} | fields)
    assert error_of(response, 422)["field"] == field
    assert not Project.objects.exists() and not PortLease.objects.exists()


def test_a_name_that_is_taken_is_409(register, operator, projects_folder):
    register()
    error = error_of(operator.post("/api/projects", {"name": "Shop", "path": str(projects_folder)}), 409)
    assert error["code"] == "conflict" and error["field"] == "name"


def test_a_port_that_somebody_listens_on_is_409_and_named(operator, projects_folder):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        body = {"name": "Shop", "path": str(projects_folder), "ports": {"web": port}}
        error = error_of(operator.post("/api/projects", body), 409)
    assert str(port) in error["message"] and error["field"] == "ports"


def test_a_broken_procfile_is_422_with_its_line(operator, projects_folder):
    (projects_folder / "Procfile").write_text("web: run $PORT\nthis is no line\n")
    error = error_of(operator.post("/api/projects", {"name": "Shop", "path": str(projects_folder)}), 422)
    assert "line 2" in error["message"]


@pytest.mark.parametrize("name", ["Übung — 試験", "<script>alert(1)</script>", "../../etc", "a'b\"c; DROP TABLE x"])
def test_any_name_stays_what_it_is_and_its_slug_is_harmless(register, name):
    project = register(name=name)
    assert project["name"] == name
    assert set(project["slug"]) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")


@pytest.mark.parametrize("project_id", ["999", "0", "-1", "x", "1.5", "99999999999999999999999", "%00"])
@pytest.mark.parametrize(("method", "rest"), [
    ("get", ""), ("patch", ""), ("delete", ""), ("get", "/remains"), ("get", "/logs/web"),
])
def test_an_unknown_project_is_404(api, project_id, method, rest):
    response = getattr(api("operator"), method)(f"/api/projects/{project_id}{rest}", *(
        () if method == "get" else ({},)), **({} if method == "get" else {"content_type": "application/json"}))
    error_of(response, 404)


def test_lists_are_newest_first_and_cost_no_more_when_longer(register, api, django_assert_max_num_queries):
    names = [register(name=f"Shop {number}")["name"] for number in range(4)]
    client = api("viewer")
    assert [item["name"] for item in client.get("/api/projects?order=asc").json()["items"]] == names
    with django_assert_max_num_queries(4):
        body = client.get("/api/projects?limit=3").json()
    assert [item["name"] for item in body["items"]] == names[:0:-1]
    assert set(body["items"][0]) == KEYS - {"env"}
    rest = client.get(f"/api/projects?limit=3&cursor={body['next_cursor']}").json()
    assert [item["name"] for item in rest["items"]] == names[:1] and rest["next_cursor"] is None


def test_change_what_is_given_and_nothing_else(register, operator):
    project = register(env={"COLOUR": "red", "API_TOKEN": "s3cret"})
    address = f"/api/projects/{project['id']}"

    def change(**fields):
        response = operator.patch(address, fields, content_type="application/json")
        assert response.status_code == 200, response.content
        return response.json()

    assert change() == project
    assert change(name="Store", autostart=True) == project | {"name": "Store", "autostart": True}
    wanted = free_port()
    assert ports_of(change(ports={"web": wanted})) == {"web": wanted}
    assert change(env={"COLOUR": "blue"})["env"] == {"COLOUR": "blue"}
    assert operator.get(address).json()["name"] == "Store"


def test_secrets_are_masked_and_survive_being_sent_back_masked(register, operator, projects_folder):
    from projects import environment

    project = register(env={"API_TOKEN": "s3cret", "DATABASE_URL": "postgres://ada:s3cret@db/x", "COLOUR": "red"})
    address = f"/api/projects/{project['id']}"
    for response in (operator.get(address), operator.get("/api/projects"),
                     operator.patch(address, {"env": project["env"] | {"COLOUR": "blue"}},
                                    content_type="application/json")):
        assert b"s3cret" not in response.content
    assert environment.load(Project.objects.get()) == {
        "API_TOKEN": "s3cret", "DATABASE_URL": "postgres://ada:s3cret@db/x", "COLOUR": "blue"
    }


@pytest.mark.parametrize(("fields", "field"), [
    ({"name": ""}, "name"), ({"name": None}, "name"), ({"env": None}, "env"), ({"autostart": 1}, "autostart"),
    ({"ports": {"x": 8010}}, "ports"), ({"path": "/"}, "path"), ({"slug": "x"}, "slug"),
])
def test_a_bad_change_is_422_and_changes_nothing(register, operator, fields, field):
    project = register()
    address = f"/api/projects/{project['id']}"
    response = operator.patch(address, {"autostart": True} | fields, content_type="application/json")
    assert error_of(response, 422)["field"] == field
    assert operator.get(address).json() == project


def test_a_copy_has_its_own_name_and_ports_and_takes_the_environment_over(register, operator):
    project = register(env={"COLOUR": "red"})
    response = operator.post(f"/api/projects/{project['id']}/copy", {"name": "Shop 2"})
    assert response.status_code == 201, response.content
    copy = response.json()
    assert copy["path"] == project["path"] and copy["env"] == {"COLOUR": "red"}
    assert ports_of(copy) != ports_of(project) and copy["id"] != project["id"]


@pytest.mark.parametrize(("fields", "status", "field"), [
    ({}, 422, "name"), ({"name": "Shop"}, 409, "name"), ({"name": "B", "path": "/nothing"}, 422, "path"),
    ({"name": "B", "with_data": "x"}, 422, "with_data"), ({"name": "B", "branch": "main"}, 422, "branch"),
])
def test_a_copy_that_cannot_be_made_says_why(register, operator, fields, status, field):
    project = register()
    assert error_of(operator.post(f"/api/projects/{project['id']}/copy", fields), status)["field"] == field
    assert Project.objects.count() == 1


def test_stats_count_what_is_there(register, api):
    empty = api("viewer").get("/api/projects/stats").json()
    assert empty["total"] == 0 and set(empty["by_status"].values()) == {0}
    register(), register(name="Shop 2")
    Project.objects.filter(name="Shop 2").update(state="failed")
    assert api("viewer").get("/api/projects/stats").json() == {
        "total": 2,
        "by_status": empty["by_status"] | {"stopped": 1, "failed": 1},
        "by_engine": {"process": 2, "compose": 0, "dagger": 0},
        "services": {"total": 2, "running": 0},
        "ports": 2,
    }


def test_the_delete_preview_lists_the_ports(register, operator):
    project = register()
    items = operator.get(f"/api/projects/{project['id']}/remains").json()["items"]
    assert {"kind": "port", "name": str(project["ports"][0]["port"])}.items() <= items[-1].items()


@pytest.mark.parametrize(("query", "field"), [
    ("data=remove", "confirm"), ("data=remove&confirm=shop", "confirm"), ("data=everything", "data"),
])
def test_a_delete_of_data_needs_the_name(register, operator, query, field):
    project = register()
    assert error_of(operator.delete(f"/api/projects/{project['id']}?{query}"), 422)["field"] == field
    assert operator.get(f"/api/projects/{project['id']}").json()["desired"] == "stopped"
