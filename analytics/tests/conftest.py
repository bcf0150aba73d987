"""What the tests of analytics share."""

from __future__ import annotations

import pytest
from django.core.cache import cache

from analytics import caching
from tasks import expectations


@pytest.fixture(autouse=True)
def nothing_remembered(redis_server):
    """Each test begins with roll-ups of version 0, so answers of the test before would be taken for its own."""
    caching.forget()
    cache.clear()
    expectations.forget()
