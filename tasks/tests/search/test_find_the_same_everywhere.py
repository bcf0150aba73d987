"""The same queries find the same tasks on SQLite and on PostgreSQL, in parts of every length and in both orders."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.tests.search import cases
from tasks.tests.search.answers import answers

ROOT = Path(__file__).resolve().parents[3]
EXPECTED = {text: [names.split()] * 6 for text, names in cases.FINDS.items()}


@pytest.mark.django_db
def test_each_query_finds_what_it_asks_for():
    assert answers() == EXPECTED


def test_each_query_finds_the_same_on_postgresql(postgres_url, tmp_path):
    environment = {**os.environ, "DATABASE_URL": postgres_url, "HUB_DATA": str(tmp_path)}
    subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, env=environment, check=True)
    done = subprocess.run([sys.executable, "-m", "tasks.tests.search.elsewhere"], cwd=ROOT, env=environment,
                          stdout=subprocess.PIPE, text=True, check=True)
    assert json.loads(done.stdout) == EXPECTED
