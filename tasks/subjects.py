"""What tasks are about. A subject is `<app>.<model>:<primary key>`: Django's registry knows the model, so that this app
need not know the apps above it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from django.apps import apps
from django.core.exceptions import ValidationError


@dataclass(frozen=True, slots=True)
class Subject:
    """`name` for people, and the `url` of its page, empty where there is none. `gone`: its row was deleted."""

    name: str
    url: str = ""
    gone: bool = False


def look_up(subjects: Iterable[str]) -> dict[str, Subject]:
    """What these subjects are, in one query per model; those that are no rows (any more) keep their text as name."""
    found = {subject: Subject(subject) for subject in subjects if subject}
    by_model: dict[str, dict[str, str]] = defaultdict(dict)
    for subject in found:
        label, _, key = subject.rpartition(":")
        by_model[label][key] = subject
    for label, keys in by_model.items():
        try:
            model = apps.get_model(label)
            rows = model._default_manager.in_bulk(list(keys))
        except (LookupError, ValueError, ValidationError):
            continue
        names = {str(row.pk): row for row in rows.values()}
        for key, subject in keys.items():
            if row := names.get(key):
                found[subject] = Subject(str(row), row.get_absolute_url() if hasattr(row, "get_absolute_url") else "")
            else:
                found[subject] = Subject(f"{model._meta.verbose_name} {key}, deleted", gone=True)
    return found
