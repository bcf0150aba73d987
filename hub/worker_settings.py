"""Hub's settings for `manage.py worker`: without what nobody asks a worker for, and what would take 13 MB of each: the
REST framework, the pages of the admin site, and OpenTelemetry."""

import sys

# redis loads it wherever it is installed, as it is with the Dagger SDK; it measures only who sets it up, which Hub does
# not. A job may import it all the same.
if "redis" not in sys.modules:
    sys.modules.setdefault("opentelemetry", None)
    import redis.observability.providers  # noqa: F401

    if sys.modules["opentelemetry"] is None:
        del sys.modules["opentelemetry"]

from hub.settings import *  # noqa: F403
from hub.settings import INSTALLED_APPS

# What is left of the admin site is its models.
REPLACED = {"django.contrib.admin": "django.contrib.admin.apps.SimpleAdminConfig"}
INSTALLED_APPS = [REPLACED.get(app, app) for app in INSTALLED_APPS if app != "ninja"]
