"""How the tests are shared out to several processes (`bin/test`; pytest-xdist with `-n`).

The tests of one file run in one process, in their order, so that what a file starts is started once. Two marks say
otherwise:

- `@pytest.mark.xdist_group("docker")`: whatever carries the same name runs in one process, one after the other. For
  tests of several files that share one costly thing.
- `@pytest.mark.alone`: at the end, while no other test runs. For a test that times the machine so closely that a busy
  neighbour would decide.
"""

from __future__ import annotations

import fcntl
import functools
import json
import os
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest
from xdist.scheduler import LoadScopeScheduling

ALONE = "alone"
# Handed out first: what takes longest must not begin last.
LONGEST_FIRST = ("hub/tests/system/", "hub/", "tasks/", "projects/")
SHARED = pytest.StashKey[tempfile.TemporaryDirectory]()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", f"{ALONE}: at the end, while no other test of the run runs.")
    config.addinivalue_line("markers", "xdist_group(name): in one process with all others of that name.")


def pytest_unconfigure(config: pytest.Config) -> None:
    if SHARED in config.stash:
        config.stash[SHARED].cleanup()


# --- In the process that hands out the tests --------------------------------------------------------------------------


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """For `-n auto`: one more than cores, since many tests wait for what they started; no more than files are named,
    and for one file none (0): it runs in this process."""
    most = len(os.sched_getaffinity(0)) + 1
    files = {config.invocation_params.dir / argument.partition("::")[0] for argument in config.args}
    if all(file.is_file() for file in files):
        most = min(most, len(files))
    return most if most > 1 else 0


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node) -> None:
    """Tell a worker which folder all of this run share."""
    stash = node.config.stash
    if SHARED not in stash:
        stash[SHARED] = tempfile.TemporaryDirectory(prefix="hub-tests-shared-")
    node.workerinput["shared"] = stash[SHARED].name


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log) -> LoadScopeScheduling:
    config.option.loadscopereorder = False  # the workers have put the groups in order
    return GroupScheduling(config, log)


class GroupScheduling(LoadScopeScheduling):
    """Hands out the groups that the workers found while they collected, one at a time. xdist's own `loadgroup` writes
    the group into a test's name, which this pytest does not let it do."""

    @functools.cached_property
    def _groups(self) -> dict[str, str]:
        return json.loads((Path(self.config.stash[SHARED].name) / "groups").read_text())

    def _split_scope(self, nodeid: str) -> str:
        return self._groups[nodeid]


# --- In the processes that run them -----------------------------------------------------------------------------------


def shared_folder(config: pytest.Config) -> Path | None:
    """None in a process that runs all tests itself."""
    return Path(config.workerinput["shared"]) if hasattr(config, "workerinput") else None


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the groups in order, and say which test is of which."""
    folder = shared_folder(config)
    if folder is None:
        return
    items.sort(key=_place)
    # Every worker says the same; each replaces the whole file.
    said = folder / f"groups-{os.getpid()}"
    said.write_text(json.dumps({item.nodeid: group_of(item) for item in items}))
    said.replace(folder / "groups")


def group_of(item: pytest.Item) -> str:
    if item.get_closest_marker(ALONE):
        return ALONE
    mark = item.get_closest_marker("xdist_group")
    return mark.args[0] if mark else item.nodeid.partition("::")[0]


def _place(item: pytest.Item) -> int:
    """Named groups first: what is worth sharing takes long."""
    if item.get_closest_marker(ALONE):
        return len(LONGEST_FIRST) + 1
    if item.get_closest_marker("xdist_group"):
        return -1
    return next((place for place, start in enumerate(LONGEST_FIRST) if item.nodeid.startswith(start)),
                len(LONGEST_FIRST))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    folder = shared_folder(item.config)
    if folder is None:
        return (yield)
    with (folder / "lock").open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX if item.get_closest_marker(ALONE) else fcntl.LOCK_SH)
        try:
            return (yield)
        finally:
            # Said, not left to the end of the file: a process that was forked meanwhile has the same file open.
            fcntl.flock(file, fcntl.LOCK_UN)
