"""Workers and pages do not carry what only a report needs."""

from __future__ import annotations

import subprocess
import sys

from conftest import process_environment
from hub.tests.conftest import ROOT

SEEN = """
import sys, django
django.setup()
from tasks.job import job_class
from django.urls import get_resolver
{also}
assert job_class("reports.generate")
print([name for name in ("numpy", "scipy") if name in sys.modules])
"""


def loaded(also: str = "") -> str:
    answer = subprocess.run([sys.executable, "-c", SEEN.format(also=also)], cwd=ROOT, env=process_environment(),
                            capture_output=True, text=True, timeout=60, check=True)
    return answer.stdout.strip()


def test_no_process_loads_numpy_before_it_makes_a_report(db):
    assert loaded() == "[]"
    assert loaded("get_resolver().url_patterns") == "[]"
    assert loaded("import retrospectives.composition") == "['numpy']"
