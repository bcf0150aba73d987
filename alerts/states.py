"""The states of an alert, and how it may move between them."""

from django.db import models


class AlertState(models.TextChoices):
    """`pending`: its rule is broken, but not for long enough yet. `passed`: it was mended before it fired."""

    PENDING = "pending", "Pending"
    FIRING = "firing", "Firing"
    RESOLVED = "resolved", "Resolved"
    PASSED = "passed", "Passed"


# Where an alert may come from to be in a state.
MOVES = {
    AlertState.FIRING: frozenset({AlertState.PENDING}),
    AlertState.RESOLVED: frozenset({AlertState.FIRING}),
    AlertState.PASSED: frozenset({AlertState.PENDING}),
}
OPEN = frozenset({AlertState.PENDING, AlertState.FIRING})
