"""Images are built by Dagger: what is asked of it, and what becomes of everything that can go wrong with it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from projects.engines.base import EngineError, Step
from projects.engines.dagger.access import Access
from projects.engines.dagger.build import build, build_plan
from projects.engines.dagger.image import Image, Secret
from projects.engines.process.processes import environment_of, table
from projects.tests.engines.dagger.fake_cli import CODE_ROOT, STARTED, double_cli, script
from projects.tests.engines.processes_seen import until

SOON = 10.0
MARK = "DAGGER_TEST_MARK"


class Workshop:
    """A folder with a context and a CLI, and what is seen of builds there."""

    def __init__(self, folder: Path):
        self.folder, self.record = folder, folder / "asked.jsonl"
        self.cli = double_cli(folder, record=str(self.record))
        (folder / "context").mkdir()
        self.write("Dockerfile", "FROM base\nRUN echo made of \"$COLOUR\"\n")
        # The CLI gets every variable of this prefix, so that its processes can be told from others.
        self.environ = {**os.environ, MARK: str(folder)}

    def write(self, name: str, text: str) -> None:
        (self.folder / "context" / name).write_text(text)

    def image(self, **fields) -> Image:
        given = {"service": "web", "name": "hub-shop-web", "context": str(self.folder / "context")}
        return Image(**{**given, **fields})

    def steps(self, *images: Image):
        return build(list(images), Access(cli=str(self.cli)), folder=self.folder / "run", environ=self.environ,
                     docker={})

    def build(self, *images: Image) -> list[Step]:
        return list(self.steps(*images))

    def failure(self, *images: Image) -> EngineError:
        """The error of a build that fails within ten seconds from the start of the CLI, and leaves no process."""
        with pytest.raises(EngineError) as raised:
            self.build(*images)
        if (self.folder / STARTED).exists():
            assert time.time() - (self.folder / STARTED).stat().st_mtime < SOON
        assert self.alive() == []
        return raised.value

    def asked(self, field: str) -> list[dict]:
        lines = map(json.loads, self.record.read_text().splitlines())
        return [line["arguments"] for line in lines if line["field"] == field]

    def alive(self) -> list[str]:
        return [f"{stat.pid} {stat.name}" for stat in table().values()
                if stat.alive and environment_of(stat.pid).get(MARK) == str(self.folder)]


@pytest.fixture
def workshop(tmp_path: Path):
    workshop = Workshop(tmp_path)
    yield workshop
    assert workshop.alive() == []


# What is asked for


def test_a_build_names_every_step_and_ends_each(workshop):
    images = [workshop.image(), workshop.image(service="jobs", name="hub-shop-jobs")]
    steps = workshop.build(*images)
    planned = [step.key for step in build_plan(images)]
    assert planned == ["dagger", "read:web", "build:web", "export:web", "read:jobs", "build:jobs", "export:jobs"]
    ended = [step.key for step in steps if step.done == step.total and not step.lines]
    assert sorted(ended) == sorted(planned)
    for service in ("web", "jobs"):
        own = [key for key in ended if key.endswith(service)]
        assert own == [f"{stage}:{service}" for stage in ("read", "build", "export")]


def test_everything_a_build_section_says_is_asked_of_dagger(workshop):
    workshop.write("prod.Dockerfile", "FROM base AS small\n")
    workshop.build(workshop.image(
        dockerfile="prod.Dockerfile", args=(("COLOUR", "blue"),), target="small", platform="linux/amd64",
        secrets=(Secret("token", value="opensesame"),), labels=(("hub.project", "shop"),), name="two:3",
    ))
    (asked,) = workshop.asked("Directory.dockerBuild")
    assert asked.pop("secrets")
    assert asked == {
        "dockerfile": "prod.Dockerfile", "buildArgs": [{"name": "COLOUR", "value": "blue"}], "target": "small",
        "platform": "linux/amd64",
    }
    assert workshop.asked("Query.setSecret") == [{"name": "token", "plaintext": "opensesame"}]
    assert workshop.asked("Container.withLabel")[0] == {"name": "hub.project", "value": "shop"}
    exported = {"forcedCompression": "Gzip", "mediaTypes": "DockerMediaTypes"}
    assert workshop.asked("Container.exportImage") == [{"name": "two:3", **exported}]


def test_what_dockerignore_names_is_not_read(workshop):
    workshop.write(".dockerignore", "# big\n/node_modules/\n*.log\n!keep.log\nDockerfile\n")
    workshop.write("noise.log", "noise")
    workshop.write("keep.log", "kept")
    workshop.build(workshop.image())
    (asked,) = workshop.asked("Host.directory")
    assert asked["exclude"] == ["node_modules", "*.log", "!keep.log", "Dockerfile", "!Dockerfile"]


def test_an_inline_dockerfile_is_built_and_nothing_is_written_into_the_folder(workshop):
    before = sorted(path.name for path in (workshop.folder / "context").iterdir())
    workshop.build(workshop.image(inline="FROM base\nRUN echo inline words\n"))
    assert "inline words" in (workshop.folder / "run" / "build.log").read_text()
    assert sorted(path.name for path in (workshop.folder / "context").iterdir()) == before


def test_a_dockerfile_beside_the_context_is_built(workshop):
    (workshop.folder / "Dockerfile.out").write_text("FROM base\nRUN echo from outside\n")
    workshop.build(workshop.image(dockerfile="../Dockerfile.out"))
    assert "from outside" in (workshop.folder / "run" / "build.log").read_text()


def test_what_dagger_writes_is_shown_and_kept_without_the_secrets(workshop):
    workshop.write("Dockerfile", "FROM base\nRUN echo the word is opensesame\n")
    steps = workshop.build(workshop.image(secrets=(Secret("token", value="opensesame"),)))
    assert ("the word is ••••",) in [step.lines for step in steps if step.key == "build:web"]
    written = (workshop.folder / "run" / "build.log").read_text()
    assert "the word is ••••" in written
    assert "opensesame" not in written


def test_secrets_stand_in_no_command_line_and_no_environment(workshop):
    workshop.cli = double_cli(workshop.folder, stuck_at="Directory.sync")
    steps = workshop.steps(workshop.image(secrets=(Secret("token", value="opensesame"),)))
    next(steps)
    for stat in table().values():
        if environment_of(stat.pid).get(MARK) == str(workshop.folder):
            assert b"opensesame" not in Path(f"/proc/{stat.pid}/cmdline").read_bytes()
            assert b"opensesame" not in Path(f"/proc/{stat.pid}/environ").read_bytes()
    steps.close()


def test_the_cli_gets_nothing_of_hubs_own_settings(workshop):
    workshop.environ |= {"SECRET_KEY": "hubs own", "HUB_DATA": "/x", "DOCKER_HOST": "tcp://192.0.2.1:2375"}
    workshop.cli = script(workshop.folder, "env >&2; exit 1")
    workshop.failure(workshop.image())
    seen = dict(line.split("=", 1) for line in (workshop.folder / "run" / "build.log").read_text().splitlines()
                if "=" in line)
    assert not {"SECRET_KEY", "HUB_DATA"} & set(seen)
    assert seen["DOCKER_HOST"] == "tcp://192.0.2.1:2375"
    assert seen["DO_NOT_TRACK"] == seen["DAGGER_NO_UPDATE_CHECK"] == "1"


def test_a_session_that_is_open_already_is_used(workshop):
    with subprocess.Popen([str(workshop.cli), "session"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, cwd=workshop.folder) as process:
        said = json.loads(process.stdout.readline())
        access = Access(port=said["port"], token=said["session_token"])
        steps = list(build([workshop.image()], access, folder=workshop.folder / "run", environ=workshop.environ,
                           docker={}))
        assert steps[-1].key == "export:web"
        assert process.poll() is None


# What goes wrong


def test_a_command_that_fails_is_named_with_its_line_and_what_it_said(workshop):
    workshop.write("Dockerfile", "FROM base\n\nRUN echo fine\nRUN echo no such header >&2; exit 7\n")
    error = workshop.failure(workshop.image())
    assert error.message == (
        "web: its build failed (Dockerfile, line 4): echo no such header >&2; exit 7 exited with code 7."
    )
    assert error.detail == "no such header"
    assert (error.service, error.file, error.line) == ("web", workshop.folder / "context" / "Dockerfile", 4)


def test_one_image_that_fails_ends_the_build_of_the_others(workshop):
    workshop.write("bad.Dockerfile", "FROM base\nRUN exit 3\n")
    error = workshop.failure(
        workshop.image(service="jobs", name="x"), workshop.image(dockerfile="bad.Dockerfile"),
    )
    assert error.service == "web"
    assert "exited with code 3" in error.message


def test_a_context_that_is_not_there_is_told(workshop):
    error = workshop.failure(workshop.image(context=str(workshop.folder / "nowhere")))
    assert error.message.startswith("web: the image could not be built: lstat")
    assert "no such file or directory" in error.message


@pytest.mark.parametrize("missing", ["Container.exportImage", "Directory.dockerBuild.buildArgs"])
def test_an_engine_that_lacks_a_field_or_an_argument_is_told(workshop, missing):
    workshop.cli = double_cli(workshop.folder, without=[missing])
    error = workshop.failure(workshop.image(args=(("COLOUR", "blue"),)))
    assert "Dagger's engine does not know what its SDK asks for; use an engine of the SDK's version." in error.message
    assert missing.split(".")[-1] in error.message


@pytest.mark.parametrize("moment", ["Query.version", "Container.sync"])
def test_an_engine_that_dies_in_the_middle_is_told(workshop, moment):
    workshop.cli = double_cli(workshop.folder, die_at=moment)
    error = workshop.failure(workshop.image())
    assert error.message == "Dagger's session ended in the middle of the work (killed by signal 9)."
    assert "connect" in error.detail


def test_a_cli_that_exits_is_told_with_its_last_words(workshop):
    workshop.cli = script(workshop.folder, "echo looking for an engine >&2; echo no container runtime >&2; exit 1")
    error = workshop.failure(workshop.image())
    assert error.message == "The Dagger CLI exited with code 1 before there was a session: no container runtime"
    assert error.detail.splitlines() == ["looking for an engine", "no container runtime"]


def test_a_cli_that_hangs_is_killed(workshop):
    workshop.cli = script(workshop.folder, "trap '' TERM INT HUP; exec sleep 600")
    error = workshop.failure(workshop.image())
    assert error.message == "The Dagger CLI hangs: it wrote nothing within 6 s."


def test_a_cli_that_hangs_in_a_child_of_its_own_is_killed_with_it(workshop):
    workshop.cli = script(workshop.folder, "sleep 600 & wait")
    assert "hangs" in workshop.failure(workshop.image()).message


def test_a_cli_that_cannot_be_run_is_told(workshop):
    workshop.cli.chmod(0o644)
    assert "cannot be run: Permission denied" in workshop.failure(workshop.image()).message


def test_a_cli_that_says_something_else_is_told(workshop):
    workshop.cli = script(workshop.folder, "echo welcome; exec sleep 600")
    error = workshop.failure(workshop.image())
    assert error.message == "The Dagger CLI did not say where its session listens."
    assert error.detail == "welcome"


def test_an_engine_that_never_answers_is_told(workshop):
    workshop.cli = double_cli(workshop.folder, stuck_at="Query.version")
    assert workshop.failure(workshop.image()).message == "Dagger's engine did not answer within 6 s."


# Ending early


class Cancelled(Exception):
    """What a task raises in its main thread when it is asked to stop."""


@pytest.fixture
def cancelled_by_signal():
    def handler(number, frame):
        raise Cancelled

    before = signal.signal(signal.SIGUSR1, handler)
    yield
    signal.signal(signal.SIGUSR1, before)


@pytest.mark.parametrize("moment", ["Directory.sync", "Container.exportImage"])
def test_a_build_that_is_cancelled_leaves_no_process(workshop, cancelled_by_signal, moment):
    workshop.cli = double_cli(workshop.folder, stuck_at=moment, record=str(workshop.record))

    def cancel() -> None:
        until(lambda: workshop.record.exists() and workshop.asked(moment), 20, f"{moment} is asked for")
        os.kill(os.getpid(), signal.SIGUSR1)

    canceller = threading.Thread(target=cancel)
    canceller.start()
    with pytest.raises(Cancelled):
        workshop.build(workshop.image())
    canceller.join()
    assert workshop.alive() == []


def test_a_build_whose_worker_is_killed_leaves_no_process(workshop):
    workshop.cli = double_cli(workshop.folder, stuck_at="Container.sync", record=str(workshop.record))
    code = (
        "import sys, json\nfrom pathlib import Path\nfrom projects.engines.dagger.access import Access\n"
        "from projects.engines.dagger.build import build\nfrom projects.engines.dagger.image import Image\n"
        "image, cli, folder, environ = json.loads(sys.argv[1])\n"
        "list(build([Image.from_json(image)], Access(cli=cli), folder=Path(folder), environ=environ, docker={}))\n"
    )
    order = json.dumps([workshop.image().to_json(), str(workshop.cli), str(workshop.folder / "run"), workshop.environ])
    worker = subprocess.Popen([sys.executable, "-c", code, order], cwd=CODE_ROOT, env=workshop.environ)
    until(lambda: workshop.record.exists() and workshop.asked("Container.sync"), 20, "the build runs")
    assert len(workshop.alive()) >= 3
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()
    until(lambda: workshop.alive() == [], SOON, "builder and session have ended")
