"""Hub's settings with the trial jobs of `tasks.tests.jobs`, for worker processes that tests start."""

from hub.settings import *  # noqa: F403
from hub.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tasks.tests", "tasks.tests.messy", "tasks.tests.fire"]
