"""Hub's settings with what only the bench mounts: a bare view that reads one row, and a count of queries."""

from hub.settings import *  # noqa: F403
from hub.settings import MIDDLEWARE as HUB_MIDDLEWARE

ROOT_URLCONF = "bench.urls"
ASGI_APPLICATION = "bench.asgi.application"
MIDDLEWARE = ["bench.views.QueryCountMiddleware", *HUB_MIDDLEWARE]
