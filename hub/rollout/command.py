"""`bin/deploy`, as it is called."""

from __future__ import annotations

import argparse
import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hub.rollout.errors import Busy, Refused, RolloutError
from hub.rollout.host import Host
from hub.rollout.rollout import Rollout
from hub.rollout.services import Services

FAILED, REFUSED, BUSY = 1, 2, 3
ABOUT = """\
Puts the version of this checkout in the place of the one that runs on this host, which was set up as docs/install.md
says: builds it beside the old one, makes a backup, brings the database up to date, tries its web at a port of its own,
hands web over without a refused request, restarts watch, and each worker when its task is done, and sees that all is
well. When it is not, the old version runs again."""
CODES = """\
Exit codes: 0 done, 1 failed (the last line says what runs now), 2 refused and nothing changed, 3 another deploy works.
"""


def main(checkout: str, arguments: list[str]) -> None:
    """Run it, and exit."""
    given = _parsed(arguments)
    signal.signal(signal.SIGTERM, _interrupt)
    os.umask(0o022)  # who runs Hub has to read what is built here
    host = Host(given.home.absolute(), given.variables, given.user)
    rollout = Rollout(host, Services(), Path(checkout).resolve(), tell=_say, patience=given.patience, keep=given.keep,
                      backup=not given.no_backup, anyway=given.anyway)
    try:
        if given.dry_run:
            _say("This is what would be done:")
            rollout.plan()
            return
        with _alone(host.home):
            if given.rollback:
                rollout.back()
            else:
                rollout.deploy()
        _say(f"{(host.current).resolve().name} runs.")
    except Refused as error:
        _end(f"{error} Nothing was changed.", REFUSED)
    except Busy as error:
        _end(str(error), BUSY)
    except (RolloutError, OSError, subprocess.SubprocessError) as error:
        _end(str(error), FAILED)
    except KeyboardInterrupt:
        _end("It was interrupted before anything was put in place: the old version runs.", FAILED)


def _parsed(arguments: list[str]) -> Any:
    parser = argparse.ArgumentParser("bin/deploy", description=ABOUT, epilog=CODES,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, and change nothing")
    parser.add_argument("--rollback", action="store_true", help="go back to the release before")
    parser.add_argument("--home", type=Path, default=Path("/opt/hub"), help="where releases are kept (/opt/hub)")
    parser.add_argument("--env", type=Path, default=Path("/etc/hub.env"), dest="variables", metavar="FILE",
                        help="Hub's environment (/etc/hub.env)")
    parser.add_argument("--user", default="hub", help="who runs Hub (hub)")
    parser.add_argument("--keep", type=int, default=3, metavar="N", help="how many releases stay (3)")
    parser.add_argument("--patience", type=float, default=120.0, metavar="SECONDS",
                        help="how long a step may take to be well (120)")
    parser.add_argument("--anyway", action="store_true", help="although `manage.py doctor` finds failures before")
    parser.add_argument("--no-backup", action="store_true", help="make no backup before")
    return parser.parse_args(arguments)


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """One deploy at a time: the kernel lets go when it ends, however it does. Raises Busy."""
    home.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(home, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Busy(f"Another deploy is at work on {home}. Wait until it has ended.") from None
    else:
        yield
    finally:
        os.close(descriptor)


def _interrupt(number: int, frame: Any) -> None:
    raise KeyboardInterrupt


def _say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {line}", flush=True)


def _end(message: str, code: int) -> None:
    print(f"hub: {message}", file=sys.stderr, flush=True)
    sys.exit(code)
