"""Hub's settings with the trial jobs of `tasks.tests.jobs`, for worker processes that tests start."""

import os
from pathlib import Path

from hub.settings import *  # noqa: F403
from hub.settings import INSTALLED_APPS
from tasks import memory

INSTALLED_APPS = [*INSTALLED_APPS, "tasks.tests", "tasks.tests.messy", "tasks.tests.fire"]
# A test may say itself what the kernel counts.
memory.CGROUPS = Path(os.environ.get("TRIAL_CGROUPS", memory.CGROUPS))
memory.PROC = Path(os.environ.get("TRIAL_PROC", memory.PROC))
