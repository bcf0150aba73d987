"""A project's variables: encrypted at rest, masked where they look like secrets."""

import pytest
from django.conf import settings

from events import encryption
from projects import actions, environment
from projects.errors import ProjectError

pytestmark = pytest.mark.django_db


@pytest.fixture
def project():
    path = settings.HUB_PROJECTS_ROOT / "environment"
    path.mkdir(exist_ok=True)
    (path / "Procfile").write_text("web: serve $PORT\n")
    return actions.create_project(name="env", path=str(path), env={"DB_PASSWORD": "s3cret-Ünïcode", "MODE": "fast"})


def test_variables_come_back_as_they_were(project):
    project.refresh_from_db()
    assert environment.load(project) == {"DB_PASSWORD": "s3cret-Ünïcode", "MODE": "fast"}


def test_the_database_holds_no_value_in_the_clear(project):
    project.refresh_from_db()
    assert b"s3cret" not in bytes(project.environment) and b"fast" not in bytes(project.environment)


def test_another_key_gives_a_sentence_and_no_traceback(project, settings):
    settings.ENCRYPTION_KEY = "x" * 43 + "="
    encryption._cipher.cache_clear()
    try:
        with pytest.raises(ProjectError, match="cannot be decrypted"):
            environment.load(project)
    finally:
        encryption._cipher.cache_clear()


@pytest.mark.parametrize("name", ["DB_PASSWORD", "API_TOKEN", "SECRET_KEY", "STRIPE_API_KEY", "apikey", "GITHUB_AUTH",
                                  "DB_PASS", "PWD_ADMIN", "SESSION_COOKIE", "SENTRY_DSN", "key"])
def test_what_looks_like_a_secret_is_masked(name):
    assert environment.masked({name: "value"}) == {name: environment.MASK}


def test_credentials_inside_a_url_are_masked_and_the_rest_stays():
    assert environment.masked({"DATABASE_URL": "postgres://me:pw@db:5432/x"}) == {
        "DATABASE_URL": f"postgres://{environment.MASK}@db:5432/x"
    }
    assert environment.masked({"URL": "redis://:pw@host/0"}) == {"URL": f"redis://{environment.MASK}@host/0"}
    assert environment.masked({"MODE": "fast", "EMPTY_TOKEN": ""}) == {"MODE": "fast", "EMPTY_TOKEN": ""}


@pytest.mark.parametrize("env", [{"1A": "x"}, {"A B": "x"}, {"": "x"}, {"A": "x\0y"}, {"A": 5}, {"PORT": "1"},
                                 {"HUB_STACK": "x"}, {"HUB_PORT_WEB": "1"}, {"A": "x" * 70_000}])
def test_a_variable_that_no_process_could_get_is_refused(project, env):
    with pytest.raises(ProjectError) as caught:
        actions.update_project(project, env=env)
    assert caught.value.field == "env"
    project.refresh_from_db()
    assert environment.load(project)["MODE"] == "fast"
