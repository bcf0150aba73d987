"""A file that is a link must not show what lies outside the folder that Hub may show."""

import pytest
from django.conf import settings

from projects import actions
from projects.errors import ProjectError
from projects.models import Project

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("name", ["Procfile", ".env", ".foreman"])
def test_a_link_out_is_refused_and_nothing_of_its_target_is_said(tmp_path, name):
    secret = tmp_path / "outside"
    secret.write_text("token: s3cret-content\n")
    folder = settings.HUB_PROJECTS_ROOT / f"linked-{name}"
    folder.mkdir()
    (folder / "Procfile").write_text("web: serve $PORT\n")
    (folder / name).unlink(missing_ok=True)
    (folder / name).symlink_to(secret)
    with pytest.raises(ProjectError, match="leads out of") as refused:
        actions.create_project(name="linked", path=str(folder))
    assert "s3cret" not in refused.value.message
    assert actions.preview(str(folder)).definition is None
    assert not Project.objects.exists()


def test_a_link_to_a_file_inside_the_root_is_read():
    shared = settings.HUB_PROJECTS_ROOT / "shared.env"
    shared.write_text("COLOUR=blue\n")
    folder = settings.HUB_PROJECTS_ROOT / "linked-inside"
    folder.mkdir()
    (folder / "Procfile").write_text("web: serve $PORT\n")
    (folder / ".env").symlink_to(shared)
    assert actions.preview(str(folder)).definition.env == {"COLOUR": "blue"}
