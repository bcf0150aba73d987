"""Exports that have expired go, each on the host that its file lies on."""

from __future__ import annotations

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from analytics.builder import storing
from analytics.builder.models import Export
from events.actions import record


def sweep() -> list[str]:
    """Remove what has expired, and files of this node that belong to nothing. Called by `watch` of each node."""
    # The files first: one that is written after this look has its row already.
    files = list(storing.names())
    gone = list(Export.objects.filter(expires_at__lte=timezone.now(), node=settings.HUB_NODE))
    if gone:
        with transaction.atomic():
            Export.objects.filter(pk__in=[one.pk for one in gone]).delete()
            record("report.exports-expired", {"exports": [str(one.pk) for one in gone]})
    known = {one.file_name for one in Export.objects.only("format")} if files else set()
    for name, path in files:
        if name not in known or storing.is_abandoned(path):
            path.unlink(missing_ok=True)
    return [f"“{one}” has expired." for one in gone]
