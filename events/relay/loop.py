"""The threads of the relay: one gives positions, and one for each carrier sends facts on, so that a carrier which hangs
holds up nobody else."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from django.db import connections

from events.relay.numbering import BATCH, number

logger = logging.getLogger(__name__)

# Seconds between two looks for facts without a position, while nothing happens and while something does: what a reader
# waits on average is half of it.
EVERY, BUSY = 0.1, 0.03
# A carrier that was not woken looks by itself, for what another process has numbered.
LOOK = 1.0
# After a failure: the first pause, doubled with each further one, up to the longest.
PAUSE, LONGEST = 0.25, 5.0


class Carrier(Protocol):
    """Something that facts are sent on by."""

    name: str

    def turn(self) -> int:
        """Send what follows, at most a batch; returns how much was sent. May raise anything: it is tried again."""
        ...


class Relay:
    """Runs while it is told to lead. Any number may run at once: positions stay without gaps, and who receives an
    event twice knows it by its id; one leads only so that none does."""

    def __init__(self, carriers: Sequence[Carrier]):
        self._carriers = carriers
        self._leads, self._stop = threading.Event(), threading.Event()
        self._woken = {carrier.name: threading.Event() for carrier in carriers}
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Begin, without leading yet."""
        self._threads = [threading.Thread(target=self._run, args=("positions", self._number, self._stop, EVERY),
                                          name="relay", daemon=True)]
        for carrier in self._carriers:
            woken = self._woken[carrier.name]
            self._threads.append(threading.Thread(target=self._run, args=(carrier.name, carrier.turn, woken, LOOK),
                                                  name=f"relay to {carrier.name}", daemon=True))
        for thread in self._threads:
            thread.start()

    def lead(self, leads: bool) -> None:
        """Work from now on, or rest."""
        if leads:
            self._leads.set()
        else:
            self._leads.clear()

    def stop(self, patience: float = 0.3) -> None:
        """End all threads within these seconds; one that hangs is left behind, for it holds nothing that matters."""
        self._stop.set()
        self._leads.set()
        for woken in self._woken.values():
            woken.set()
        until = time.monotonic() + patience
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    def _number(self) -> int:
        given = number()
        if given:
            for woken in self._woken.values():
                woken.set()
        return given

    def _run(self, name: str, turn: Callable[[], int], woken: threading.Event, every: float) -> None:
        pause, failure = PAUSE, ""
        try:
            while self._leads.wait() and not self._stop.is_set():
                if woken is not self._stop:
                    woken.clear()
                try:
                    moved = turn()
                except Exception as error:
                    # The whole story once, not at every try.
                    logger.error("Relay to %s failed: %r", name, error, exc_info=repr(error) != failure)
                    failure = repr(error)
                    connections.close_all()
                    self._stop.wait(pause)
                    pause = min(pause * 2, LONGEST)
                    continue
                if failure:
                    logger.info("Relay to %s works again.", name)
                pause, failure = PAUSE, ""
                if moved < BATCH:
                    # What comes after a rest is told to carriers, and has to be looked for here.
                    woken.wait(BUSY if moved and woken is self._stop else every)
        finally:
            connections.close_all()
