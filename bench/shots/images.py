"""Which images there are, and how large each is."""

from __future__ import annotations

from dataclasses import dataclass

WIDTH = 1280


@dataclass(frozen=True)
class Shot:
    """One image: `name` without its ending, how high, and whether there is one of the dark theme as well."""

    name: str
    height: int
    dark: bool = False

    def files(self) -> list[str]:
        return [f"{self.name}.png", *([f"{self.name}-dark.png"] if self.dark else [])]


STARTING, DASHBOARD = Shot("starting", 760, dark=True), Shot("dashboard", 900, dark=True)
FAILED = Shot("failed", 900, dark=True)
OVERVIEW, JOBS = Shot("analytics-overview", 1130), Shot("analytics-jobs", 900)
PROJECT, REPORT = Shot("analytics-project", 1390), Shot("retrospective", 1380)
SHOTS = (DASHBOARD, STARTING, FAILED, OVERVIEW, JOBS, PROJECT, REPORT)
