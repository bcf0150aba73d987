"""How a moment is written for programs: in the API, in `--json`, in exports."""

from datetime import UTC, datetime


def iso(moment: datetime | None) -> str | None:
    """An aware datetime as ISO 8601 in UTC with six decimals: `2026-11-22T15:00:00.000000Z`. None stays None."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"
