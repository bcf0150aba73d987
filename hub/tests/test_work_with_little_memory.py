"""A worker carries only what its tasks need."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys

import pytest

from projects.engines.registry import ENGINES

# What takes megabytes, and what few tasks need.
HEAVY = {"cryptography.fernet", "docker", "requests", "urllib3", "opentelemetry", "ninja", "pydantic", *ENGINES.modules}
LOAD = """
import json, sys
import django
django.setup()
from tasks.worker import HubWorker
from tasks.job import job_classes
jobs = [job.name for job in job_classes()]
loaded = sorted(set({heavy}) & set(sys.modules))
{then}
print(json.dumps([jobs, loaded, "opentelemetry" in sys.modules]))
"""


def seen(then: str = "") -> tuple[list[str], list[str], bool]:
    """The jobs and the heavy modules of a new worker, and whether it has OpenTelemetry after doing that."""
    code = LOAD.format(heavy=sorted(HEAVY), then=then)
    environ = {**os.environ, "DJANGO_SETTINGS_MODULE": "hub.worker_settings"}
    done = subprocess.run([sys.executable, "-c", code], env=environ, stdout=subprocess.PIPE, check=True, text=True,
                          timeout=60)
    return tuple(json.loads(done.stdout))


def test_a_new_worker_knows_every_job_and_has_no_engine_and_no_library_of_one():
    jobs, loaded, _ = seen()
    assert "projects.start" in jobs and loaded == []


@pytest.mark.skipif(importlib.util.find_spec("opentelemetry") is None,
                    reason="OpenTelemetry is not here: pip install -r requirements-dev.txt brings it.")
def test_a_job_may_import_what_the_worker_did_without():
    assert seen("import opentelemetry.sdk.metrics")[2]


@pytest.mark.parametrize("name", ["process", "compose", "dagger"])
def test_an_engine_is_made_when_it_is_first_asked_for(name):
    engine = ENGINES[name]
    assert engine.name == name and ENGINES[name] is engine and ENGINES.get(name) is engine
    assert name in ENGINES and type(engine).__module__ in ENGINES.modules


def test_there_is_no_engine_of_another_name():
    assert "other" not in ENGINES and ENGINES.get("other") is None and list(ENGINES) == ["process", "compose", "dagger"]
    with pytest.raises(KeyError):
        ENGINES["other"]
