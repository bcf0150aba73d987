"""How many workers the `up` of a node keeps."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

MOST = 64


class Crew(models.Model):
    """The workers of one `up`. `wanted` is what was decided last, `reason` why, `decided_at` when.

    `fixed`: set by hand, and kept until it is released; None: as many as are needed between `fewest` and `most`, which
    are the settings of that `up`. `note` says who set it, and what for.
    """

    node = models.CharField(primary_key=True, max_length=64)
    fewest = models.PositiveSmallIntegerField(default=1, editable=False)
    most = models.PositiveSmallIntegerField(default=1, editable=False)
    wanted = models.PositiveSmallIntegerField(default=1, editable=False)
    reason = models.CharField(max_length=400, blank=True, editable=False)
    decided_at = models.DateTimeField(null=True, blank=True, editable=False)
    fixed = models.PositiveSmallIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(MOST)]
    )
    note = models.CharField(max_length=400, blank=True)

    class Meta:
        ordering = ["node"]

    def __str__(self) -> str:
        return self.node
