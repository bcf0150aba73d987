"""The settings of Hub's workers, with the job of the bench that does nothing."""

from hub.worker_settings import *  # noqa: F403
from hub.worker_settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tasks.tests.messy"]
