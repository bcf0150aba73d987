"""Teams with a known truth, to see how often the analysis finds what is there and claims what is not."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from retrospectives.metrics import EVERY, LOWER, SINGLES

SPRINTS = 12
METRICS = SINGLES[:25]
FAMILY = ("bugs_missed_testing", "bugs_missed_impact", "bugs_requirement_gap")
"""The three related metrics that shift in a team of kind `family`; they are the family `quality`."""
STEP = "review_time"
KINDS = ("none", "family", "single")


def teams(kind: str, number: int, seed: int = 1) -> Iterator[dict[str, list[float]]]:
    """So many teams of SPRINTS sprints with 25 independent, normal metrics. `none`: nothing changes; `family`: three
    related ones get worse by two standard deviations from the middle on; `single`: one steps by three."""
    chance = np.random.default_rng([seed, KINDS.index(kind)])
    for _ in range(number):
        values = dict(zip(METRICS, chance.standard_normal((len(METRICS), SPRINTS)), strict=True))
        for key, sigma in [(key, 2) for key in FAMILY] if kind == "family" else [(STEP, 3)] * (kind == "single"):
            values[key][SPRINTS // 2:] += sigma if EVERY[key].better == LOWER else -sigma
        yield {key: (100 + 10 * row).tolist() for key, row in values.items()}
