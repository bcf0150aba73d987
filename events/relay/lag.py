"""How far the stream is behind what has happened."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count, Min
from django.utils import timezone

from events.models import Event
from events.relay.numbering import last_position
from events.words import span

# Counting stops here: behind is behind.
MOST = 10_000
# Seconds after which a relay that works would long have come by.
LATE = 5.0


@dataclass(frozen=True, slots=True)
class Lag:
    """`position`: of the newest in the stream; `waiting`: facts that have none yet, counted up to 10,000; `seconds`:
    how long the oldest of them waits, 0 without any."""

    position: int
    waiting: int
    seconds: float

    @property
    def is_late(self) -> bool:
        """Whether nobody seems to give positions: no `watch` runs, or it fails."""
        return self.seconds > LATE

    @property
    def count(self) -> str:
        return f"{self.waiting:,}" + ("+" if self.waiting == MOST else "")

    @property
    def span(self) -> str:
        """`seconds` for people."""
        return span(self.seconds)


def lag() -> Lag:
    """As it is now."""
    waiting = Event.objects.filter(position=None).order_by("id")[:MOST]
    found = waiting.aggregate(number=Count("pk"), oldest=Min("timestamp"))
    if found["oldest"] is None:
        return Lag(last_position(), 0, 0.0)
    seconds = max(0.0, (timezone.now() - found["oldest"]).total_seconds())
    return Lag(last_position(), found["number"], seconds)
