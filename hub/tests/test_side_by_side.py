"""The suite in several processes: each has its own things, and what must not run beside others does not."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from hub.tests.conftest import ROOT

SUITE = {
    "test_one.py": """
import time
import pytest

@pytest.mark.parametrize("number", range(3))
def test_in_one_place(note, number):
    time.sleep(0.1)

@pytest.mark.alone
def test_alone(note):
    time.sleep(0.2)

@pytest.mark.xdist_group("docker")
def test_shares(note):
    pass
""",
    "test_two.py": """
import time
import pytest

@pytest.mark.parametrize("number", range(3))
def test_elsewhere(note, number):
    time.sleep(0.1)

@pytest.mark.xdist_group("docker")
def test_shares_too(note):
    pass

def test_needs_a_part_that_is_missing():
    pytest.skip("no such part")
""",
    "conftest.py": """
import json, os, time
import pytest
from django.conf import settings

@pytest.fixture
def note(request):
    began = time.monotonic()
    yield
    with open(os.environ["NOTES"], "a") as file:
        print(json.dumps({"test": request.node.originalname, "pid": os.getpid(), "began": began,
                          "ended": time.monotonic(), "data": str(settings.HUB_DATA), "id": settings.HUB_ID,
                          "ports": settings.HUB_PORT_RANGE}), file=file)
""",
}


@pytest.fixture(scope="module")
def done(tmp_path_factory) -> tuple[str, list[dict]]:
    """What a run of a small suite in two processes printed, and what its tests noted of themselves."""
    folder = tmp_path_factory.mktemp("suite")
    for name, text in SUITE.items():
        (folder / name).write_text(text)
    kept = {name: value for name, value in os.environ.items()
            if not name.startswith(("HUB_", "PYTEST_", "DJANGO_SETTINGS_MODULE"))}
    environ = {**kept, "HUB_TEST_REQUIRE": "all", "NOTES": str(folder / "notes"), "PYTHONPATH": str(ROOT)}
    answer = subprocess.run(
        [sys.executable, "-m", "pytest", "-n2", "-c", ROOT / "pyproject.toml", "--rootdir", folder,
         "-p", "no:cacheprovider", "-p", "conftest", folder],
        cwd=ROOT, env=environ, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert answer.returncode == 1, answer.stdout + answer.stderr
    return answer.stdout, [json.loads(line) for line in (folder / "notes").read_text().splitlines()]


def test_each_process_has_data_ports_and_an_id_of_its_own(done):
    _, notes = done
    owned = {note["pid"]: (note["data"], note["id"], tuple(note["ports"])) for note in notes}
    assert len(owned) == 2
    first, second = owned.values()
    assert first[0] != second[0] and first[1] != second[1]
    assert first[2][1] < second[2][0] or second[2][1] < first[2][0]


def test_a_file_and_a_group_stay_in_one_process(done):
    _, notes = done
    for names in ({"test_in_one_place"}, {"test_elsewhere"}, {"test_shares", "test_shares_too"}):
        places = [note["pid"] for note in notes if note["test"] in names]
        assert len(places) >= 2 and len(set(places)) == 1, names


def test_whoever_must_be_alone_runs_beside_nobody_at_the_end(done):
    _, notes = done
    (alone,) = [note for note in notes if note["test"] == "test_alone"]
    others = [note for note in notes if note is not alone]
    assert len(others) == 8
    assert all(note["ended"] <= alone["began"] for note in others)


def test_a_missing_part_is_a_failure_in_every_process_and_named_as_it_can_be_run_again(done):
    output, _ = done
    lines = output.splitlines()
    assert lines[-1].startswith("1 failed, 9 passed")
    failed = [line for line in lines if line.startswith("FAILED")]
    # Where it has the width, as in CI, pytest adds the reason to the name.
    names = [line.removeprefix("FAILED ").partition(" - ")[0] for line in failed]
    assert len(names) == 1 and names[0].endswith("test_two.py::test_needs_a_part_that_is_missing")
    assert "HUB_TEST_REQUIRE=all allows no skip" in output and "no such part" in output
