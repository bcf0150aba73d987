"""Print what the cases find in the database that DATABASE_URL names, as JSON, and leave it as it was."""

from __future__ import annotations

import json
import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hub.settings")
django.setup()

from django.db import transaction  # noqa: E402 - Django has to be set up before

from tasks.tests.search.answers import answers  # noqa: E402 - as above

with transaction.atomic():
    print(json.dumps(answers()))
    transaction.set_rollback(True)
