"""Hub's settings for `manage.py worker`: without the REST framework and the pages of the admin site. Nobody asks a
worker for them, and they would take 10 MB of each."""

from hub.settings import *  # noqa: F403
from hub.settings import INSTALLED_APPS

# What is left of the admin site is its models.
REPLACED = {"django.contrib.admin": "django.contrib.admin.apps.SimpleAdminConfig"}
INSTALLED_APPS = [REPLACED.get(app, app) for app in INSTALLED_APPS if app != "ninja"]
