"""Modules that take much memory, and that few tasks need: a worker imports them when one of its tasks had to, so that
the processes that it forks afterwards share them and need not import them again."""

from __future__ import annotations

import gc
import logging
import sys
from collections.abc import Iterable
from importlib import import_module

from tasks.job import job_classes

logger = logging.getLogger(__name__)


def needed() -> list[str]:
    """Those of the jobs' `heavy` modules that this process has imported."""
    return sorted(_named() & sys.modules.keys())


def share(names: Iterable[str]) -> None:
    """Import those of these modules that a job calls `heavy`, and that are not here yet, for processes that are forked
    from now on. One that cannot be imported is left to who needs it, and is said in the log."""
    missing = (_named() & set(names)) - sys.modules.keys()
    for name in sorted(missing):
        try:
            import_module(name)
        except Exception:
            logger.warning("%s cannot be imported now.", name, exc_info=True)
    if missing:
        gc.collect()
        gc.freeze()


def _named() -> set[str]:
    return {name for job in job_classes() for name in job.heavy}
