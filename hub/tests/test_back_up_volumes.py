"""Docker's volumes are saved with a Hub, by choice, and come back where they are gone."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import docker
import pytest
from django.core.management import CommandError, call_command

from conftest import PROJECTS_ROOT
from projects.actions import create_project
from projects.binding import new_revision
from projects.engines.compose.volumes import lender
from projects.models import Project
from projects.states import ProjectState
from projects.tests.docker_engine import BUSYBOX, DockerEngine

pytestmark = [pytest.mark.xdist_group("docker"), pytest.mark.django_db(transaction=True)]
COMPOSE = f"""services:
  db:
    image: {BUSYBOX}
    command: sleep 1000
    volumes: ["rows:/rows", "empty:/empty"]
volumes:
  rows: {{labels: {{kind: precious}}}}
  empty:
"""


@pytest.fixture
def shop(tmp_path: Path, docker_engine: DockerEngine):
    """A project as after a start and a stop: a revision, and volumes with the labels that Compose gave them."""
    folder = PROJECTS_ROOT / f"volumes-{tmp_path.name}"
    folder.mkdir()
    (folder / "compose.yaml").write_text(COMPOSE)
    project = create_project(name="Shop", path=str(folder))
    stack = new_revision(project)
    client = docker_engine.client().api
    for name in ("rows", "empty"):
        client.create_volume(f"hub-{stack.slug}_{name}", labels={
            "com.docker.compose.project": f"hub-{stack.slug}", "com.docker.compose.volume": name, "kind": "precious"})
    yield project, client, stack
    for name in ("rows", "empty"):
        client.remove_volume(f"hub-{stack.slug}_{name}", force=True)
    client.close()


def packed(**files: bytes) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.uid, info.gid, info.mode = len(content), 999, 998, 0o640
            tar.addfile(info, io.BytesIO(content))
    return target.getvalue()


def held(client: docker.APIClient, stack, name: str) -> dict[str, tuple]:
    """What is in a volume: by name the content, owner and mode of each file."""
    container = lender(client, stack, BUSYBOX, f"hub-{stack.slug}_{name}")
    try:
        stream, _ = client.get_archive(container, "/hub-volume/.")
        with tarfile.open(fileobj=io.BytesIO(b"".join(stream))) as tar:
            return {Path(one.name).name: (tar.extractfile(one).read(), one.uid, one.gid, one.mode & 0o7777)
                    for one in tar.getmembers() if one.isfile()}
    finally:
        client.remove_container(container, force=True)



def test_volumes_come_back_with_what_was_in_them(shop, tmp_path: Path, capsys):
    project, client, stack = shop
    container = lender(client, stack, BUSYBOX, f"hub-{stack.slug}_rows")
    client.put_archive(container, "/hub-volume", packed(ledger=b"1,000 rows", other=b"x" * 3_000_000))
    client.remove_container(container, force=True)
    before, images = held(client, stack, "rows"), {one["Id"] for one in client.images()}

    Project.objects.filter(pk=project.pk).update(state=ProjectState.RUNNING)
    call_command("backup", "create", "--to", str(tmp_path), "--volumes", "--verify")
    assert "are as they were while it ran" in capsys.readouterr().out
    (file,) = tmp_path.glob("hub-*.tar")
    with tarfile.open(file) as tar:
        assert {name for name in tar.getnames() if name.startswith("volumes/")} == {
            f"volumes/{stack.slug}/{name}.{kind}" for name in ("rows", "empty") for kind in ("tar", "json")}
    Project.objects.filter(pk=project.pk).update(state=ProjectState.STOPPED)
    with pytest.raises(CommandError, match=r"volume hub-.*_empty is there already"):
        call_command("backup", "volumes", str(file))

    for name in ("rows", "empty"):
        client.remove_volume(f"hub-{stack.slug}_{name}")
    call_command("backup", "volumes", str(file), "--project", stack.slug)
    assert f"{stack.slug}/empty, {stack.slug}/rows: back." in capsys.readouterr().out
    assert held(client, stack, "rows") == before and before["ledger"] == (b"1,000 rows", 999, 998, 0o640)
    assert held(client, stack, "empty") == {}
    labels = client.inspect_volume(f"hub-{stack.slug}_rows")["Labels"]
    assert labels["kind"] == "precious" and labels["com.docker.compose.volume"] == "rows"
    # Neither an image nor a container was left.
    assert {one["Id"] for one in client.images()} == images and not client.containers(all=True, filters={
        "label": f"hub.project={stack.slug}"})


def test_without_the_choice_no_docker_is_asked(shop, tmp_path: Path):
    call_command("backup", "create", "--to", str(tmp_path))
    (file,) = tmp_path.glob("hub-*.tar")
    with tarfile.open(file) as tar:
        assert not [name for name in tar.getnames() if name.startswith("volumes/")]
    with pytest.raises(CommandError, match="holds no volume of elsewhere"):
        call_command("backup", "volumes", str(file), "--project", "elsewhere")
