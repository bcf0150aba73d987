"""Hub finds what a folder runs, and asks when there are several answers."""

import pytest

from projects.stacks import detect
from projects.stacks.spec import StackError


def refused(folder, engine=None) -> StackError:
    with pytest.raises(StackError) as caught:
        detect.read(folder, engine)
    return caught.value


def test_a_procfile(tmp_path):
    (tmp_path / "Procfile").write_text("web: a")
    candidate, = detect.detect(tmp_path)
    assert (candidate.engine, candidate.source, candidate.error) == ("process", tmp_path / "Procfile", None)
    assert detect.read(tmp_path) == candidate.definition == detect.read(tmp_path, "process")


def test_a_broken_procfile_is_a_candidate_with_its_error(tmp_path):
    (tmp_path / "Procfile").write_text("web: a\nnonsense")
    candidate, = detect.detect(tmp_path)
    assert candidate.definition is None
    assert candidate.error.line == 2
    assert refused(tmp_path).message == candidate.error.message


@pytest.mark.parametrize("name", ["compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"])
def test_a_compose_file_is_found_and_read(tmp_path, name):
    (tmp_path / name).write_text("services: {web: {image: nginx, ports: [80]}}")
    candidate, = detect.detect(tmp_path)
    assert (candidate.engine, candidate.source) == ("compose", tmp_path / name)
    assert [service.name for service in detect.read(tmp_path).services] == ["web"]


def test_of_several_compose_files_the_first_counts_as_for_compose(tmp_path):
    for name in ("docker-compose.yml", "compose.yml"):
        (tmp_path / name).write_text("services: {}")
    assert [candidate.source.name for candidate in detect.detect(tmp_path)] == ["compose.yml"]


def test_both_files_asks_which(tmp_path):
    (tmp_path / "Procfile").write_text("web: a")
    (tmp_path / "docker-compose.yml").write_text("services: {}")
    assert [candidate.engine for candidate in detect.detect(tmp_path)] == ["process", "compose"]
    error = refused(tmp_path)
    assert error.code == "ambiguous"
    assert "Procfile and a docker-compose.yml" in error.message
    assert "process or compose" in error.hint
    assert detect.read(tmp_path, "process").services[0].name == "web"
    assert "no service" in refused(tmp_path, "compose").message


def test_nothing_found_says_what_was_looked_for(tmp_path):
    assert detect.detect(tmp_path) == []
    error = refused(tmp_path)
    assert error.code == "nothing-found"
    for name in ("Procfile", *detect.COMPOSE_FILENAMES):
        assert name in error.message
    (tmp_path / "compose.yaml").write_text("services: {}")
    error = refused(tmp_path, "process")
    assert (error.code, "compose.yaml" in error.message) == ("nothing-found", False)


def test_folders_that_cannot_be_read(tmp_path):
    assert refused(tmp_path / "gone").code == "missing"
    (tmp_path / "file").write_text("")
    assert refused(tmp_path / "file").code == "not-a-folder"
    assert refused(tmp_path, "swarm").code == "unsupported"
    assert refused(tmp_path, "dagger").code == "nothing-found"


def test_a_procfile_that_is_a_folder_or_a_broken_link_is_told(tmp_path):
    (tmp_path / "Procfile").mkdir()
    assert "is a folder" in refused(tmp_path).message
    (tmp_path / "Procfile").rmdir()
    (tmp_path / "Procfile").symlink_to("nowhere")
    error = refused(tmp_path)
    assert ("does not exist" in error.message, "symbolic link" in error.hint) == (True, True)


def test_the_projects_own_environment_changes_the_formation(tmp_path):
    (tmp_path / "Procfile").write_text("web: a\nworker: b")
    (tmp_path / ".env").write_text("HUB_FORMATION=worker=2\nA=1\n")
    definition = detect.read(tmp_path, extra_env={"HUB_FORMATION": "worker=3", "A": "2"})
    assert definition.service("worker").instances == 3
    assert definition.env["A"] == "1", "a definition holds what the folder says, not what the project adds"
