"""What every drill has: a production host, and a way to say what was seen."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from hub.tests.drills.production import Production
from hub.tests.drills.production import production as production_host


@pytest.fixture(scope="module")
def production() -> Iterator[Production]:
    """One for the drills of a file, set up by the guide."""
    with production_host() as made:
        yield made


@pytest.fixture(scope="module")
def tell() -> Callable[[str], None]:
    """Say something, with the seconds since the drills of this file began."""
    began = time.monotonic()
    return lambda text: print(f"{time.monotonic() - began:7.1f} s  {text}", flush=True)
