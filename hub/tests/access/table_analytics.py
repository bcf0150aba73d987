"""What happened to tasks over months."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hub.tests.access.entries import VIEWER, Table, page

TABLE: Table = {
    "analytics/": {"GET": page(VIEWER)},
}

SAME = {
    "analytics/": "(its operations are not written yet)",
}


def world(folder: Path) -> dict[str, Any]:
    return {}
