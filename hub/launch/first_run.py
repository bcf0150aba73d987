"""The first minutes of a Hub: the address, a way in, something to try, and what starts with it."""

from __future__ import annotations

import http.client
import json
import logging
import math
import time
from pathlib import Path

from django.conf import settings
from django.contrib.auth import get_user_model

from accounts.actions import make_sign_in_link
from events.context import acting
from projects.actions import create_project
from projects.autostart import autostart
from projects.errors import ProjectError
from projects.examples import examples

logger = logging.getLogger(__name__)

READY_WITHIN = 60.0


def greet(address: str) -> None:
    """Wait until Hub answers, offer the examples, print where it is and, without a user, the way in, and start what
    starts with it."""
    if reasons := wait_until_ready(address, READY_WITHIN):
        print(f"Hub is not ready yet: {reasons}. It keeps trying; see {settings.HUB_DATA / 'logs'}.", flush=True)
        wait_until_ready(address, math.inf)
    offer_examples()
    print(f"\nHub is ready: {address}", flush=True)
    if not get_user_model().objects.exists():
        print(f"Sign in with this link, once, within 15 minutes; it makes you the first admin:\n"
              f"  {address}{make_sign_in_link()}", flush=True)
    print("Ctrl-C stops Hub. Stacks that were started keep running.\n", flush=True)
    for line in autostart():
        print(line, flush=True)


def wait_until_ready(address: str, within: float) -> str:
    """Ask /health/ready until it says so: empty then, otherwise what it lacks."""
    deadline = time.monotonic() + within
    while reasons := _not_ready(address):
        if time.monotonic() > deadline:
            return reasons
        time.sleep(0.1)
    return ""


def _not_ready(address: str) -> str:
    connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=5)
    try:
        connection.request("GET", "/health/ready")
        answer = connection.getresponse()
        return "" if answer.status == 200 else ", ".join(json.loads(answer.read())["reasons"])
    except (OSError, http.client.HTTPException, ValueError, KeyError):
        return "the web process does not answer"
    finally:
        connection.close()


def offer_examples() -> list[str]:
    """Register the stacks of `examples/` as projects, each once in the life of a data folder, and answer their names.

    Which were offered is kept in a file: those that somebody deleted do not come back. No problem here stops Hub.
    """
    marker = Path(settings.HUB_DATA) / "examples.offered"
    offered = []
    try:
        known = set(marker.read_text().split()) if marker.exists() else set()
        for example in examples():
            if example.name in known:
                continue
            # Written before the project is made: a crash in between loses an offer, and never makes two.
            known.add(example.name)
            marker.write_text("".join(f"{name}\n" for name in sorted(known)))
            name = example.name.replace("-", " ").replace("_", " ").capitalize()
            try:
                with acting(actor="hub", via="command"):
                    create_project(name=name, path=str(example.path))
            except ProjectError as error:
                logger.warning("The example %s was not registered: %s", example.name, error)
                continue
            offered.append(name)
    except OSError as error:
        logger.warning("The examples were not offered: %s", error)
    return offered
