"""What tasks are about. A subject is `<app>.<model>:<primary key>`: Django's registry knows the model, so that this app
need not know the apps above it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from django.apps import apps
from django.core.exceptions import ValidationError
from django.db.models import Model, Q

MOST = 100


@dataclass(frozen=True, slots=True)
class Subject:
    """`name` for people, and the `url` of its page, empty where there is none. `gone`: its row was deleted."""

    name: str
    url: str = ""
    gone: bool = False


def look_up(subjects: Iterable[str]) -> dict[str, Subject]:
    """What these subjects of tasks are, in one query per model. Those that name no model keep their text as name."""
    found = {subject: Subject(subject) for subject in subjects if subject}
    by_model: dict[str, dict[str, str]] = defaultdict(dict)
    for subject in found:
        label, _, key = subject.rpartition(":")
        by_model[label][key] = subject
    for label, keys in by_model.items():
        try:
            model = apps.get_model(label)
        except (LookupError, ValueError):
            continue
        rows = model._default_manager.in_bulk([key for key in keys if _may_be_key(key, model)])
        names = {str(row.pk): row for row in rows.values()}
        for key, subject in keys.items():
            if row := names.get(key):
                found[subject] = Subject(str(row), row.get_absolute_url() if hasattr(row, "get_absolute_url") else "")
            else:
                found[subject] = Subject(f"{model._meta.verbose_name} {key}, deleted", gone=True)
    return found


def named(label: str, name: str) -> list[str]:
    """The subjects of a model's rows that have this name or slug, whatever its case; at most a hundred."""
    try:
        model = apps.get_model(label)
    except LookupError:
        return []
    columns = {field.name for field in model._meta.concrete_fields} & {"name", "slug"}
    wanted = Q(*((f"{column}__iexact", name) for column in columns), _connector=Q.OR)
    return [f"{label}:{key}" for key in model._default_manager.filter(wanted).values_list("pk", flat=True)[:MOST]]


def _may_be_key(key: str, model: type[Model]) -> bool:
    """Whether the database can be asked for it: a number may be no number, or larger than any."""
    try:
        field = model._meta.pk
        field.run_validators(field.to_python(key))
    except ValidationError:
        return False
    return "\0" not in key
