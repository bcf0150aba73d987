"""What is run and what is given to Compose, compared as data: no Docker is needed here."""

from __future__ import annotations

from pathlib import Path

from projects.engines.compose import commands
from projects.engines.compose.bound import bind, is_row
from projects.engines.compose.images import BuildCount
from projects.stacks.compose import cli
from projects.stacks.spec import Definition, Port, ServiceSpec, Stack


def stack_of(document: dict, *services: ServiceSpec, **fields) -> Stack:
    definition = Definition("compose", Path("/shop"), Path("/shop/compose.yaml"), services, document=document)
    return Stack("hub-1", "shop-2", definition, Path("/data/run"), **{"revision": 7, **fields})


def test_the_command_of_a_start():
    stack = stack_of({})
    assert commands.up("/bin/docker", stack, Path("/data/run/compose.json")) == [
        "/bin/docker", "compose", "--ansi", "never", "--progress", "plain", "--project-name", "hub-shop-2",
        "--project-directory", "/shop", "--env-file", "/dev/null", "--file", "/data/run/compose.json",
        "up", "--detach", "--no-build", "--remove-orphans",
    ]
    assert commands.up("d", stack, Path("f"), ["web"])[-2:] == ["--no-deps", "web"]
    assert commands.build("d", stack, Path("f"), "web")[-2:] == ["build", "web"]


def test_nothing_of_hubs_own_environment_reaches_a_stack(monkeypatch):
    monkeypatch.setenv("SECRET_KEY", "of Hub")
    monkeypatch.setenv("HUB_DATA", "/of/hub")
    variables = cli.variables_for({"GREETING": "hi"})
    assert variables["GREETING"] == "hi" and not {"SECRET_KEY", "HUB_DATA", "DATABASE_URL"} & set(variables)


def test_published_ports_become_leases_on_this_machine_alone():
    document = {"services": {
        "web": {"image": "nginx", "networks": {"default": None}, "ports": [
            {"target": 80, "published": "8080", "protocol": "tcp", "mode": "ingress"},
            {"target": 53, "published": "53", "protocol": "udp", "mode": "ingress"},
        ]},
        "many": {"image": "app", "ports": [{"target": 9000, "protocol": "tcp"}], "deploy": {"replicas": 2}},
        "inner": {"image": "db"},
    }}
    stack = stack_of(
        document,
        ServiceSpec("web", "", ports=(Port(80), Port(53, "udp"))),
        ServiceSpec("many", "", ports=(Port(9000),), instances=2), ServiceSpec("inner", ""),
        host_ports={("web", 1, 80): 20001, ("many", 1, 9000): 20002, ("many", 2, 9000): 20003},
        udp_ports={("web", 1, 53): 20004},
    )
    services = bind(stack)["services"]
    assert services["web"]["ports"] == [
        {"mode": "ingress", "target": 80, "host_ip": "127.0.0.1", "published": "20001", "protocol": "tcp"},
        {"mode": "ingress", "target": 53, "host_ip": "127.0.0.1", "published": "20004", "protocol": "udp"},
    ]
    assert services["many"]["ports"][0]["published"] == "20002-20003"
    assert "ports" not in services["inner"]
    assert services["inner"]["environment"] == {
        "HUB_PORT_WEB_80": "20001", "HUB_PORT_WEB_53": "20004", "HUB_PORT_MANY_9000": "20002",
        "HUB_PORT_MANY__2_9000": "20003",
    }
    assert services["inner"]["labels"] == {"hub.id": "hub-1", "hub.project": "shop-2", "hub.revision": "7"}
    assert document["services"]["web"]["ports"][0]["published"] == "8080"


def test_names_that_only_one_stack_could_have_become_its_own():
    document = {
        "services": {"db": {"image": "pg", "container_name": "the-db", "networks": {"default": None}}},
        "volumes": {"data": {"name": "the-data"}, "shared": {"name": "archive", "external": True}},
        "networks": {"default": {"name": "hub-project-slug_default"}},
    }
    content = bind(stack_of(document, ServiceSpec("db", "")))
    assert "container_name" not in content["services"]["db"]
    assert content["services"]["db"]["networks"]["default"]["aliases"] == ["the-db"]
    assert content["volumes"]["data"]["name"] == "hub-shop-2_data"
    assert content["volumes"]["shared"] == {"name": "archive", "external": True}
    assert content["networks"]["default"]["name"] == content["name"] + "_default"


def test_what_exists_keeps_its_labels():
    """Compose would make a volume anew whose labels changed, and its data with it."""
    document = {"services": {"db": {"image": "pg"}}, "volumes": {"data": {"name": "x"}}}
    content = bind(stack_of(document, ServiceSpec("db", "")), {"hub-shop-2_data": {"hub.revision": "1"}})
    assert content["volumes"]["data"]["labels"]["hub.revision"] == "1"


def test_images_that_are_given_are_run_and_not_built():
    document = {"services": {"web": {"build": {"context": "/shop"}, "image": "shop/web"},
                             "job": {"image": "shop/web"}, "db": {"image": "pg"}}}
    specs = [ServiceSpec(name, "") for name in document["services"]]
    built = bind(stack_of(document, *specs))["services"]
    assert built["web"]["image"] == built["job"]["image"] == "hub-shop-2-web:r7"
    given = bind(stack_of(document, *specs, images={"web": "sha256:1", "job": "sha256:1"}))["services"]
    assert (given["web"]["image"], given["web"]["pull_policy"], "build" in given["web"]) == ("sha256:1", "never", False)
    assert given["db"]["image"] == "pg"


def test_ports_that_are_neighbours():
    assert is_row([5]) and is_row([5, 6, 7]) and not is_row([5, 7]) and not is_row([6, 5])


def test_the_steps_of_a_build_are_counted_not_guessed():
    counted = BuildCount()
    seen = []
    for line in [
        "#1 [web internal] load build definition from Dockerfile", "#1 DONE 0.1s",
        "#4 [web base 1/2] FROM docker.io/library/x", "#4 CACHED", "#5 [web base 2/2] RUN make", "#5 0.3 compiling",
        "#6 [web final 1/2] COPY . .", "#5 DONE 1.0s", "#6 DONE 0.1s",
    ]:
        counted.read(line)
        seen.append((counted.done, counted.total))
    assert seen[3] == (1, 2) and seen[-1] == (3, 4)
    classic = BuildCount()
    classic.read("Step 2/3 : RUN make")
    assert (classic.done, classic.total, classic.remark) == (1, 3, "step 2 of 3: RUN make")
